"""What must not go on: a worker whose table, group and topic contradict each other.

Each of them remembers how far things are. Normally they agree but for the last batch
before a crash. When one was deleted, reset or restored, going on would lose rows or write
them twice without an error, so a person is asked.
"""

from __future__ import annotations

import asyncio
import enum
from collections.abc import Awaitable, Callable, Iterable, Mapping
from functools import partial

from attrs import frozen

from claimx_pipeline.broker.protocol import Admin, TopicPartition
from claimx_pipeline.errors import ClaimxError
from claimx_pipeline.runtime.offsets.gaps import Gap


class Verdict(enum.Enum):
    """How a table, a group and a topic go together."""

    CONSISTENT = "ok"
    NEW = "new"
    """The group starts here; it commits where, before anything is written."""
    GROUP_LOST = "the group has no offset"
    TOPIC_RECREATED = "the topic was recreated"
    RECORDS_DELETED = "retention deleted what was never read"
    RESTORED = "the table was restored"


@frozen
class PartitionOffsets:
    """What the broker knows of one partition, for one group."""

    committed: int | None
    """The next offset the group reads; None without."""
    log_start: int
    """Offset of the oldest record that the topic still has."""
    log_end: int
    """Offset that the next record will get."""


@frozen(kw_only=True)
class OffsetCheck:
    """One partition as table, group and topic have it."""

    table: str | None = None
    """None where a worker has none."""
    keyed: bool = False
    """The table keeps no positions; its rows may be merged again at any time."""
    group: str
    partition: TopicPartition
    stored: int = 0
    """The next offset according to the table; 0 if it has nothing of the partition."""
    polled: int = 0
    """The offset after the last record that the member has polled; 0 if it has not yet."""
    known: bool = False
    """The member has read the partition before, so its group had an offset there."""
    restored: int | None = None
    """Version of the table that put back an older one since the group's last commit."""
    offsets: PartitionOffsets

    @property
    def verdict(self) -> Verdict:
        """How they go together."""
        offsets = self.offsets
        if self.restored is not None and not (self.keyed and offsets.committed is None):
            return Verdict.RESTORED
        if max(self.stored, self.polled, offsets.committed or 0) > offsets.log_end:
            return Verdict.TOPIC_RECREATED
        if offsets.committed is None:
            # A new group commits its start before it writes, so rows without an offset
            # mean that the offset was lost.
            return Verdict.GROUP_LOST if self.stored or self.known else Verdict.NEW
        # A crash between table and group leaves the group behind; that much is not lost.
        if self.read_up_to < offsets.log_start:
            return Verdict.RECORDS_DELETED
        return Verdict.CONSISTENT

    @property
    def read_up_to(self) -> int:
        """The offset up to which every record was read."""
        return max(self.stored, self.polled, self.offsets.committed or 0)

    @property
    def gap(self) -> Gap | None:
        """What retention deleted before it was read."""
        if self.verdict is not Verdict.RECORDS_DELETED:
            return None
        return Gap(self.partition, self.read_up_to, self.offsets.log_start)

    def refusal(self, worker: str) -> str:
        """Return what is wrong and which command repairs it; empty if all is well."""
        partition, offsets = f"{self.partition.topic}[{self.partition.partition}]", self.offsets
        command = "'claimx-run offsets"
        rewind, adopt = f"{command} rewind {worker}", f"{command} adopt {worker}'"
        held = f"table {self.table!r} has the rows of {partition} up to offset {self.stored}"
        if self.verdict is Verdict.RESTORED:
            # A keyed table cannot tell from where on; all that the topic still has is merged again.
            start = "--to-earliest" if self.keyed else "--to-table"
            return (
                f"version {self.restored} of table {self.table!r} put back an older one, so rows "
                f"are missing that group {self.group!r} has read; write them again with {rewind} "
                f"{start}', or go on without them with {adopt}"
            )
        if self.verdict is Verdict.TOPIC_RECREATED:
            known = held if self.stored > offsets.log_end else self._up_to(partition)
            return (
                f"{known}, but the topic ends at {offsets.log_end}, so it was recreated; "
                f"go on with the new one with {adopt}"
            )
        if self.verdict is Verdict.GROUP_LOST and not self.stored:
            return (
                f"this worker has read {partition}, but group {self.group!r} has no offset there "
                f"any more; if the topic was recreated, go on with the new one with {adopt}, if "
                f"the group was reset, say where to go on with {rewind} --to'"
            )
        if self.verdict is Verdict.GROUP_LOST:
            return (
                f"{held}, but group {self.group!r} has no offset there; if it was reset, set it "
                f"to the table with {rewind} --to-table', if the topic was recreated, go on with "
                f"the new one with {adopt}"
            )
        if (gap := self.gap) is not None:
            return (
                f"{self._up_to(partition)}, but the topic begins at {offsets.log_start}, so "
                f"retention deleted {gap.records} records that were never read "
                f"({gap.offsets}); go on with what is left with {rewind} --to-earliest'"
            )
        return ""

    def _up_to(self, partition: str) -> str:
        after = max(self.polled, self.offsets.committed or 0)
        return f"group {self.group!r} has read {partition} up to offset {after}"


