"""Positions as their owner holds them, and what is compared before a commit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from attrs import evolve, field, frozen

from claimx_pipeline.broker.protocol import TopicPartition
from claimx_pipeline.delta.write_errors import TableFencedError
from claimx_pipeline.delta.writing.marks import GROUP

if TYPE_CHECKING:
    from deltalake import CommitProperties

APP = "claimx-pipeline"
FIRST_GENERATION = 1


@frozen
class Positions:
    """A table's positions in the partitions that one member of a group owns."""

    group: str = field(default="", eq=False)
    offsets: Mapping[TopicPartition, int] = field(factory=dict)
    """The next offset of each; 0 where the table has nothing of it."""
    generations: Mapping[str, int] = field(factory=dict)
    """Topic to how many topics of that name there were, as far as the table knows.

    A topic that is recreated counts from 0 again; offsets of the old and the new one must
    never be compared.
    """
    version: int = field(default=-1, eq=False)
    """Version of the table that says so."""

    def advanced(self, next_offsets: Mapping[TopicPartition, int]) -> Positions:
        """Return these moved forward to *next_offsets*; none moves back.

        Raises:
            RuntimeError: A partition is not among those acquired.
        """
        if not self.offsets.keys() >= next_offsets.keys():
            unacquired = ", ".join(map(shown, next_offsets.keys() - self.offsets.keys()))
            raise RuntimeError(f"rows of {unacquired}, which was not acquired")
        moved = {at: max(after, self.offsets[at]) for at, after in next_offsets.items()}
        return evolve(self, offsets={**self.offsets, **moved})

    def properties(self) -> CommitProperties:
        """Return what makes a commit carry all of these, and fail if another came first."""
        from deltalake import CommitProperties, Transaction  # noqa: PLC0415 - workers without tables do without it

        topics = [
            Transaction(topic_id(self.group, topic), generation)
            for topic, generation in self.generations.items()
        ]
        partitions = [
            Transaction(partition_id(self.group, at, self.generations[at.topic]), after)
            for at, after in self.offsets.items()
        ]
        return CommitProperties(
            max_commit_retries=0,
            app_transactions=[*topics, *partitions] or None,
            custom_metadata={GROUP: self.group} if self.group else None,
        )


@frozen
class Acquired:
    """What a table has for the new owner of some partitions."""

    positions: Positions = field(factory=Positions)
    restored: int | None = None
    """Version that restored an older one and that the group has not seen, if there is one.

    Restoring takes rows back and leaves the positions as they are.
    """
    keyed: bool = False
    """The table keeps no positions, since a merge is safe to repeat."""


@frozen
class Claim:
    """What an owner brings to a commit."""

    held: Positions = field(factory=Positions)
    """What it last saw or wrote."""
    doubtful: tuple[Positions, ...] = ()
    """What it attempted to write; any of them may have landed, one at most has."""
    next_offsets: Mapping[TopicPartition, int] = field(factory=dict)
    """Per partition of the batch, the offset up to which every record is finished."""

    def verified(self, table: str, stored: Positions) -> Positions:
        """Return the owner's positions, given what the table has *stored*.

        Raises:
            TableFencedError: It is not the owner any more.
        """
        if stored == self.held or stored in self.doubtful:
            return stored
        for topic, generation in self.held.generations.items():
            if stored.generations[topic] != generation:
                raise TableFencedError(table, f"topic {topic} has been adopted again")
        for at, offset in self.held.offsets.items():
            if stored.offsets[at] != offset:
                where = f"{shown(at)} is at offset {stored.offsets[at]} there and at {offset} here"
                raise TableFencedError(table, f"{where}, so another worker has taken it over")
        raise RuntimeError(f"{stored} and {self.held} differ in no position")


def shown(partition: TopicPartition) -> str:
    """Return a partition as people read it."""
    return f"{partition.topic}[{partition.partition}]"


def topic_id(group: str, topic: str) -> str:
    """Return the transaction that keeps the generation of a topic."""
    return f"{APP}/{group}/{topic}"


def partition_id(group: str, at: TopicPartition, generation: int) -> str:
    """Return the transaction that keeps the position in a partition."""
    return f"{APP}/{group}/{at.topic}@{generation}/{at.partition}"
