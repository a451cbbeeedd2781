"""What the host lends to a plugin while it is called, and counts for it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from functools import partial
from typing import TYPE_CHECKING, Any, Protocol, cast

from attrs import define, field, frozen

from claimx_pipeline.clock import Clock
from claimx_pipeline.errors import TableError, TransientError
from claimx_pipeline.plugins.host.thread import PluginThread
from claimx_pipeline.settings.tree.plugins import PluginsSettings
from claimx_pipeline.telemetry.plugin_metrics import PluginMetrics

if TYPE_CHECKING:
    from claimx_pipeline.connections.client import Connection
    from claimx_pipeline.delta.store import TableStore


class LentConnections(Protocol):
    """Where a plugin gets a connection of the settings from."""

    def get(self, name: str) -> Connection:
        """Return connection *name*."""
        ...


@frozen
class Lent:
    """What all plugins of a process share."""

    connections: LentConnections
    open_table_store: Callable[[], TableStore]
    """Returns where the tables are, when a plugin asks them."""
    clock: Clock
    plugins: PluginsSettings


@define(eq=False)
class PluginHands:
    """What one plugin may use."""

    plugin: str
    lent: Lent
    metrics: PluginMetrics
    loop: asyncio.AbstractEventLoop | None = field(default=None, init=False)
    _thread: PluginThread = field(init=False)
    _query: asyncio.Future[Any] | None = field(default=None, init=False)
    """The query that runs, or that ran into its limit and still does."""

    def __attrs_post_init__(self) -> None:
        self._thread = PluginThread(f"{self.plugin} query")

    def connection(self, name: str) -> Connection:
        """Return connection *name*, whose requests are counted for the plugin."""
        return cast("Connection", _Counted(self.lent.connections.get(name), self, "connection"))

    def reader(self, reader: Any) -> Any:
        """Return *reader*, whose requests are counted for the plugin."""
        return _Counted(reader, self, "reader")

    async def query(self, sql: str) -> list[dict[str, Any]]:
        """Return the answer of the tables to *sql*.

        Raises:
            UsageError: It cannot be run, or its answer is too large.
            TransientError: A table cannot be read now, or an earlier query still runs.
        """
        from claimx_pipeline.delta.querying.answer import shown_rows  # noqa: PLC0415 - if used
        from claimx_pipeline.delta.querying.query import AnswerLimits, run_query  # noqa: PLC0415

        if self._query is not None and not self._query.done():
            raise TransientError("an earlier query of the plugin has not come back yet")
        own = self.lent.plugins.of(self.plugin)
        limits = AnswerLimits(
            rows=own.query_rows, bytes=own.query_bytes, seconds=own.timeout_seconds
        )

        def ask() -> list[dict[str, Any]]:
            return shown_rows(run_query(self.lent.open_table_store(), sql, limits))

        self._query = self._thread.submit(ask)
        self._query.add_done_callback(_forget)
        try:
            rows: list[dict[str, Any]] = await self.timed("query", asyncio.shield(self._query))
        except TableError as error:
            raise TransientError(str(error)) from error
        return rows

    async def timed(self, what: str, awaitable: Awaitable[Any]) -> Any:
        """Return what *awaitable* returns, its seconds counted for the plugin."""
        began = self.lent.clock.monotonic()
        try:
            return await awaitable
        finally:
            self.metrics.used(self.plugin, what, self.lent.clock.monotonic() - began)

    def close(self) -> None:
        """Let the thread end; a query that hangs is left behind."""
        self._thread.stop()


class _Counted:
    """An object whose asynchronous methods are counted for a plugin; it cannot be closed."""

    def __init__(self, inner: Any, hands: PluginHands, what: str) -> None:
        self._inner, self._hands, self._what = inner, hands, what

    def __getattr__(self, name: str) -> Any:
        if name == "close":
            raise AttributeError(f"the {self._what} belongs to the worker, which closes it")
        found = getattr(self._inner, name)
        if name == "counted":
            return lambda: _Counted(found(), self._hands, self._what)
        if not asyncio.iscoroutinefunction(found):
            return found
        return partial(self._call, found)

    async def _call(self, function: Callable[..., Awaitable[Any]], *args: Any, **kw: Any) -> Any:
        return await self._hands.timed(self._what, function(*args, **kw))


def _forget(future: asyncio.Future[Any]) -> None:
    """Fetch what came too late, so that asyncio does not report it as never looked at."""
    if not future.cancelled():
        future.exception()
