"""Records that were deleted before they were read: noticed by the first offset of a batch.

A difference of offsets alone says nothing: compaction leaves gaps, and so do transactions.
Only what is before the oldest record that the topic still has was deleted.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from attrs import define, field, frozen

from claimx_pipeline.broker.protocol import (
    Assignment,
    PolledBatch,
    TopicPartition,
    UnreadableRecords,
)


@frozen
class Gap:
    """Offsets of a partition that were deleted before they were read."""

    partition: TopicPartition
    first: int
    after: int
    """The offset after the last of them."""

    @property
    def records(self) -> int:
        """How many offsets that are; of a compacted topic, how many records at most."""
        return self.after - self.first

    @property
    def offsets(self) -> str:
        """The offsets, in words."""
        if self.records == 1:
            return f"offset {self.first}"
        return f"offsets {self.first} to {self.after - 1}"

    def __str__(self) -> str:
        at = self.partition
        return f"{self.records} records of {at.topic}[{at.partition}] ({self.offsets})"


@frozen
class Jump:
    """A batch that does not begin where the one before has ended."""

    assignment: Assignment
    expected: int
    first: int


@define
class PolledOffsets:
    """How far each partition of one member was polled."""

    _next: dict[Assignment, int] = field(factory=dict, init=False)
    """The offset after the last record polled, or at which reading begins."""
    _polled: set[Assignment] = field(factory=set, init=False)

    def begin(self, starts: Mapping[Assignment, int]) -> None:
        """Note the partitions owned now, and where new ones begin; forget all others."""
        self._next = {each: self._next.get(each, start) for each, start in starts.items()}
        self._polled &= starts.keys()

    def next_of(self, assignment: Assignment) -> int:
        """Return the offset after the last record polled; 0 if it is not known."""
        return self._next.get(assignment, 0)

    def known(self) -> Mapping[Assignment, int]:
        """Return the same of every partition that is owned and checked."""
        return dict(self._next)

    def passed(self, assignment: Assignment, after: int) -> None:
        """Note that *assignment* goes on at *after*: what is before was deleted."""
        self._next[assignment] = after

    def take(self, batches: Sequence[PolledBatch]) -> list[Jump]:
        """Note what was polled; return where it does not go on as expected."""
        jumps = []
        for batch in batches:
            records, assignment = batch.records, batch.assignment
            expected = self._next.get(assignment)
            if records[0].offset != expected and expected is not None:
                first = _first(records[0])
                # A new owner may begin before what its table has.
                if first > expected or (first < expected and assignment in self._polled):
                    jumps.append(Jump(assignment, expected, first))
            self._next[assignment] = records[-1].offset + 1
            self._polled.add(assignment)
        return jumps


def overtaken(jumps: Collection[Jump], log_starts: Mapping[TopicPartition, int]) -> list[Gap]:
    """Return what of *jumps* was deleted, given the oldest offset of each partition."""
    gaps = []
    for jump in jumps:
        partition = TopicPartition(jump.assignment.topic, jump.assignment.partition)
        after = min(jump.first, log_starts[partition])
        if after > jump.expected:
            gaps.append(Gap(partition, jump.expected, after))
    return gaps


def _first(record: object) -> int:
    if isinstance(record, UnreadableRecords):
        return record.first
    offset: int = record.offset  # type: ignore[attr-defined]  # a Record
    return offset
