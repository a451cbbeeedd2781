"""The pool of connections under every HTTP client of the pipeline."""

from __future__ import annotations

import socket
import ssl
from collections.abc import Callable, Mapping
from typing import Any

import aiohttp
from aiohttp.abc import AbstractResolver
from yarl import URL

_IDLE_SECONDS = 4.0
"""Unused connections are dropped before common servers drop theirs (uvicorn: 5 s).

A request sent on a connection that the server is just closing fails.
"""

Sockets = Callable[[tuple[Any, ...]], socket.socket]
"""Makes the socket for an entry as ``socket.getaddrinfo`` gives them."""


def new_session(  # noqa: PLR0913 - what a pool is made of
    *,
    connections: int,
    tls: ssl.SSLContext,
    headers: Mapping[str, str],
    resolver: AbstractResolver | None = None,
    sockets: Sockets | None = None,
    buffer_bytes: int = 2**16,
    keep_alive: bool = True,
    proxy: URL | None = None,
) -> aiohttp.ClientSession:
    """Return a pool; to be called in a running event loop, and closed by the caller.

    Args:
        connections: Open at once, at most.
        tls: How certificates are verified.
        headers: Sent with every request: given here, they cost nothing per request.
        resolver: Looks names up, if not the machine does.
        sockets: Makes the sockets, if they are not to be plain ones.
        buffer_bytes: Received and not yet taken per connection before reading stops;
            twice as much at most.
        keep_alive: Whether a connection serves several requests; without, each is closed after
            its answer, and the request says that it will be.
        proxy: Asked for every connection; then it is what is connected to, so neither
            *resolver* nor *sockets* is used.
    """
    if not keep_alive:
        headers = {**headers, "Connection": "close"}
    if proxy is not None:
        resolver = sockets = None
    connector = aiohttp.TCPConnector(
        limit=connections,
        ssl=tls,
        keepalive_timeout=_IDLE_SECONDS if keep_alive else None,
        force_close=not keep_alive,
        resolver=resolver,
        socket_factory=sockets,
    )
    return aiohttp.ClientSession(
        connector=connector,
        headers=headers,
        # A service's cookies would make one request depend on another.
        cookie_jar=aiohttp.DummyCookieJar(),
        read_bufsize=buffer_bytes,
        proxy=proxy,
    )