class StartRefusedError(ClaimxError):
    """A worker must not go on before a person has decided what is right."""


class RecordsOvertakenError(StartRefusedError):
    """Records were deleted before this worker, which is running, has read them."""

    def __init__(self, reason: str, log_starts: Mapping[TopicPartition, int]) -> None:
        super().__init__(reason)
        self.log_starts = log_starts
        """Offset of the oldest record that each of the partitions still has."""


def guard(worker: str, checks: Iterable[OffsetCheck], *, started: bool = False) -> None:
    """See that *worker* may write.

    Args:
        worker: Its name.
        checks: Every partition of every table.
        started: Whether it was at work before.

    Raises:
        StartRefusedError: It may not; the first reason, and what to do.
    """
    for check in checks:
        if refusal := check.refusal(worker):
            raise StartRefusedError(f"{held_back(worker, started=started)}: {refusal}")


def held_back(worker: str, *, started: bool = True) -> str:
    """Return the beginning of the sentence that says why *worker* does nothing."""
    return f"worker {worker!r} {'takes no more records' if started else 'is not started'}"


async def look_at(
    admin: Admin, group: str, partitions: Iterable[TopicPartition]
) -> Mapping[TopicPartition, PartitionOffsets]:
    """Return what the broker knows of *partitions*.

    Raises:
        UnknownTopicError: A topic does not exist.
        BrokerUnavailableError: The broker does not answer.
    """
    return await (await begin_look(admin, group, partitions)).finish()


@frozen
class BegunLook:
    """What a group has committed and where topics begin; where they end is looked at last.

    So nothing that was read before, here or in a table meanwhile, can be beyond an end.
    """

    admin: Admin
    wanted: frozenset[TopicPartition]
    committed: Mapping[str, Mapping[int, int]]
    """By topic and partition."""
    log_starts: Mapping[str, Mapping[int, int]]
    """By topic and partition."""

    async def finish(self) -> Mapping[TopicPartition, PartitionOffsets]:
        """Return what the broker knows of the partitions that are wanted.

        Raises:
            UnknownTopicError: A topic does not exist any more.
            BrokerUnavailableError: The broker does not answer.
        """
        log_ends = await _of_each(self.committed, self.admin.end_offsets)
        return {
            at: PartitionOffsets(
                self.committed[topic].get(number), self.log_starts[topic][number], log_end
            )
            for topic, ends in log_ends.items()
            for number, log_end in ends.items()
            if (at := TopicPartition(topic, number)) in self.wanted
        }


async def begin_look(admin: Admin, group: str, partitions: Iterable[TopicPartition]) -> BegunLook:
    """Begin to look at *partitions*; tables may be read beside it, before it is finished.

    Raises:
        UnknownTopicError: A topic does not exist.
        BrokerUnavailableError: The broker does not answer.
    """
    wanted = frozenset(partitions)
    topics = sorted({partition.topic for partition in wanted})
    committed, log_starts = await asyncio.gather(
        _of_each(topics, partial(admin.committed, group)), _of_each(topics, admin.begin_offsets)
    )
    return BegunLook(admin, wanted, committed, log_starts)


async def _of_each(
    topics: Iterable[str], ask: Callable[[str], Awaitable[Mapping[int, int]]]
) -> Mapping[str, Mapping[int, int]]:
    names = list(topics)
    return dict(zip(names, await asyncio.gather(*map(ask, names)), strict=True))
