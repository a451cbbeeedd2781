"""Looks, beside the workers, at how far consumer groups are behind and what topics hold.

Each process looks at the groups of its own workers, in all their partitions: so a member that
is stuck is seen by the others. The one that runs the worker of retries looks at every group, so
a worker that runs nowhere is seen too. A sum takes the largest of each partition.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Iterable, Mapping, Sequence

from attrs import define, evolve, field, frozen

from claimx_pipeline.broker.protocol import Admin, TopicPartition
from claimx_pipeline.clock import Clock
from claimx_pipeline.errors import BrokerError, UnknownTopicError
from claimx_pipeline.runtime.offsets.reading import topics_read
from claimx_pipeline.runtime.worker import WorkerSpec
from claimx_pipeline.telemetry.health import Health, WorkerHealth
from claimx_pipeline.telemetry.lag_metrics import LagCause, LagMetrics, PartitionLag, RetryLag
from claimx_pipeline.telemetry.worker_metrics import WorkerMetrics
from claimx_pipeline.topics import Topology

log = logging.getLogger(__name__)

LOOK_LIMIT_SECONDS = 60.0
"""How long one look may take."""


@frozen
class TopicOffsets:
    """First and next offset of each partition of a topic."""

    begin: Mapping[int, int]
    end: Mapping[int, int]

    @property
    def records(self) -> int:
        """Offsets that the topic holds."""
        return sum(max(0, end - self.begin.get(at, 0)) for at, end in self.end.items())


@define
class LagWatch:
    """Fills ``LagMetrics`` at intervals, until it is cancelled."""

    own: Sequence[WorkerSpec]
    """The workers of this process."""
    workers: Sequence[WorkerSpec]
    """Every worker of the pipeline."""
    topology: Topology
    admin: Admin
    clock: Clock
    lag: LagMetrics
    health: Health
    counters: Mapping[str, WorkerMetrics]
    """Of the workers of this process, by name."""
    seconds: float
    """Between two looks."""
    _oldest: dict[tuple[TopicPartition, int], float] = field(factory=dict, init=False)
    """When the record at an offset was published, as far as it was asked for."""
    _phases: dict[str, dict[str, float]] = field(factory=dict, init=False)
    """Seconds that each worker had spent in each phase at the last look."""

    async def run(self) -> None:
        """Look for ever; a broker that does not answer is asked again."""
        while True:
            try:
                async with asyncio.timeout(LOOK_LIMIT_SECONDS):
                    await self.look()
            except (BrokerError, TimeoutError) as error:
                self.lag.failures += 1
                log.debug("how far the groups are behind is not known now: %s", error)
            await self.clock.sleep(self.seconds)

    async def look(self) -> None:
        """Look once.

        Raises:
            BrokerError: The broker does not answer.
        """
        existing = await self.admin.topics()
        sees_all = any(spec.serves is not None for spec in self.own)
        specs = [each for each in (self.workers if sees_all else self.own) if each.intake is None]
        read = {spec.name: topics_read(spec, self.topology, [*existing]) for spec in specs}
        wanted = {topic for topics in read.values() for topic in topics}
        if sees_all:
            wanted |= {self.topology.physical(name) for name in self.topology.topics}
        there = sorted(wanted & existing.keys())
        # Side by side, since each asks which topics there are, and shares the answer.
        offsets = dict(zip(there, await asyncio.gather(*map(self._offsets, there)), strict=True))
        found: list[PartitionLag] = []
        for spec in specs:
            found += await self._group(spec, read[spec.name], offsets)
        self._forget(found)
        self.lag.partitions = tuple(found)
        self.lag.topics = {topic: each.records for topic, each in offsets.items()}
        self.lag.dead_letters = self._dead_letters(offsets)
        self.lag.tiers = self._tiers(found)
        self.lag.looked_at = self.clock.now().timestamp()

    async def _offsets(self, topic: str) -> TopicOffsets:
        try:
            begin = await self.admin.begin_offsets(topic)
            return TopicOffsets(begin, await self.admin.end_offsets(topic))
        except UnknownTopicError:
            return TopicOffsets({}, {})  # deleted meanwhile

    async def _group(
        self, spec: WorkerSpec, topics: Iterable[str], offsets: Mapping[str, TopicOffsets]
    ) -> list[PartitionLag]:
        group = self.topology.group(spec.group)
        retention = self._retention(topics)
        found: list[PartitionLag] = []
        there = [each for each in topics if each in offsets and offsets[each].end]
        asking = (self._committed(group, topic) for topic in there)
        for topic, committed in zip(there, await asyncio.gather(*asking), strict=True):
            if committed is None:
                continue
            for number, end in sorted(offsets[topic].end.items()):
                begin = offsets[topic].begin.get(number, 0)
                after = max(committed.get(number, begin), begin)
                oldest = await self._oldest_at(TopicPartition(topic, number), after, end)
                found.append(
                    PartitionLag(
                        worker=spec.name,
                        group=group,
                        topic=topic,
                        partition=number,
                        committed=after,
                        end=end,
                        oldest_at=oldest,
                        retention_seconds=retention.get(topic),
                    )
                )
        return await self._explained(spec, group, found)

    async def _committed(self, group: str, topic: str) -> Mapping[int, int] | None:
        """Return what *group* has committed of *topic*; None if it was deleted meanwhile."""
        try:
            return await self.admin.committed(group, topic)
        except UnknownTopicError:
            return None

    async def _oldest_at(self, partition: TopicPartition, after: int, end: int) -> float | None:
        """Return when the record at offset *after* was published; None if there is none."""
        if after >= end:
            return None
        known = self._oldest.get((partition, after))
        if known is not None:
            return known
        try:
            records = await self.admin.read(partition, after, end, max_records=1)
        except UnknownTopicError:
            return None
        if not records:
            return None  # marks of transactions
        at = self._oldest[partition, after] = records[0].timestamp / 1000
        return at

    async def _explained(
        self, spec: WorkerSpec, group: str, found: list[PartitionLag]
    ) -> list[PartitionLag]:
        """Return *found*, each that is behind with its cause."""
        if not any(each.records for each in found):
            return found
        cause = await self._cause(spec, group)
        return [evolve(each, cause=cause) if each.records else each for each in found]

    async def _cause(self, spec: WorkerSpec, group: str) -> LagCause:
        health = self.health.workers.get(spec.name)
        if health is not None and spec.name in self.counters:
            report = health.report(self.clock.monotonic())
            if report.state == "failed":
                return LagCause("no_member", "failed")
            if report.state == "starting":
                return LagCause("starting", _first(health))
            if reason := _first(health):
                return LagCause("waiting", reason)
            return LagCause("busy", self._slowest(spec.name))
        if not await self.admin.members(group):
            return LagCause("no_member")
        return LagCause("busy", "another process")

    def _slowest(self, worker: str) -> str:
        """Return the phase in which *worker* has spent most time since the last look."""
        totals = dict(self.counters[worker].phase_totals)
        before = self._phases.get(worker, {})
        self._phases[worker] = {str(phase): spent for phase, spent in totals.items()}
        spent = {phase: now - before.get(phase, 0.0) for phase, now in totals.items()}
        phase = max(spent, key=lambda each: spent[each])
        return str(phase) if spent[phase] > 0 else ""

    def _retention(self, topics: Iterable[str]) -> dict[str, float]:
        names = set(topics)
        return {
            each.name: each.retention_hours * 3600
            for each in self.topology.new_topics()
            if each.name in names and each.retention_hours is not None
        }

    def _dead_letters(self, offsets: Mapping[str, TopicOffsets]) -> dict[str, int]:
        used = [*self.own, *self.workers]
        topics = {spec.dead_letters.name for spec in used if spec.dead_letters is not None}
        physical = {self.topology.physical(name) for name in topics}
        return {topic: each.records for topic, each in offsets.items() if topic in physical}

    def _tiers(self, found: Iterable[PartitionLag]) -> tuple[RetryLag, ...]:
        """Return what waits in each retry topic that a group of retries reads."""
        known = {
            self.topology.physical(topic.name): (spec.retry.family, delay)
            for spec in self.workers
            if spec.retry is not None
            for topic, delay in zip(spec.retry.topics(), spec.retry.delays, strict=True)
        }
        tiers: dict[str, RetryLag] = {}
        for each in found:
            if each.topic in known:
                family, delay = known[each.topic]
                before = tiers.get(each.topic, RetryLag(family, each.topic, delay))
                times = [at for at in (before.oldest_at, each.oldest_at) if at is not None]
                tiers[each.topic] = evolve(
                    before,
                    records=before.records + each.records,
                    oldest_at=min(times, default=None),
                )
        return tuple(tiers.values())

    def _forget(self, found: Iterable[PartitionLag]) -> None:
        """Keep the times of what groups are at now, and of nothing that they have passed."""
        at = {(TopicPartition(each.topic, each.partition), each.committed) for each in found}
        self._oldest = {key: time for key, time in self._oldest.items() if key in at}


def _first(health: WorkerHealth) -> str:
    """Return what the first member that waits waits for; empty if none does."""
    for pulse in tuple(health.members):
        for reason in pulse.reasons():
            return reason.what
    return ""
