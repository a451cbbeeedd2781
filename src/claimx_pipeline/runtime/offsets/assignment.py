"""Which partitions a worker may work on: the step between assignment and its first record."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING, Literal

from attrs import define, field

from claimx_pipeline.broker.protocol import Admin, Assignment, Consumer, TopicPartition
from claimx_pipeline.clock import Clock
from claimx_pipeline.delta.writing.held_positions import Acquired
from claimx_pipeline.errors import FencedError
from claimx_pipeline.runtime.offsets.gaps import Gap, PolledOffsets
from claimx_pipeline.runtime.offsets.start_checks import OffsetCheck, Verdict, begin_look, guard

if TYPE_CHECKING:
    from claimx_pipeline.delta.writing.sink import TableSink

log = logging.getLogger(__name__)

AGAIN_SECONDS = 0.1
"""Pause before another look at an assignment that changed meanwhile."""


@define
class Assignments:
    """Keeps the tables of one member in step with the partitions that it is assigned.

    A worker without tables is checked as well: its topic may have been recreated, or its
    oldest records deleted, meanwhile.
    """

    worker: str
    group: str
    """Consumer group, as the broker calls it."""
    sinks: Mapping[str, TableSink]
    admin: Admin
    clock: Clock
    on_gap: Literal["stop", "continue"]
    count_overtaken: Callable[[int], None]
    """Counts records that were deleted before they were read, if the worker is to go on."""
    polled: PolledOffsets = field(factory=PolledOffsets, init=False)
    started: bool = field(default=False, init=False)
    """Whether the worker was at work before: what is refused then does not end it."""
    _acquired: frozenset[Assignment] = field(factory=frozenset, init=False)
    _known: set[TopicPartition] = field(factory=set, init=False)
    """Partitions of which this member has seen the group's offset."""

    async def follow(self, consumer: Consumer) -> frozenset[Assignment]:
        """Return what *consumer* owns, once the tables know.

        Costs one comparison while nothing has changed.

        Raises:
            StartRefusedError: Table, group and topic contradict each other.
            TableWriteError: A table could not be read.
            BrokerUnavailableError: The broker does not answer.
        """
        while (owned := consumer.assignments()) != self._acquired:
            if owned:
                try:
                    await self._acquire(consumer, owned)
                except FencedError as error:
                    log.info("worker %s: %s any more", self.worker, error)
                    await self.clock.sleep(AGAIN_SECONDS)
                    continue
                self.started = True
            self._acquired = owned
        return owned

    def is_current(self, consumer: Consumer) -> bool:
        """Return whether the tables know of every assigned partition."""
        return not self.sinks or consumer.assignments() == self._acquired

    def forget(self) -> None:
        """Acquire everything again: the member joins its group again."""
        self._acquired = frozenset()
        self.polled.begin({})

    def overtaken(self, gap: Gap) -> None:
        """Count and report what was deleted before it was read, as the worker goes on."""
        self.count_overtaken(gap.records)
        log.error("worker %s: retention deleted %s before they were read", self.worker, gap)

    async def recheck(self, partitions: Iterable[TopicPartition]) -> None:
        """See that the worker, which has left its group, may go on with *partitions*.

        Raises:
            StartRefusedError: It may not.
        """
        checks = await self._checks(dict.fromkeys(partitions))
        self._guard(checks)

    async def _acquire(self, consumer: Consumer, owned: frozenset[Assignment]) -> None:
        assignments = {TopicPartition(each.topic, each.partition): each for each in owned}
        checks = await self._checks(assignments)
        gaps = self._guard(checks)
        starts = {
            assignments[each.partition]: each.offsets.log_start
            for each in checks
            if each.verdict is Verdict.NEW or each.partition in gaps
        }
        if starts:
            # Without this, rows of a group that lost its offset look like those of a new group's
            # first batch, and a new group cannot see a gap that retention leaves.
            await consumer.commit(starts)
        for gap in gaps.values():
            self.overtaken(gap)
        self._known |= assignments.keys()
        self.polled.begin({a: _begin(at, checks) for at, a in assignments.items()})

    async def _checks(
        self, assignments: Mapping[TopicPartition, Assignment | None]
    ) -> list[OffsetCheck]:
        # Side by side. What a group commits before it writes was committed before this member got
        # its partitions, so a look at the group may come before that at the tables.
        acquiring = asyncio.ensure_future(self._acquired_by(assignments))
        looking = asyncio.ensure_future(begin_look(self.admin, self.group, assignments))
        await asyncio.gather(acquiring, looking, return_exceptions=True)
        acquired_by, offsets = acquiring.result(), await looking.result().finish()
        return [
            OffsetCheck(
                table=table,
                group=self.group,
                partition=partition,
                keyed=acquired.keyed,
                stored=acquired.positions.offsets.get(partition, 0),
                polled=self.polled.next_of(assignment) if assignment else 0,
                known=partition in self._known,
                restored=acquired.restored,
                offsets=offsets[partition],
            )
            for table, acquired in acquired_by.items()
            for partition, assignment in sorted(
                assignments.items(), key=lambda item: (item[0].topic, item[0].partition)
            )
        ]

    async def _acquired_by(
        self, partitions: Collection[TopicPartition]
    ) -> Mapping[str | None, Acquired]:
        """Return, by table, what it has of *partitions*."""
        tasks = [asyncio.ensure_future(sink.acquire(partitions)) for sink in self.sinks.values()]
        await asyncio.gather(*tasks, return_exceptions=True)
        found = [task.result() for task in tasks]
        return dict(zip(self.sinks, found, strict=True)) or {None: Acquired()}

    def _guard(self, checks: Sequence[OffsetCheck]) -> dict[TopicPartition, Gap]:
        """Return the gaps that the worker is to pass over.

        Raises:
            StartRefusedError: Something else is wrong, or it is to stop at gaps.
        """
        goes_on = self.on_gap == "continue"
        guard(
            self.worker,
            [each for each in checks if not (goes_on and each.gap)],
            started=self.started,
        )
        gaps: dict[TopicPartition, Gap] = {}
        for gap in (each.gap for each in checks if each.gap):
            known = gaps.get(gap.partition)
            # The table that has least of it says how much was lost.
            if known is None or gap.first < known.first:
                gaps[gap.partition] = gap
        return gaps


def _begin(partition: TopicPartition, checks: Sequence[OffsetCheck]) -> int:
    """Return the offset from which on every record is still to be read."""
    starts = []
    for check in checks:
        if check.partition == partition:
            begins = check.offsets.committed is None or check.gap is not None
            starts.append(max(check.read_up_to, check.offsets.log_start if begins else 0))
    return min(starts)
