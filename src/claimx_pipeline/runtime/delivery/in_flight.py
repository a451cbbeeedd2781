"""Batches in flight: worked on side by side, committed one by one in the order of their polls.

So while the rows of one batch are written, the next is decoded and goes through its
stages; and no record is committed before those in front of it.
"""

from __future__ import annotations

import asyncio
import contextlib
import itertools
from collections import deque
from collections.abc import Awaitable, Callable, Collection, Sequence

from attrs import define, field

from claimx_pipeline.broker.protocol import Assignment
from claimx_pipeline.runtime.delivery.batch import Batch, merged
from claimx_pipeline.runtime.worker import WorkerSpec
from claimx_pipeline.telemetry.health import Pulse
from claimx_pipeline.telemetry.metrics import WorkerMetrics

BATCHES = 5
"""In flight unless the worker says otherwise: a commit may take as long as working on four."""


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
    """Batches that are processed when their turn has come are committed as one."""
    count: int = field(default=0, init=False)
    """Records in flight."""
    _batches: deque[BatchInFlight] = field(factory=deque, init=False)
    _committing: asyncio.Task[None] | None = field(default=None, init=False)
    _changed: asyncio.Event = field(factory=asyncio.Event, init=False)

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
        began = self.pulse.clock.monotonic()
        if task is not None:
            task.add_done_callback(lambda _: self._processed(began))
        started = BatchInFlight(batch, len(batch), task, began, first_offsets)
        self._batches.append(started)
        self.count += started.count
        if len(self._batches) == 1:
            self.pulse.step()
        if self._committing is None:
            self._committing = asyncio.create_task(self._commit_all(), name="committing")

    def has_room(self) -> bool:
        """Return whether another batch may be taken in."""
        return not self._batches or self.count + self.batch_size <= self.limit

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
                first = self._batches[0]
                if first.work is not None:
                    await first.work
                    self.pulse.step()
                ready = self._ready()
                await self.commit(merged([each.batch for each in ready]))
                self._committed(ready)
            self._committing = None
            self.pulse.rest()
        finally:
            self._changed.set()

    def _ready(self) -> list[BatchInFlight]:
        """Return the batches to commit now; the first is processed."""
        if not self.together:
            return [self._batches[0]]
        return list(itertools.takewhile(BatchInFlight.is_processed, self._batches))

    def _committed(self, batches: Sequence[BatchInFlight]) -> None:
        now = self.pulse.clock.monotonic()
        for each in batches:
            self._batches.popleft()
            self.count -= each.count
            self.metrics.batch(now - each.began)
        self.pulse.step()
        self._changed.set()

    def _processed(self, began: float) -> None:
        self.metrics.phase("process", self.pulse.clock.monotonic() - began)

    def _failed(self) -> bool:
        return self._committing is not None and self._committing.done()
