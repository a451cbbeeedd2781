"""Answers read piece by piece, for files of any size behind signed links.

Beside ``Connection``, which reads answers whole, and over the same pool. A link is sent
byte for byte as it was signed, which the transport under ``Connection`` cannot promise:
there ``%2F`` in a query becomes ``/``.
"""

from __future__ import annotations

import ssl
from collections.abc import AsyncGenerator, AsyncIterator, Iterator, Mapping
from contextlib import asynccontextmanager, contextmanager

import aiohttp
from aiohttp.abc import AbstractResolver
from attrs import define, field, frozen
from yarl import URL

from claimx_pipeline.clock import Clock
from claimx_pipeline.connections.answer import Answer, RequestFailedError, refusal
from claimx_pipeline.connections.call import sendable
from claimx_pipeline.connections.network import (
    look_ahead,
    proxy_failure,
    proxy_to,
)
from claimx_pipeline.connections.session import Sockets, new_session
from claimx_pipeline.connections.transport import trusted_tls
from claimx_pipeline.errors import Category, ClaimxError
from claimx_pipeline.redaction import quoted
from claimx_pipeline.settings.tree.network import NetworkSettings

_BUFFER_BYTES = 256 * 1024
_MOST_OF_A_REFUSAL = 8 * 1024
"""Bytes read of an answer that is not a success, to show the beginning of it."""

_HEADERS = {
    "Accept": "*/*",
    # Ranges, lengths and checksums are of the file itself.
    "Accept-Encoding": "identity",
    "User-Agent": "claimx-pipeline",
}


@frozen
class Streamed:
    """An answer whose body is still to be read."""

    status: int
    headers: Mapping[str, str]
    """Looked up without regard to case."""
    where: str
    """Method and URL without its query, for error texts."""
    host: str
    _response: aiohttp.ClientResponse = field(repr=False)
    _clock: Clock = field(repr=False)

    def values(self, header: str) -> list[str]:
        """Return what each header of this name says, in order."""
        found: list[str] = self._response.headers.getall(header, [])
        return found

    async def pieces(self) -> AsyncGenerator[bytes, None]:
        """Yield the body as it comes; ends only if it came whole.

        Raises:
            RequestFailedError: It broke off, or nothing came for too long; transient.
        """
        with _failing(self.where, self.host):
            async for piece in self._response.content.iter_any():
                yield piece

    async def refusal(self) -> RequestFailedError:
        """Return the error for this answer, which is not a success.

        Raises:
            RequestFailedError: Its text could not be read; transient.
        """
        body = bytearray()
        async for piece in self.pieces():
            body += piece
            if len(body) >= _MOST_OF_A_REFUSAL:
                break
        answer = Answer(self.status, self.headers, bytes(body), self._clock.now(), self.where)
        return refusal(answer, connection=self.host)


@define(eq=False)
class StreamClient:
    """Fetches what links lead to. Belongs to one event loop; ``close`` it there.

    Sends no credential: a signed link is one. Follows no redirect and tries nothing again:
    both are for the caller, who knows what a link may lead to.
    """

    connect_timeout_seconds: float
    read_timeout_seconds: float
    """How long nothing may come; a healthy transfer may take any time in all."""
    max_concurrent: int
    _clock: Clock
    _resolver: AbstractResolver | None = None
    """Looks names up, if not the machine does."""
    _sockets: Sockets | None = None
    """Makes the sockets, if they are not to be plain ones."""
    network: NetworkSettings = field(factory=NetworkSettings, kw_only=True)
    """Through which proxy files come, and which authorities are trusted."""
    _tls: ssl.SSLContext = field(init=False, repr=False)
    _pools: dict[bool, aiohttp.ClientSession] = field(factory=dict, init=False)
    """By whether they go through the proxy."""
    _closed: bool = field(default=False, init=False)

    def __attrs_post_init__(self) -> None:
        self._tls = trusted_tls(self.network)

    @asynccontextmanager
    async def get(
        self, link: str, host: str, headers: Mapping[str, str] | None = None
    ) -> AsyncIterator[Streamed]:
        """Send a GET and give its answer, whatever its status; closed when the block ends.

        Args:
            link: Sent byte for byte, except that what is not ASCII is percent-encoded.
            host: Host that the caller has read in the link; another reading is refused.
            headers: Further headers.

        Raises:
            RequestFailedError: No answer came, transient; or the link cannot be sent.
        """
        where = f"GET {link.partition('?')[0]}"
        url = _url(link, host, where)
        # aiohttp counts name look-up and TLS handshake to the wait for the pool.
        timeout = aiohttp.ClientTimeout(
            total=None,
            connect=self.connect_timeout_seconds,
            sock_connect=self.connect_timeout_seconds,
            sock_read=self.read_timeout_seconds,
        )
        proxy = proxy_to(str(url), self.network)
        session = self._pool(proxy)
        if proxy is not None:
            await look_ahead(self._resolver, url)
        with _failing(where, host):
            response = await session.get(
                url, headers=headers, allow_redirects=False, auto_decompress=False, timeout=timeout
            )
        try:
            yield Streamed(response.status, response.headers, where, host, response, self._clock)
        finally:
            # An answer that was read to its end leaves its connection to the next.
            response.close()

    async def close(self) -> None:
        """Close every connection; transfers under way fail. May be called twice."""
        self._closed = True
        for pool in self._pools.values():
            await pool.close()
        if self._resolver is not None:
            await self._resolver.close()

    def _pool(self, proxy: URL | None) -> aiohttp.ClientSession:
        if self._closed:
            raise ClaimxError("the client of signed links is closed")
        found = self._pools.get(proxy is not None)
        if found is None:
            found = new_session(
                connections=self.max_concurrent,
                tls=self._tls,
                headers=_HEADERS,
                resolver=self._resolver,
                sockets=self._sockets,
                buffer_bytes=_BUFFER_BYTES,
                proxy=proxy,
            )
            self._pools[proxy is not None] = found
        return found


def _url(link: str, host: str, where: str) -> URL:
    try:
        url = URL(sendable(link), encoded=True)
    except ValueError:
        url = URL()
    if (url.raw_host or "").rstrip(".").lower() != host:
        raise RequestFailedError(f"{where}: is not a link that can be sent", connection=host)
    return url


@contextmanager
def _failing(where: str, host: str) -> Iterator[None]:
    """Turn what the library raises into a ``RequestFailedError``."""
    try:
        yield
    except aiohttp.InvalidURL:
        reason = f"{where}: is not a link that can be sent"
        # Without a cause: its text holds the whole link.
        raise RequestFailedError(reason, connection=host) from None
    except (TimeoutError, aiohttp.ClientError, OSError) as error:
        if (failed := proxy_failure(error)) is not None:
            said, why = failed
            raise RequestFailedError(
                f"{where}: {said}", why, outage=why is Category.AUTH, connection=host
            ) from None
        what = f"{type(error).__name__}: {quoted(str(error).encode())}".rstrip(": ")
        raise RequestFailedError(f"{where}: {what}", Category.TRANSIENT, connection=host) from None
