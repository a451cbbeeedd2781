"""Which partitions a worker may work on: the step between assignment and its first record."""

from __future__ import annotations

import logging
from collections.abc import Mapping

from attrs import define, field

from claimx_pipeline.broker.protocol import Admin, Assignment, Consumer, TopicPartition
from claimx_pipeline.clock import Clock
from claimx_pipeline.delta.writing.positions import Acquired
from claimx_pipeline.delta.writing.sink import TableSink
from claimx_pipeline.errors import FencedError
from claimx_pipeline.runtime.offsets.start_checks import OffsetCheck, Verdict, guard, look_at

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
    _acquired: frozenset[Assignment] = field(factory=frozenset, init=False)

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
            self._acquired = owned
        return owned

    def is_current(self, consumer: Consumer) -> bool:
        """Return whether the tables know of every assigned partition."""
        return not self.sinks or consumer.assignments() == self._acquired

    def forget(self) -> None:
        """Acquire everything again: the member joins its group again."""
        self._acquired = frozenset()

    async def _acquire(self, consumer: Consumer, owned: frozenset[Assignment]) -> None:
        assignments = {TopicPartition(each.topic, each.partition): each for each in owned}
        acquired_by: dict[str | None, Acquired] = {
            table: await sink.acquire(assignments) for table, sink in self.sinks.items()
        } or {None: Acquired()}
        offsets = await look_at(self.admin, self.group, assignments)
        checks = [
            OffsetCheck(
                table=table,
                group=self.group,
                partition=partition,
                keyed=acquired.keyed,
                stored=acquired.positions.offsets.get(partition, 0),
                restored=acquired.restored,
                offsets=offsets[partition],
            )
            for table, acquired in acquired_by.items()
            for partition in sorted(assignments, key=lambda at: (at.topic, at.partition))
        ]
        guard(self.worker, checks)
        starts = {
            assignments[each.partition]: each.offsets.log_start
            for each in checks
            if each.verdict is Verdict.NEW
        }
        if starts:
            # Without this, rows of a group that lost its offset look like those of a new group's
            # first batch, and a new group cannot see a gap that retention leaves.
            await consumer.commit(starts)
