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
from claimx_pipeline.runtime.delivery.paused import LOOK_SECONDS, PausedPartitions
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
    _long: frozenset[Assignment] = field(init=False, default=frozenset())
    """Partitions that had the last batch to themselves, with more to come: others go first."""
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

    def still_owned(
        self,
        owned: frozenset[Assignment],
        runs: Sequence[PartitionRun],
        batches: Sequence[PolledBatch],
    ) -> tuple[list[PartitionRun], list[PolledBatch]]:
        """Return those of partitions *owned*, and count the others as revoked."""
        lost = [len(run.records) for run in runs if run.assignment not in owned]
        lost += [len(batch.records) for batch in batches if batch.assignment not in owned]
        self.counts.revoke(sum(lost))
        return (
            [run for run in runs if run.assignment in owned],
            [batch for batch in batches if batch.assignment in owned],
        )

    def apart(self, batches: Sequence[PolledBatch]) -> list[list[PolledBatch]]:
        """Return what was polled as one batch, or that of a long partition as one of its own.

        A batch is committed once all of it is worked on, and in the order of each partition.
        Where tables are written one commit of many rows is worth more.
        """
        if self.spec.tables or sum(len(each.records) for each in batches) < self.spec.batch_size:
            return [[*batches]]
        half = self.spec.batch_size // 2
        long = [each for each in batches if len(each.records) > half]
        others = [each for each in batches if len(each.records) <= half]
        return [part for part in (others, long) if part]

    async def collect(
        self, *, hurry: bool, beside: frozenset[Assignment] = frozenset()
    ) -> list[PolledBatch]:
        """Return new records: what is there, or what gathers within the linger.

        Nothing is waited for if no commit was made for as long as the linger: the next one is as
        small then, and only later.

        Args:
            hurry: Take what is there.
            beside: Partitions that crowd the room: only those of others are returned.
        """
        size, linger = self.spec.batch_size, self.spec.linger_seconds
        if beside or (self._long and not self.spec.tables):
            batches, self._long = await self._poll(size, 0.0, beside or self._long), frozenset()
            if batches or hurry:
                return batches
            if beside:
                await self.in_flight.changed(LOOK_SECONDS)
                return []
        batches = await self._poll(size, 0.0 if hurry else self._longest_wait())
        if len(batches) == 1 and len(batches[0].records) >= size:
            self._long = frozenset({batches[0].assignment})
        if not batches or not linger or hurry:
            return batches
        deadline = self.clock.monotonic() + linger
        count = sum(len(batch.records) for batch in batches)
        while count < size and not self.stop.is_set():
            now = self.clock.monotonic()
            left = min(deadline, self.in_flight.quiet_since() + linger) - now
            if deadline <= now:
                break
            more = await self._poll(size - count, max(0.0, min(left, POLL_SECONDS)))
            if not more and left <= 0:
                break
            count += sum(len(batch.records) for batch in more)
            batches += more
        return batches

    def _longest_wait(self) -> float:
        return self.paused.seconds_to_next(POLL_SECONDS, self.in_flight.first_offsets())

    async def _poll(
        self, size: int, seconds: float, without: frozenset[Assignment] = frozenset()
    ) -> list[PolledBatch]:
        if not seconds:
            # A consumer that has nothing and need not wait may return at once; without this a
            # loop of such polls would keep everything else from running.
            await asyncio.sleep(0)
        try:
            consumer = self.consumer()
            polled = await consumer.poll(max_records=size, timeout=seconds, without=without)
            batches = list(polled)
        except BrokerUnavailableError as error:
            await self.reconnect.wait(error, "poll")
            return []
        self.reconnect.recovered("poll")
        if batches:
            self.counts.receive(sum(len(batch.records) for batch in batches))
        elif not without:
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
