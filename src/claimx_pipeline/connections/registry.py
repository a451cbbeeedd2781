"""The named connections of one process."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Hashable, Mapping
from typing import TYPE_CHECKING, Any

from attrs import define, field

from claimx_pipeline.clock import Clock
from claimx_pipeline.connections.cache import AnswerCache
from claimx_pipeline.errors import Problem, SettingsError
from claimx_pipeline.settings.tree.connections import ConnectionSettings
from claimx_pipeline.telemetry.drift import AnswerDrift
from claimx_pipeline.telemetry.request_metrics import CacheCounts, RequestMetrics

if TYPE_CHECKING:
    from claimx_pipeline.connections.client import Connection

logger = logging.getLogger(__name__)

_CLOSE_SECONDS = 5.0
"""Closing waits for nothing but the network; longer means it will never end."""


@define(eq=False)
class Connections:
    """Opens each named connection when it is first asked for; owns and closes them."""

    _settings: Mapping[str, ConnectionSettings]
    _clock: Clock
    metrics: RequestMetrics | None = field(default=None, kw_only=True)
    """What their requests are counted in, if they are."""
    drift: AnswerDrift | None = field(default=None, kw_only=True)
    """Where fields of answers that are not known are counted, if they are."""
    _open: dict[str, Connection] = field(factory=dict, init=False)
    _answers: dict[Hashable, AnswerCache[Any]] = field(factory=dict, init=False)

    @property
    def names(self) -> frozenset[str]:
        """The names of all connections."""
        return frozenset(self._settings)

    def get(self, name: str) -> Connection:
        """Return connection *name*, the same one every time.

        Raises:
            SettingsError: No connection has that name, or its settings cannot be used.
        """
        if name not in self._open:
            if name not in self._settings:
                known = ", ".join(sorted(self._settings)) or "none"
                raise SettingsError(
                    [Problem(f"connections.{name}", f"is not set; known connections: {known}")]
                )
            from claimx_pipeline.connections.client import Connection  # noqa: PLC0415 - slow to import

            self._open[name] = Connection(
                name, self._settings[name], self._clock, metrics=self.metrics
            )
        return self._open[name]

    def answers(
        self, name: str, ttl_seconds: float, entries: int, clock: Clock
    ) -> AnswerCache[Any]:
        """Return the kept answers of connection *name*, shared by all workers of the process.

        Those who keep them equally long share them; the key of an answer must hold all that it
        depends on.

        Args:
            name: Name of the connection.
            ttl_seconds: Seconds an answer serves; 0 keeps none.
            entries: Answers kept at most.
            clock: What the seconds are counted by.
        """
        wanted = (name, ttl_seconds, entries)
        if wanted not in self._answers:
            self._answers[wanted] = AnswerCache(
                ttl_seconds, entries, clock, counts=self.counts(name)
            )
        return self._answers[wanted]

    def counts(self, name: str) -> CacheCounts:
        """Return what a cache of answers called *name* counts in."""
        return CacheCounts() if self.metrics is None else self.metrics.cache(name)

    async def close(self) -> None:
        """Close every connection, each whatever becomes of the others."""
        for name, connection in self._open.items():
            try:
                async with asyncio.timeout(_CLOSE_SECONDS):
                    await connection.close()
            except Exception:
                logger.exception("connection %r could not be closed", name)
        self._open.clear()
        self._answers.clear()
