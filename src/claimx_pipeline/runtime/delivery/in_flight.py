"""Batches in flight: worked on side by side, committed one at a time.

So while the rows of one batch are written, the next is decoded and goes through its stages. No
record is committed before those in front of it in its partition; a batch of other partitions
does not wait for them, unless tables are written.
"""

from __future__ import annotations

import asyncio
import contextlib
import math
from collections import Counter, deque
from collections.abc import Awaitable, Callable, Collection, Sequence

from attrs import define, field

from claimx_pipeline.broker.protocol import Assignment
from claimx_pipeline.runtime.delivery.batch import Batch, merged
from claimx_pipeline.runtime.worker import WorkerSpec
from claimx_pipeline.telemetry.health import Pulse
from claimx_pipeline.telemetry.metrics import WorkerMetrics

BATCHES = 5
"""In flight unless the worker says otherwise: a commit may take as long as working on four."""
CROWDING = 4
"""A partition with more than this part of the room crowds out the others."""
BESIDE = 2
"""Of a crowded room, this part more is there for the others."""


@define(eq=False)
class BatchInFlight:
    """A batch on its way, and the work on it."""

    batch: Batch
    count: int
    """Records in it."""
    work: asyncio.Task[None] | None
    """None if nothing is to be worked on."""
    began: float
    first_offsets: dict[Assignment, int]
    """The first offset of each partition."""

    def is_processed(self) -> bool:
        """Return whether every record has its outcome."""
        work = self.work
        return work is None or (work.done() and not work.cancelled() and work.exception() is None)


