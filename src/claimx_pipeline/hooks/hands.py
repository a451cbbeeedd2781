"""What a plugin may do while it is called: ask services, the domain's API and the tables.

All of it counts towards the plugin's time limit for the event, and its seconds are counted
under the plugin's name.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable
from typing import TYPE_CHECKING, Any, Protocol, TypeVar

if TYPE_CHECKING:
    from claimx_pipeline.connections.client import Connection

T = TypeVar("T")


class Hands(Protocol):
    """What the host lends to one plugin."""

    loop: asyncio.AbstractEventLoop | None
    """The event loop of the worker; None before the plugin is called in one."""

    def connection(self, name: str) -> Connection:
        """Return a connection of the settings, counted for the plugin."""
        ...

    def reader(self, reader: Any) -> Any:
        """Return the domain's *reader*, counted for the plugin."""
        ...

    async def query(self, sql: str) -> list[dict[str, Any]]:
        """Return the answer of the tables."""
        ...


class HandsOn:
    """Adds to a context what a plugin may do while it is called."""

    __slots__ = ()

    if TYPE_CHECKING:
        _hands: Hands | None
        _reader: Any

    def connection(self, name: str) -> Connection:
        """Return connection *name* of the settings, with its credential, breaker and limits.

        Every worker of the process shares it. ``await connection.request("GET", "/x")`` counts
        towards the plugin's time limit; what may pass by itself makes the event come back for
        this plugin, if the plugin lets the error through.

        Raises:
            SettingsError: No connection has that name, or its settings cannot be used.
            LookupError: Not while the plugin is called.
        """
        return self._lent("connection").connection(name)

    @property
    def reader(self) -> Any:
        """What the domain's handlers ask its API with: answers are kept, and requests counted.

        What the event's own enrichment has just asked costs nothing. Answers are shared: copy what
        you change.

        Raises:
            LookupError: The domain has none, it is a file, or the plugin is not being called.
        """
        lent = self._lent("reader")
        if self._reader is None:
            raise LookupError("context.reader: there is none here, nothing is asked for this")
        return lent.reader(self._reader)

    async def query(self, sql: str) -> list[dict[str, Any]]:
        """Return the answer of the tables to *sql*, one statement that only reads.

        Bounded by the plugin's time limit, ``plugins.<name>.query_rows`` and
        ``plugins.<name>.query_bytes``. Tables lag behind the events: rows of this one are not
        written yet.

        Raises:
            UsageError: The statement does more than read, cannot be run, or its answer is too
                large.
            TransientError: A table cannot be read now.
            LookupError: Not while the plugin is called.
        """
        return await self._lent("query").query(sql)

    def wait(self, awaitable: Awaitable[T]) -> T:
        """Return what *awaitable* returns; for an ``execute`` that is not ``async``.

        ``rows = context.wait(context.query("SELECT …"))``

        Raises:
            LookupError: Not while the plugin is called, or from ``async`` code, which awaits.
            Exception: What *awaitable* raised.
        """
        loop = self._lent("wait").loop
        try:
            asyncio.get_running_loop()
        except RuntimeError:
            pass
        else:
            raise LookupError("context.wait is not for async code; use 'await' instead")
        if loop is None:
            raise LookupError("context.wait works in 'execute' only")
        return asyncio.run_coroutine_threadsafe(_awaited(awaitable), loop).result()

    def _lent(self, what: str) -> Hands:
        if self._hands is None:
            raise LookupError(
                f"context.{what} works while a worker calls the plugin: in 'execute' or a hook, "
                "and not in 'should_run', which only looks"
            )
        return self._hands


async def _awaited(awaitable: Awaitable[T]) -> T:
    return await awaitable
