"""Sends single requests; the one module that knows which library does.

httpx's requests and responses over aiohttp's pool: httpx 0.28's own pool slows down
with the number of requests under way, and its ``AsyncClient`` costs as much again as
the request itself. So requests are handed to the transport directly. It passes the target of a
request on byte for byte: httpx-aiohttp's own would write a signed ``%2F`` as ``/``.
"""

from __future__ import annotations

import asyncio
import logging
import ssl
from collections.abc import Callable, Mapping, Sequence
from urllib.parse import urlsplit

import aiohttp
import httpx
from attrs import define, field
from httpx_aiohttp.transport import AiohttpResponseStream, map_aiohttp_exceptions
from yarl import URL

from claimx_pipeline.clock import Clock
from claimx_pipeline.connections.answer import Answer
from claimx_pipeline.connections.call import Call
from claimx_pipeline.connections.unpacking import Unpacking, UnpackingError
from claimx_pipeline.redaction import quoted
from claimx_pipeline.settings.tree.connections import ConnectionSettings
from claimx_pipeline.settings.tree.network import NetworkSettings
from claimx_pipeline.system_errors import not_connected

UNREACHED = (httpx.HTTPError, aiohttp.ClientError, OSError)
"""What an exchange raises if no whole answer came."""

NOT_CONNECTED = (aiohttp.ClientConnectorError, aiohttp.ConnectionTimeoutError)
"""How a request fails of which the service has seen nothing."""

UNSENDABLE = (httpx.InvalidURL, ValueError)
"""What an exchange raises for a request that cannot be sent; also of no use otherwise."""

log = logging.getLogger(__name__)

for _library in ("httpx", "httpcore"):
    # Both log whole URLs, signatures of links included, at INFO.
    logging.getLogger(_library).setLevel(logging.WARNING)


@define(eq=False)
class Transport:
    """Sends requests over a pool of its own; follows no redirect."""

    base_url: str
    _settings: ConnectionSettings
    _new_session: Callable[[ssl.SSLContext], aiohttp.ClientSession]
    _clock: Clock
    _tls: ssl.SSLContext = field(init=False, repr=False)
    _session: aiohttp.ClientSession | None = field(default=None, init=False)
    _timeout: aiohttp.ClientTimeout = field(init=False)
    closed: bool = field(default=False, init=False)

    def __attrs_post_init__(self) -> None:
        # Reading the certificate store takes 50 ms, so not for plain HTTP.
        verify = urlsplit(self.base_url).scheme == "https"
        self._tls = trusted_tls(self._settings.network, verify=verify)
        connect = self._settings.connect_timeout_seconds
        # aiohttp counts name look-up and TLS handshake to the wait for the pool.
        self._timeout = aiohttp.ClientTimeout(total=None, connect=connect, sock_connect=connect)

    async def exchange(self, call: Call, headers: Mapping[str, str], limit: int) -> Answer:
        """Send *call* and return its answer, of which at most *limit* bytes are read.

        Raises:
            Exception: One of ``UNREACHED`` or ``UNSENDABLE``.
        """
        request = httpx.Request(call.method, self.base_url, headers=headers, content=call.content)
        began = self._clock.monotonic()
        response = await self._send(request, call.url)
        try:
            body, whole = await _bounded(response, limit)
        finally:
            await response.aclose()
        seconds = self._clock.monotonic() - began
        if seconds > SLOW_SECONDS or log.isEnabledFor(logging.DEBUG):
            level = logging.INFO if seconds > SLOW_SECONDS else logging.DEBUG
            status = response.status_code
            log.log(level, "%s: answered %d after %.3f s", call.where, status, seconds)
        return Answer(
            response.status_code,
            response.headers,
            body,
            self._clock.now(),
            call.where,
            cut_at=None if whole else limit,
        )

    async def close(self) -> None:
        """Close every connection; requests under way fail. May be called twice."""
        self.closed = True
        if self._session is not None:
            await self._session.close()

    async def _send(self, request: httpx.Request, url: str) -> httpx.Response:
        if self._session is None:
            self._session = self._new_session(self._tls)
        with map_aiohttp_exceptions():
            response = await self._session.request(
                request.method,
                URL(url, encoded=True),
                headers=request.headers,
                data=request.content or None,
                allow_redirects=False,
                auto_decompress=False,
                timeout=self._timeout,
            )
        return httpx.Response(
            response.status,
            headers=response.raw_headers,
            stream=AiohttpResponseStream(response),
            request=request,
        )


