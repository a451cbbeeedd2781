"""Kinds of text in settings: URLs, locations, headers, tokens, and what each must look like.

A field names its kind by ``metadata={KIND: http_url}``. The loader asks it about a value that came
from outside, beside the validators that every object of the class obeys. Each function returns
what is wrong with a value, None if nothing is.
"""

from __future__ import annotations

import ipaddress
import os
import re
from collections.abc import Mapping
from urllib.parse import SplitResult, urlsplit

from claimx_pipeline.settings.secret import Secret

KIND = "kind"
"""Metadata of a field: the function below that judges its value."""

_URL_EXPECTED = "is not a valid URL; write http:// or https://, a host and perhaps a path"
_LABEL = r"[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
_HOST_NAME = re.compile(rf"(?=.{{1,253}}$){_LABEL}(?:\.{_LABEL})*\.?")
_IN_URL = re.compile(r"[^\s\"<>\\^`{|}#]*")
_HALF_URL = re.compile(r"[A-Za-z][A-Za-z0-9+.-]+:(?!//)|[A-Za-z][A-Za-z0-9+.-]*:///*$")
_LOCATION = (
    "is {!r}, which is not a valid location; write a folder, or a URL such as s3://bucket/folder"
)
_LONGEST_NAME = 255
_HEADER = re.compile(r"[A-Za-z0-9!#$%&'*+.^_`|~-]+")


def http_url(value: str) -> str | None:
    """Judge an address that requests are made to."""
    if not value.lower().startswith(("http://", "https://")) or not _IN_URL.fullmatch(value):
        return _URL_EXPECTED
    try:
        parts = urlsplit(value)
        port = parts.port
    except ValueError:
        return _URL_EXPECTED
    good = value.isprintable() and _has_host(parts) and port != 0
    return None if good else _URL_EXPECTED


def proxy_url(value: str) -> str | None:
    """Judge the address of a forward proxy, or ``direct``."""
    expected = "is not a valid proxy; write http://HOST:PORT, or direct for none"
    if value == "direct":
        return None
    if not value.lower().startswith("http://") or http_url(value):
        return expected
    parts = urlsplit(value)
    if "@" in parts.netloc:
        return "must not hold a user or password; use proxy_username and proxy_password"
    bare = parts.port is not None and parts.path in ("", "/") and not parts.query
    return None if bare else expected


def service_url(value: str) -> str | None:
    """Judge the address of a service, or a folder as ``file://DIR``."""
    if value.lower().startswith("file://"):
        folder = value[len("file://") :].strip("/ ")
        return None if folder else "names no folder behind file://"
    fault = http_url(value)
    return f"{fault}, or file://DIR" if fault else None


def _has_host(parts: SplitResult) -> bool:
    host, literal = parts.hostname or "", parts.netloc.rpartition("@")[2]
    if literal.startswith("["):
        try:
            ipaddress.IPv6Address(host)
        except ValueError:
            return False
        return True
    return _HOST_NAME.fullmatch(host) is not None and not literal.endswith(":")


def location(value: str) -> str | None:
    """Judge a folder or the URL of one; half a URL would be taken for a folder's name."""
    if "://" not in value:
        return _LOCATION.format(value) if _HALF_URL.match(value) else local_path(value)
    try:
        urlsplit(value)
    except ValueError:
        return _LOCATION.format(value)
    return _LOCATION.format(value) if _HALF_URL.match(value) else None


def local_path(value: str) -> str | None:
    """Judge a file or folder of this machine; a URL would be taken for a folder's name."""
    if "://" in value:
        return f"is {value!r}, a URL; write a file or folder of this machine"
    if "\0" in value:
        return "holds a NUL character, which no path has; remove it"
    if any(len(os.fsencode(name)) > _LONGEST_NAME for name in value.split("/")):
        return f"has a name longer than {_LONGEST_NAME} bytes, which no file system takes"
    return None


def listening_host(value: str) -> str | None:
    """Judge an address of this machine that a server listens on."""
    try:
        ipaddress.ip_address(value)
    except ValueError:
        if _HOST_NAME.fullmatch(value):
            return None
        return f"is {value!r}, which is not a valid address; write 127.0.0.1, 0.0.0.0 or a host"
    return None


def url_of(host: str, port: int) -> str:
    """Return the address of a server of this machine, without a slash at its end."""
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def optional_http_url(value: str) -> str | None:
    """Judge an address that requests are made to; empty is for none."""
    return http_url(value) if value else None


def locations(value: Mapping[str, str]) -> str | None:
    """Judge locations by name."""
    for key, text in value.items():
        if (fault := location(text)) is not None:
            return f"{key!r} {fault}"
    return None


def header_name(value: str) -> str | None:
    """Judge the name of a header."""
    return None if _HEADER.fullmatch(value) else f"is {value!r}, which is not a valid header name"


def headers(value: Mapping[str, str | Secret]) -> str | None:
    """Judge headers by name."""
    for name, given in value.items():
        text = given.reveal() if isinstance(given, Secret) else given
        if not _HEADER.fullmatch(name):
            return f"holds {name!r}, which is not a valid header name"
        if not text.isprintable() or text != text.strip():
            return (
                f"the value of {name!r} holds a character that no header can carry; write it in "
                "one line, without blanks around it"
            )
    return None


def header_token(value: Secret) -> str | None:
    """Judge a credential that a header carries."""
    text = value.reveal()
    if text.isprintable() and text.isascii():
        return None
    return "holds characters that no header can carry"


def endpoint(value: str) -> str | None:
    """Judge a path that a base URL is put in front of."""
    if not value.isprintable() or any(character.isspace() for character in value) or "\\" in value:
        return f"is {value!r}, which is not a valid path of a URL"
    if "://" in value.partition("?")[0]:
        return "must be a path below base_url, not a URL"
    return None
