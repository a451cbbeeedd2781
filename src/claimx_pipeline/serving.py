"""Serves an ASGI application in the running event loop."""

from __future__ import annotations

import asyncio
import contextlib
import errno
import socket

import uvicorn
from attrs import define, field
from starlette.types import ASGIApp

from claimx_pipeline.errors import ClaimxError
from claimx_pipeline.settings.kinds import url_of
from claimx_pipeline.system_errors import reason_of

_GRACE_SECONDS = 2
"""How long requests under way may take once the server ends."""


@define(eq=False)
class AsgiServer:
    """Listens from ``listen`` on, answers from ``serve`` on; takes no signals, logs nothing."""

    host: str
    port: int
    """As it listens, once it does; 0 before means any free one."""
    _listener: socket.socket | None = field(default=None, init=False)
    _server: uvicorn.Server | None = field(default=None, init=False)
    _loop: asyncio.Task[None] | None = field(default=None, init=False)

    @property
    def url(self) -> str:
        """Address of the server, without a slash at its end; known once it listens."""
        return url_of(self.host, self.port)

    def listen(self) -> None:
        """Begin to listen.

        Raises:
            ClaimxError: The address cannot be listened on.
        """
        self._listener = _listen(self.host, self.port)
        self.port = self._listener.getsockname()[1]

    async def serve(self, application: ASGIApp) -> None:
        """Begin to answer."""
        if self._listener is None:
            raise ValueError("listen() comes first")
        config = uvicorn.Config(
            application,
            lifespan="off",
            ws="none",
            access_log=False,
            log_config=None,
            log_level="critical",
            server_header=False,
            timeout_keep_alive=60,
            timeout_graceful_shutdown=_GRACE_SECONDS,
        )
        config.load()
        self._server = uvicorn.Server(config)
        self._server.lifespan = config.lifespan_class(config)
        await self._server.startup(sockets=[self._listener])
        self._loop = asyncio.create_task(self._server.main_loop())

    async def close(self) -> None:
        """Stop listening and close every connection; it may listen again afterwards."""
        if self._server is None or self._loop is None:
            return
        self._loop.cancel()
        with contextlib.suppress(asyncio.CancelledError):
            await self._loop
        await self._server.shutdown(sockets=[])
        self._server = self._loop = self._listener = None


def _listen(host: str, port: int) -> socket.socket:
    """Return a socket that listens."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # The protocol is named because asyncio switches Nagle's algorithm off only where it is;
    # with it on, each answer waits 40 ms for the client's delayed acknowledgement.
    listener = socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP)
    try:
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind((host, port))
        listener.setblocking(False)
    except OSError as error:
        listener.close()
        if error.errno == errno.EADDRINUSE:
            raise PortTakenError(
                f"port {port} of {host} is taken; choose another one, or 0 for any free one"
            ) from error
        raise ClaimxError(f"cannot listen on {host} port {port}; {reason_of(error)}") from error
    return listener


class PortTakenError(ClaimxError):
    """Another program listens on the port."""
