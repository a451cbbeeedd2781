"""Batches in flight: worked on side by side, settled one by one in the order they were polled.

So while the rows of one batch are written, the next is decoded and goes through its
stages; and no record is settled before those in front of it.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections import deque
from collections.abc import Awaitable, Callable, Collection, Sequence

from attrs import define, field

from claimx_pipeline.broker.protocol import Assignment
from claimx_pipeline.runtime.delivery.batch import Settlement, merged
from claimx_pipeline.telemetry.health import Pulse
from claimx_pipeline.telemetry.metrics import WorkerMetrics


@define(eq=False)
class Flight:
    """A batch on its way, and the work on it."""

    settlement: Settlement
    records: int
    work: asyncio.Task[None] | None
    """None if nothing is to be worked on."""
    began: float
    lowest: dict[Assignment, int]
    """The first offset of each partition."""

    def is_processed(self) -> bool:
        """Tell whether every record has its outcome."""
        work = self.work
        return work is None or (work.done() and not work.cancelled() and work.exception() is None)


@define
class Flights:
    """The batches of one member between poll and commit."""

    settle: Callable[[Settlement], Awaitable[None]]
    """Takes a batch whose records are processed to its commit."""
    pulse: Pulse
    metrics: WorkerMetrics
    batch_size: int
    limit: int
    """Records in flight, at most, unless it is one batch alone."""
    together: bool
    """Batches that are processed when their turn has come are settled as one."""
    count: int = field(default=0, init=False)
    """Records in flight."""
    _flights: deque[Flight] = field(factory=deque, init=False)
    _settler: asyncio.Task[None] | None = field(default=None, init=False)
    _moved: asyncio.Event = field(factory=asyncio.Event, init=False)

    def launch(self, settlement: Settlement, work: Awaitable[None] | None) -> None:
        """Take a batch in; *work* processes its records."""
        lowest: dict[Assignment, int] = {}
        for span in settlement.spans:
            lowest.setdefault(span.assignment, span.entries[0].record.offset)
        task = None if work is None else asyncio.ensure_future(work)
        flight = Flight(settlement, len(settlement), task, self.pulse.clock.monotonic(), lowest)
        self._flights.append(flight)
        self.count += flight.records
        if len(self._flights) == 1:
            self.pulse.step()
        if self._settler is None:
            self._settler = asyncio.create_task(self._settle(), name="settling")

    def has_room(self) -> bool:
        """Tell whether another batch may be taken in."""
        return not self._flights or self.count + self.batch_size <= self.limit

    def lowest(self) -> dict[Assignment, int]:
        """Return the first offset in flight of each partition."""
        found: dict[Assignment, int] = {}
        for flight in reversed(self._flights):
            found.update(flight.lowest)
        return found

    async def change(self, seconds: float | None = None) -> None:
        """Return when a batch is settled or has failed, or after *seconds*."""
        if self._failed():
            return
        self._moved.clear()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._moved.wait()

    async def leave(self, assignments: Collection[Assignment]) -> None:
        """Return when no record of *assignments* is in flight, or a batch has failed."""
        while not self._failed() and not self.lowest().keys().isdisjoint(assignments):
            await self.change()

    async def land(self) -> None:
        """Return when nothing is in flight, or a batch has failed."""
        while self._flights and not self._failed():
            await self.change()

    def check(self) -> None:
        """Raise what a batch has failed with, if one has."""
        if self._settler is not None and self._settler.done():
            self._settler.result()

    async def drop(self) -> None:
        """Give up all batches in flight; what is not committed comes again."""
        tasks = [flight.work for flight in self._flights if flight.work is not None]
        if self._settler is not None:
            tasks.append(self._settler)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._flights.clear()
        self._settler, self.count = None, 0
        self.pulse.rest()

    async def _settle(self) -> None:
        try:
            while self._flights:
                first = self._flights[0]
                if first.work is not None:
                    await first.work
                    self.pulse.step()
                ready = self._ready()
                await self.settle(merged([flight.settlement for flight in ready]))
                self._settled(ready)
            self._settler = None
            self.pulse.rest()
        finally:
            self._moved.set()

    def _ready(self) -> list[Flight]:
        """Return the batches to settle now; the first is processed."""
        if not self.together:
            return [self._flights[0]]
        return list(itertools.takewhile(Flight.is_processed, self._flights))

    def _settled(self, flights: Sequence[Flight]) -> None:
        now = self.pulse.clock.monotonic()
        for flight in flights:
            self._flights.popleft()
            self.count -= flight.records
            self.metrics.batch(now - flight.began)
        self.pulse.step()
        self._moved.set()

    def _failed(self) -> bool:
        return self._settler is not None and self._settler.done()
