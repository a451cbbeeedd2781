"""The HTTP client; the one module that knows which library sends the requests.

httpx's requests and responses over aiohttp's pool: httpx 0.28's own pool slows down
with the number of requests under way, and its ``AsyncClient`` costs as much again as
the request itself. So requests are handed to the transport directly.
"""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Mapping
from pathlib import Path
from typing import Any
from urllib.parse import unquote, urlencode, urlsplit

import aiohttp
import httpx
import msgspec
from attrs import define, field, frozen
from httpx_aiohttp import AiohttpTransport

from claimx_pipeline.clock import Clock
from claimx_pipeline.connections.answer import Answer, RequestFailedError, refusal
from claimx_pipeline.connections.credential import check_connection, credential_headers, token_of
from claimx_pipeline.connections.file_exchange import FileExchange
from claimx_pipeline.connections.redact import quoted
from claimx_pipeline.errors import Category, ClaimxError, RecordError
from claimx_pipeline.settings.tree import ConnectionSettings

_REPEATABLE = frozenset({"GET", "HEAD", "OPTIONS", "PUT", "DELETE"})
"""Methods that may be sent twice without harm (RFC 9110, 9.2.2)."""

_IDLE_SECONDS = 4.0
"""Unused connections are dropped before common servers drop theirs (uvicorn: 5 s).

A request sent on a connection that the server is just closing fails.
"""

_USUAL_HEADERS = {
    "Accept": "application/json",
    # What httpx decodes without further packages; aiohttp would ask for more.
    "Accept-Encoding": "gzip, deflate",
    "User-Agent": "claimx-pipeline",
}


@frozen
class _Call:
    """A request that may be sent more than once."""

    method: str
    url: str
    where: str
    headers: Mapping[str, str]
    content: bytes | None
    repeatable: bool


