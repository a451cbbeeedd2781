"""Runs the console in the running event loop."""

from __future__ import annotations

import asyncio
import contextlib
from types import TracebackType
from typing import TYPE_CHECKING, Final, Self

from attrs import define, evolve, field

from claimx_pipeline.console.access import check
from claimx_pipeline.console.application import application
from claimx_pipeline.console.history import History
from claimx_pipeline.errors import Problem, SettingsError
from claimx_pipeline.serving import AsgiServer, PortTakenError

if TYPE_CHECKING:
    from claimx_pipeline.pipeline import Pipeline
    from claimx_pipeline.settings.tree.console import ConsoleSettings

DEFAULT_PORT: Final = 8088
PORTS_TRIED: Final = 50


@define(eq=False)
class ConsoleServer:
    """Serves the console while its ``async with`` block runs."""

    _pipeline: Pipeline
    _settings: ConsoleSettings
    _server: AsgiServer = field(init=False)
    _looking: asyncio.Task[None] | None = field(default=None, init=False)

    @property
    def url(self) -> str:
        """Its address, without a slash at its end; known once it listens."""
        return self._server.url

    async def __aenter__(self) -> Self:
        """Begin to listen.

        Raises:
            SettingsError: It is open to other machines without a token, or its port is taken.
        """
        check(self._settings)
        self._server = self._listening()
        history = History(self._pipeline)
        settings = evolve(self._settings, port=self._server.port)
        await self._server.serve(application(self._pipeline, settings, history))
        self._looking = asyncio.create_task(history.run(), name="console history")
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        """Stop listening and looking."""
        if self._looking is not None:
            self._looking.cancel()
            with contextlib.suppress(asyncio.CancelledError):
                await self._looking
        await self._server.close()

    def _listening(self) -> AsgiServer:
        given = self._settings.port
        ports = [given] if given is not None else range(DEFAULT_PORT, DEFAULT_PORT + PORTS_TRIED)
        reason = ""
        for port in ports:
            server = AsgiServer(self._settings.host, port)
            try:
                server.listen()
            except PortTakenError as error:
                reason = str(error)
                continue
            return server
        raise SettingsError([Problem("console.port", reason)])
