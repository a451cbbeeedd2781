"""Validators that several sections share."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

from attrs import Attribute

INLINE = "inline"
"""Metadata of a mapping field whose keys are beside the other fields in a file.

Its value says which keys those are: ``any``, or the ``sections`` that plugins registered.
"""


def not_blank(_: Any, attribute: Attribute[Any], value: str) -> None:
    """Refuse an empty text: it would be taken for the working folder.

    Raises:
        ValueError: *value* is empty or white space.
    """
    if not value.strip():
        raise ValueError(f"{attribute.name!r} must not be empty; give it a value or remove it")


def empty_or_not_blank(_: Any, attribute: Attribute[Any], value: str) -> None:
    """Refuse white space alone, which would become part of every name.

    Raises:
        ValueError: *value* is white space.
    """
    if value:
        not_blank(_, attribute, value)


def no_blank_values(_: Any, __: Attribute[Any], value: Mapping[str, str]) -> None:
    """Refuse a mapping with an empty value.

    Raises:
        ValueError: A value is empty or white space.
    """
    for key, text in value.items():
        if not text.strip():
            raise ValueError(f"the value of {key!r} must not be empty")


_EXTENSION_NAME = re.compile(r"[A-Za-z]+")
_EXTENSION_VALUE = re.compile(r"[\x21-\x7e \t\r\n]+")


def sasl_extensions(_: Any, attribute: Attribute[Any], value: Mapping[str, str]) -> None:
    """Refuse extensions that RFC 7628 does not allow.

    Raises:
        ValueError: A name holds other than A to Z and a to z, or is ``auth``; or a value is
            empty or holds other than ASCII characters.
    """
    for name, text in value.items():
        if not _EXTENSION_NAME.fullmatch(name):
            raise ValueError(
                f"{attribute.name!r} holds {name!r}, which is not a valid extension name; "
                "RFC 7628 allows A to Z and a to z alone"
            )
        if name.lower() == "auth":
            raise ValueError(
                f"{attribute.name!r} holds {name!r}, which is where the token goes; remove it"
            )
        if not _EXTENSION_VALUE.fullmatch(text):
            raise ValueError(
                f"{attribute.name!r}: the value of {name!r} is empty or holds characters that "
                "RFC 7628 does not allow; write printable ASCII"
            )


HOST = re.compile(r"(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?")
"""A host, and a port if one is given."""


def hosts(_: Any, attribute: Attribute[Any], value: tuple[str, ...]) -> None:
    """Refuse what is not a host, with or without a port.

    Raises:
        ValueError: One of *value* is not a host.
    """
    for host in value:
        if not HOST.fullmatch(host):
            raise ValueError(
                f"{attribute.name!r} holds {host!r}, which is not a valid host; write host "
                "or host:port, without https://"
            )


def without_proxy(_: Any, attribute: Attribute[Any], value: tuple[str, ...]) -> None:
    """Refuse what is neither a host nor a domain beginning with a dot.

    Raises:
        ValueError: One of *value* is not.
    """
    for host in value:
        if not HOST.fullmatch(host.removeprefix(".")) or (host[:1] == "." and ":" in host):
            raise ValueError(
                f"{attribute.name!r} holds {host!r}, which is not a valid host; write host, "
                "host:port, or .domain for every host below it"
            )
