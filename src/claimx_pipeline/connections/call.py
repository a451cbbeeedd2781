"""One request, ready to be sent as often as it takes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any, Protocol
from urllib.parse import quote, urlencode

import msgspec
from attrs import evolve, frozen
from yarl import URL

from claimx_pipeline.connections.verdict import Verdict, by_status

if TYPE_CHECKING:
    from claimx_pipeline.connections.answer import Answer, RequestFailedError

_AS_THEY_ARE = "".join(chr(code) for code in range(0x21, 0x7F))
"""Every character that a request line may hold, right or wrong: the service will tell."""

_FORM = "application/x-www-form-urlencoded"

USUAL_HEADERS = {
    "Accept": "application/json",
    # What is unpacked here; aiohttp would ask for more.
    "Accept-Encoding": "gzip, deflate",
    "User-Agent": "claimx-pipeline",
}
"""Of every request, unless the settings say otherwise."""

_REPEATABLE = frozenset({"GET", "HEAD", "OPTIONS", "PUT", "DELETE"})
"""Methods that may be sent twice without harm (RFC 9110, 9.2.2)."""


class Watch(Protocol):
    """Follows every single request that one call leads to, repetitions included."""

    def sending(self) -> Mapping[str, str]:
        """A request is about to be sent; return headers that only this one has."""
        ...

    def ended(self, result: Answer | RequestFailedError) -> None:
        """It has been answered, or failed. Not called if the worker stops meanwhile."""
        ...


def body_of(
    json: Any, form: Mapping[str, str] | None, headers: Mapping[str, str] | None
) -> tuple[bytes | None, Mapping[str, str] | None]:
    """Return the body of a request and its headers, with the content type of a *form*."""
    if form is not None:
        return urlencode(form).encode(), merged({"Content-Type": _FORM}, headers or {})
    return None if json is None else msgspec.json.encode(json), headers


@frozen
class Call:
    """A request that may be sent more than once."""

    method: str
    url: str
    where: str
    """Method and URL without its query, for error texts."""
    headers: Mapping[str, str]
    content: bytes | None
    repeatable: bool
    """Sending it twice does no harm."""
    timeout_seconds: float | None = None
    """Total time of one try; the connection's own if not given."""
    subject: str | None = None
    """What is asked about; see ``Connection.request``."""
    expects_json: bool = False
    """An answer without JSON is the service's failure."""
    verdict: Verdict = by_status
    """Tells whether an answer is a yes."""
    endpoint: str = "other"
    """The declared path, under which metrics count it; never the real one."""

    def having(self, headers: Mapping[str, str]) -> Call:
        """Return the same request with further *headers*."""
        return evolve(self, headers=merged(self.headers, headers)) if headers else self


def call_to(  # noqa: PLR0913 - the parts of an HTTP request
    base_url: str,
    method: str,
    path: str,
    *,
    params: Mapping[str, Any] | None = None,
    headers: Mapping[str, str] | None = None,
    content: bytes | None = None,
    idempotency_key: str | None = None,
    repeatable: bool = False,
    timeout_seconds: float | None = None,
    verdict: Verdict = by_status,
    subject: str | None = None,
    expects_json: bool = False,
    endpoint: str | None = None,
) -> Call:
    """Return the request for *path* below *base_url*, which has no slash at its end.

    The other arguments are those of ``Connection.request``.
    """
    # Some services are at the base URL itself and know it only without a slash.
    below = path if path.startswith("/") else f"/{path}"
    url = sendable(f"{base_url}{below}" if path else base_url)
    return Call(
        method,
        _with_query(url, params),
        f"{method} {url.partition('?')[0]}",
        _headers(headers, idempotency_key, with_body=content is not None),
        content,
        repeatable or method in _REPEATABLE or idempotency_key is not None,
        timeout_seconds,
        subject if subject is not None else idempotency_key,
        expects_json,
        verdict,
        "other" if endpoint is None else endpoint or "/",
    )


def base_of(url: str) -> str:
    """Return a base URL without slashes at its end, its host as it is looked up (IDNA)."""
    try:
        return (url if url.isascii() else str(URL(url))).rstrip("/")
    except ValueError:
        return url.rstrip("/")  # no such host; the request will say so


def sendable(url: str) -> str:
    """Return *url* as it goes out: byte for byte, but for what would break a request.

    Blanks, control characters and what is not ASCII are percent-encoded; a fragment is left out.
    """
    return quote(url.partition("#")[0], safe=_AS_THEY_ARE, errors="replace")


def merged(headers: Mapping[str, str], further: Mapping[str, str]) -> dict[str, str]:
    """Return *headers* overridden by *further*, whatever the case of the names."""
    return {name.lower(): value for given in (headers, further) for name, value in given.items()}


def _with_query(url: str, params: Mapping[str, Any] | None) -> str:
    given = {name: value for name, value in (params or {}).items() if value is not None}
    if not given:
        return url
    query = urlencode(given, doseq=True, safe=",")
    return f"{url}{'&' if '?' in url else '?'}{query}"


def _headers(
    further: Mapping[str, str] | None, idempotency_key: str | None, *, with_body: bool
) -> dict[str, str]:
    headers = {"Content-Type": "application/json"} if with_body else {}
    if idempotency_key is not None:
        headers["Idempotency-Key"] = idempotency_key
    return merged(headers, further) if further else headers
