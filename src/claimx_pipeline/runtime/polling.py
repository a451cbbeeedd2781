"""What a member takes in next: new records, and those that waited here until now."""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Mapping, Sequence

from attrs import define, field

from claimx_pipeline.broker.protocol import Assignment, Consumer, PolledBatch, TopicPartition
from claimx_pipeline.clock import Clock
from claimx_pipeline.errors import BrokerUnavailableError
from claimx_pipeline.runtime.delivery.batch import PartitionRun
from claimx_pipeline.runtime.delivery.counts import RecordCounts
from claimx_pipeline.runtime.delivery.in_flight import InFlight
from claimx_pipeline.runtime.delivery.paused import PausedPartitions
from claimx_pipeline.runtime.offsets.running_checks import RunningChecks
from claimx_pipeline.runtime.reconnect import Reconnect
from claimx_pipeline.runtime.worker import WorkerSpec

POLL_SECONDS = 0.5
"""How long an empty poll waits: a stop is noticed within this time."""

FARTHEST = 10_000
"""Offsets between the first uncommitted record of a partition and the last one polled."""


@define
class Polling:
    """Polls for one member."""

    spec: WorkerSpec
    clock: Clock
    stop: asyncio.Event
    consumer: Callable[[], Consumer]
    """Returns the member of the group; another one after it has joined again."""
    in_flight: InFlight
    paused: PausedPartitions
    counts: RecordCounts
    reconnect: Reconnect
    checks: RunningChecks
    far: frozenset[Assignment] = field(init=False, default=frozenset())
    """Partitions that are paused because too much of them is in flight."""

    def due(self) -> list[PartitionRun]:
        """Return the waiting records whose time has come; forget those of other members."""
        owned = self.consumer().assignments()
        if lost := self.paused.forget(owned):
            self.counts.pause(-lost)
            self.counts.revoke(lost)
        runs = self.paused.due(owned, self.in_flight.first_offsets())
        self.counts.pause(-sum(len(run.records) for run in runs))
        return runs

    def keep_near(self) -> None:
        """Pause the partitions of which too much is in flight."""
        lowest, polled = self.in_flight.first_offsets(), self.checks.assignments.polled
        far = frozenset(
            each for each, first in lowest.items() if polled.next_of(each) - first > FARTHEST
        )
        if far == self.far:
            return
        consumer = self.consumer()
        consumer.pause(far)
        consumer.resume(each for each in self.far - far if each not in self.paused.paused)
        self.far = far

    async def collect(self, *, hurry: bool) -> list[PolledBatch]:
        """Return new records: what is there, or what gathers within the linger."""
        size, linger = self.spec.batch_size, self.spec.linger_seconds
        batches = await self._poll(size, 0.0 if hurry else self._longest_wait())
        if not batches or not linger or hurry:
            return batches
        deadline = self.clock.monotonic() + linger
        count = sum(len(batch.records) for batch in batches)
        while count < size and not self.stop.is_set():
            left = deadline - self.clock.monotonic()
            if left <= 0:
                break
            more = await self._poll(size - count, min(left, POLL_SECONDS))
            count += sum(len(batch.records) for batch in more)
            batches += more
        return batches

    def _longest_wait(self) -> float:
        return self.paused.seconds_to_next(POLL_SECONDS, self.in_flight.first_offsets())

    async def _poll(self, size: int, seconds: float) -> list[PolledBatch]:
        if not seconds:
            # A consumer that has nothing and need not wait may return at once; without this a
            # loop of such polls would keep everything else from running.
            await asyncio.sleep(0)
        began = self.clock.monotonic()
        try:
            batches = list(await self.consumer().poll(max_records=size, timeout=seconds))
        except BrokerUnavailableError as error:
            await self.reconnect.wait(error, "poll")
            return []
        self.reconnect.recovered("poll")
        if batches:
            self.counts.polled(self.clock.monotonic() - began)
            self.counts.receive(sum(len(batch.records) for batch in batches))
        else:
            self.checks.nothing_polled()
        return batches

    async def save(
        self,
        log_starts: Mapping[TopicPartition, int],
        launch: Callable[[list[PartitionRun], Sequence[PolledBatch]], None],
    ) -> None:
        """Let what is in flight reach its commit, and what waits here and nowhere else any more.

        Args:
            log_starts: Offset of the oldest record that is still in the topic, by partition.
            launch: Takes records in.
        """
        while not self.stop.is_set():
            self.reconnect.pulse.beat()
            consumer = self.consumer()
            consumer.pause(consumer.assignments())
            with contextlib.suppress(BrokerUnavailableError):
                # Nothing is returned; the group sees that this member is there.
                await consumer.poll(max_records=1, timeout=0.0)
            launch(self.due(), [])
            if not self.in_flight.count and not self.paused.before(log_starts):
                return
            await self.in_flight.changed(POLL_SECONDS)
            self.in_flight.raise_failure()