@define
class InFlight:
    """The batches of one member between poll and commit."""

    commit: Callable[[Batch], Awaitable[None]]
    """Takes a batch whose records are processed to its commit."""
    pulse: Pulse
    metrics: WorkerMetrics
    batch_size: int
    limit: int
    """Records in flight, at most, unless it is one batch alone."""
    together: bool
    """Batches that are processed when their turn has come are committed as one, and before
    others with which they have no partition in common."""
    count: int = field(default=0, init=False)
    """Records in flight."""
    _committed_at: float = field(default=-math.inf, init=False)
    """When the last batch was committed, by the clock's monotonic time."""
    _batches: deque[BatchInFlight] = field(factory=deque, init=False)
    _committing: asyncio.Task[None] | None = field(default=None, init=False)
    _changed: asyncio.Event = field(factory=asyncio.Event, init=False)
    _worked: asyncio.Event = field(factory=asyncio.Event, init=False)
    """Set when the work on a batch has ended."""

    @classmethod
    def of(
        cls,
        spec: WorkerSpec,
        commit: Callable[[Batch], Awaitable[None]],
        pulse: Pulse,
        metrics: WorkerMetrics,
    ) -> InFlight:
        """Return the batches of one member of worker *spec*."""
        size = spec.batch_size
        return cls(
            commit,
            pulse,
            metrics,
            batch_size=size,
            limit=2 * size if spec.tables else spec.in_flight or BATCHES * size,
            # A table's commit is of one batch, so that it stays as large as was asked for.
            together=not spec.tables,
        )

    def start(self, batch: Batch, work: Awaitable[None] | None) -> None:
        """Take a batch in; *work* processes its records."""
        first_offsets: dict[Assignment, int] = {}
        for run in batch.runs:
            first_offsets.setdefault(run.assignment, run.records[0].record.offset)
        task = None if work is None else asyncio.ensure_future(work)
        if task is None:
            self._worked.set()
        else:
            task.add_done_callback(lambda _: self._worked.set())
        began = self.pulse.clock.monotonic()
        started = BatchInFlight(batch, len(batch), task, began, first_offsets)
        self._batches.append(started)
        self.count += started.count
        if len(self._batches) == 1:
            self.pulse.step()
        if self._committing is None:
            self._committing = asyncio.create_task(self._commit_all(), name="committing")

    def has_room(self, *, beside: Collection[Assignment] = ()) -> bool:
        """Return whether another batch may be taken in, *beside* partitions that crowd the room."""
        limit = self.limit + (self.limit // BESIDE if beside else 0)
        return not self._batches or self.count + self.batch_size <= limit

    def crowding(self) -> frozenset[Assignment]:
        """Return the partitions that leave no room to others; none where tables are written."""
        if not self.together or self.has_room():
            return frozenset()
        counts: Counter[Assignment] = Counter()
        for each in self._batches:
            for run in each.batch.runs:
                counts[run.assignment] += len(run.records)
        return frozenset(at for at, count in counts.items() if count > self.limit // CROWDING)

    def quiet_since(self) -> float:
        """Return when the last commit was, by the clock's monotonic time.

        Infinite as long as a batch is in flight, and minus infinite before the first commit.
        """
        return math.inf if self._batches else self._committed_at

    def first_offsets(self) -> dict[Assignment, int]:
        """Return the first offset in flight of each partition."""
        found: dict[Assignment, int] = {}
        for each in reversed(self._batches):
            found.update(each.first_offsets)
        return found

    async def changed(self, seconds: float | None = None) -> None:
        """Return when a batch is committed or has failed, or after *seconds*."""
        if self._failed():
            return
        self._changed.clear()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(seconds):
                await self._changed.wait()

    async def finish_partitions(self, assignments: Collection[Assignment]) -> None:
        """Return when no record of *assignments* is in flight, or a batch has failed."""
        while not self._failed() and not self.first_offsets().keys().isdisjoint(assignments):
            await self.changed()

    async def finish(self) -> None:
        """Return when nothing is in flight, or a batch has failed."""
        while self._batches and not self._failed():
            await self.changed()

    def raise_failure(self) -> None:
        """Raise what a batch has failed with, if one has."""
        if self._committing is not None and self._committing.done():
            self._committing.result()

    async def cancel(self) -> None:
        """Drop all batches in flight; what is not committed comes again."""
        tasks = [each.work for each in self._batches if each.work is not None]
        if self._committing is not None:
            tasks.append(self._committing)
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        self._batches.clear()
        self._committing, self.count = None, 0
        self.pulse.rest()

    async def _commit_all(self) -> None:
        try:
            while self._batches:
                ready = await self._processed()
                await self.commit(merged([each.batch for each in ready]))
                self._committed(ready)
            self._committing = None
            self.pulse.rest()
        finally:
            self._changed.set()

    async def _processed(self) -> list[BatchInFlight]:
        """Return the batches to commit now, once there are some."""
        while not (ready := self._ready()):
            self._worked.clear()
            await self._worked.wait()
        if ready[0] is self._batches[0]:
            self.pulse.step()
        return ready

    def _ready(self) -> list[BatchInFlight]:
        """Return the batches to commit now: no record in front of theirs is still worked on.

        Raises:
            Exception: What the work on the next one has failed with.
        """
        ready: list[BatchInFlight] = []
        waiting: set[Assignment] = set()
        for each in self._batches:
            is_next = waiting.isdisjoint(each.first_offsets)
            if is_next and each.is_processed():
                ready.append(each)
            elif is_next and not ready and each.work is not None and each.work.done():
                each.work.result()
            if not self.together:
                break
            if not ready or ready[-1] is not each:
                waiting.update(each.first_offsets)
        return ready

    def _committed(self, batches: Sequence[BatchInFlight]) -> None:
        now = self._committed_at = self.pulse.clock.monotonic()
        oldest = self._batches[0]
        for each in batches:
            self._batches.remove(each)
            self.count -= each.count
            self.metrics.batch(now - each.began)
        if oldest is not (self._batches[0] if self._batches else None):
            # One that gets nowhere shows, whatever is committed beside it.
            self.pulse.step()
        self._changed.set()

    def _failed(self) -> bool:
        return self._committing is not None and self._committing.done()