@define(eq=False)
class Connection:
    """A named HTTP service. Belongs to one event loop; ``close`` it there."""

    name: str
    settings: ConnectionSettings
    clock: Clock
    _base_url: str = field(init=False, repr=False)
    _headers: Mapping[str, str] = field(init=False, repr=False)
    _secrets: tuple[str, ...] = field(init=False, repr=False)
    _extensions: Mapping[str, Any] = field(init=False, repr=False)
    _slots: asyncio.Semaphore = field(init=False, repr=False)
    _transport: AiohttpTransport | None = field(init=False, repr=False)
    _files: FileExchange | None = field(init=False, repr=False)
    _random: random.Random = field(factory=random.Random, init=False, repr=False)
    _closed: bool = field(default=False, init=False)

    def __attrs_post_init__(self) -> None:
        check_connection(self.name, self.settings)
        parts = urlsplit(self.settings.base_url)
        self._base_url = self.settings.base_url.rstrip("/")
        usual = _merged(_USUAL_HEADERS, self.settings.headers)
        self._headers = _merged(usual, credential_headers(self.settings))
        self._secrets = tuple(filter(None, [token_of(self.settings)]))
        connect = self.settings.connect_timeout_seconds
        # aiohttp counts name look-up and TLS handshake to the wait for the pool.
        self._extensions = {"timeout": {"connect": connect, "pool": connect}}
        self._slots = asyncio.Semaphore(self.settings.max_concurrent)
        self._transport, self._files = None, None
        if parts.scheme == "file":
            self._files = FileExchange(Path(unquote(parts.netloc + parts.path)), self.clock)
        else:
            # Reading the certificate store takes 50 ms, so not for plain HTTP.
            self._transport = AiohttpTransport(
                verify=parts.scheme == "https", client=self._new_session
            )
        for library in ("httpx", "httpcore"):
            # Both log whole URLs, signatures of links included, at INFO.
            logging.getLogger(library).setLevel(logging.WARNING)

    async def request(  # noqa: PLR0913 - the parts of an HTTP request
        self,
        method: str,
        path: str,
        *,
        params: Mapping[str, Any] | None = None,
        json: Any = None,
        headers: Mapping[str, str] | None = None,
        idempotency_key: str | None = None,
        repeatable: bool = False,
    ) -> Answer:
        """Send a request and return its answer, wholly read.

        A failure that may pass (a timeout, a lost connection, 5xx, 429) is tried again
        as often as the settings say, provided the request may be sent twice. Redirects
        are not followed.

        Args:
            method: HTTP method.
            path: Path below the base URL, percent-encoded where it must be.
            params: Query; a list gives its name several times, None leaves it out.
            json: Body, sent as JSON. None for no body.
            headers: Further headers; they win over the connection's own.
            idempotency_key: Sent as ``Idempotency-Key``; the service then knows a
                second try, so a POST is tried again.
            repeatable: A POST that only reads may be sent twice without a key.

        Returns:
            The answer, whose status is 2xx.

        Raises:
            RequestFailedError: No answer came, or one that is no success. ``category``
                says whether another try can help; ``retry_after`` how long the service
                asks to wait, if that is longer than the settings' longest wait.
        """
        content = None if json is None else msgspec.json.encode(json)
        if self._files:
            return await self._files.request(
                method,
                path,
                params=params,
                body=content or b"",
                # By name only: any of the connection's own may be a credential.
                headers={**dict.fromkeys(self._headers, "********"), **(headers or {})},
                idempotency_key=idempotency_key,
            )
        call = _Call(
            method,
            self._url(path, params),
            f"{method} {self._base_url}/{path.lstrip('/').partition('?')[0]}",
            _headers_of_one(headers, idempotency_key, with_body=content is not None),
            content,
            repeatable or method in _REPEATABLE or idempotency_key is not None,
        )
        retries = 0
        while True:
            try:
                return await self._send(call)
            except RequestFailedError as error:
                wait = self._wait_before_retry(error, retries) if call.repeatable else None
                if wait is None:
                    raise
            retries += 1
            await self.clock.sleep(wait)

    async def close(self) -> None:
        """Close every connection; requests under way fail. May be called twice."""
        self._closed = True
        if self._transport:
            await self._transport.aclose()

    async def _send(self, call: _Call) -> Answer:
        async with self._slots:
            try:
                async with asyncio.timeout(self.settings.timeout_seconds):
                    answer = await self._exchange(call)
            except TimeoutError:
                limit = self.settings.timeout_seconds
                raise self._lost(call, f"no answer within {limit:g} s") from None
            except (httpx.HTTPError, aiohttp.ClientError, OSError) as error:
                # Without a cause: its text may hold the whole URL.
                raise self._lost(call, self._told(error)) from None
            except (httpx.InvalidURL, ValueError) as error:
                reason = f"{call.where}: is no request that can be sent ({type(error).__name__})"
                raise RequestFailedError(reason, connection=self.name) from None
        if 200 <= answer.status < 300:  # noqa: PLR2004 - the class of successes
            return answer
        raise refusal(answer, connection=self.name, secrets=self._secrets)

    async def _exchange(self, call: _Call) -> Answer:
        transport = self._transport
        if transport is None or self._closed:
            raise self._lost(call, f"connection {self.name!r} is closed")
        request = httpx.Request(
            call.method,
            call.url,
            headers=call.headers,
            content=call.content,
            extensions=self._extensions,
        )
        response = await transport.handle_async_request(request)
        try:
            body = await response.aread()
        finally:
            await response.aclose()
        return Answer(response.status_code, response.headers, body, self.clock.now(), call.where)

    def _lost(self, call: _Call, what: str) -> RequestFailedError:
        return RequestFailedError(f"{call.where}: {what}", Category.TRANSIENT, connection=self.name)

    def _told(self, error: Exception) -> str:
        # The transport calls every failure to connect a timeout; the cause knows better.
        cause = error.__cause__ or error
        if isinstance(cause, TimeoutError):
            return f"no connection within {self.settings.connect_timeout_seconds:g} s"
        text = quoted(str(cause).encode(), secrets=self._secrets)
        return f"{type(cause).__name__}: {text}" if text else type(cause).__name__

    def _wait_before_retry(self, error: RecordError, retries: int) -> float | None:
        passing = error.category in {Category.TRANSIENT, Category.THROTTLED}
        if not passing or retries >= self.settings.max_retries:
            return None
        longest = self.settings.backoff_max_seconds
        if error.retry_after is not None:
            return error.retry_after if error.retry_after <= longest else None
        backoff: float = min(longest, self.settings.backoff_seconds * 2**retries)
        return backoff * self._random.uniform(0.5, 1.0)

    def _url(self, path: str, params: Mapping[str, Any] | None) -> str:
        url = f"{self._base_url}/{path.lstrip('/')}"
        given = {name: value for name, value in (params or {}).items() if value is not None}
        if not given:
            return url
        query = urlencode(given, doseq=True, safe=",")
        return f"{url}{'&' if '?' in path else '?'}{query}"

    def _new_session(self) -> aiohttp.ClientSession:
        transport = self._transport
        if transport is None:
            raise ClaimxError(f"connection {self.name!r} sends nothing")
        connector = aiohttp.TCPConnector(
            limit=self.settings.max_concurrent,
            ssl=transport.ssl_context,
            keepalive_timeout=_IDLE_SECONDS,
        )
        return aiohttp.ClientSession(
            connector=connector,
            # Given here, the headers of every request cost nothing per request.
            headers=self._headers,
            # A service's cookies would make one request depend on another.
            cookie_jar=aiohttp.DummyCookieJar(),
        )


def _headers_of_one(
    further: Mapping[str, str] | None, idempotency_key: str | None, *, with_body: bool
) -> dict[str, str]:
    headers = {"Content-Type": "application/json"} if with_body else {}
    if idempotency_key is not None:
        headers["Idempotency-Key"] = idempotency_key
    return _merged(headers, further) if further else headers


def _merged(headers: Mapping[str, str], further: Mapping[str, str]) -> dict[str, str]:
    """Return *headers* with those of *further* in their place, whatever the case of the names."""
    merged = httpx.Headers(headers)
    merged.update(further)
    return dict(merged.items())