SLOW_SECONDS = 2.0
"""An answer that takes longer is a line of its own at INFO."""

KEPT_OF_CUT_BYTES = 4 * 1024 * 1024
"""So much is kept of an answer that is too large."""


async def _bounded(response: httpx.Response, limit: int) -> tuple[bytes, bool]:
    """Return the body, unpacked, and whether it is whole: no more than *limit* is read.

    Of one that is larger only the beginning is returned.
    """
    try:
        encoding = response.headers.get("content-encoding", "")
        unpacking = Unpacking.of(encoding)
        if unpacking is None:
            return await _plain(response, limit)
        return await _unpacked(response, unpacking, encoding, limit)
    except UnpackingError as error:
        raise httpx.DecodingError(f"the answer is not readable: {error}") from None


async def _plain(response: httpx.Response, limit: int) -> tuple[bytes, bool]:
    body = bytearray()
    announced = response.headers.get("content-length", "")
    too_large = announced.isascii() and announced.isdigit() and int(announced) > limit
    most = min(limit, KEPT_OF_CUT_BYTES) if too_large else limit
    async for piece in response.aiter_raw():
        body += piece
        if len(body) > most:
            # It is quoted at most, so what was read is not copied as a whole.
            return bytes(memoryview(body)[: min(limit, KEPT_OF_CUT_BYTES)]), False
    return bytes(body), True


async def _unpacked(
    response: httpx.Response, unpacking: Unpacking, encoding: str, limit: int
) -> tuple[bytes, bool]:
    """Return a packed body; beyond its beginning it is only measured until it is known to fit.

    So a few bytes that unpack to a great many cost time, and no memory.
    """
    packed: list[bytes] = []
    beginning, size = bytearray(), 0
    async for piece in response.aiter_raw():
        packed.append(piece)
        for part in unpacking.add(piece):
            size += len(part)
            if len(beginning) < KEPT_OF_CUT_BYTES:
                beginning += part
            if size > limit:
                return bytes(memoryview(beginning)[: min(limit, KEPT_OF_CUT_BYTES)]), False
    if packed and not unpacking.ended:
        raise httpx.DecodingError("the packed answer broke off")
    if size == len(beginning):
        return bytes(beginning), True
    return await asyncio.to_thread(_unpacked_again, packed, encoding), True


def _unpacked_again(packed: Sequence[bytes], encoding: str) -> bytes:
    unpacking = Unpacking.of(encoding)
    parts = (unpacking.add(piece) if unpacking else (piece,) for piece in packed)
    return b"".join(part for some in parts for part in some)


def described(error: Exception, connect_seconds: float, secrets: tuple[str, ...]) -> str:
    """Return what *error* says, one of ``UNREACHED``, without any of *secrets*."""
    # The transport calls every failure to connect a timeout; the cause knows better.
    cause = error.__cause__ or error
    if isinstance(cause, TimeoutError):
        return f"no connection within {connect_seconds:g} s"
    if isinstance(cause, aiohttp.ClientConnectorError) and (why := not_connected(cause)):
        return quoted(why.encode(), secrets=secrets)
    text = quoted(str(cause).encode(), secrets=secrets)
    return f"{type(cause).__name__}: {text}" if text else type(cause).__name__


def trusted_tls(network: NetworkSettings, *, verify: bool = True) -> ssl.SSLContext:
    """Return how certificates are verified everywhere: always, by the usual authorities and ours.

    ``SSL_CERT_FILE`` replaces the usual ones. Takes 50 ms, unless *verify* is false: for a
    service without encryption.
    """
    context = httpx.create_ssl_context(verify=verify)
    if verify and network.ca_file is not None:
        context.load_verify_locations(network.ca_file)
    return context
