"""What every broker promises; ``kafka`` and ``sqlite`` keep it, one suite checks both.

Every method that waits for the broker has a deadline of its own and raises
``BrokerUnavailableError`` after it. What was under way then is of unknown outcome.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping, Sequence
from typing import Any, Protocol

from attrs import define, frozen

Headers = Sequence[tuple[str, bytes]]


class Record(Protocol):
    """One record as it was read. aiokafka's own records have this shape already."""

    @property
    def topic(self) -> str:
        """Name of the topic, as the broker knows it."""
        ...

    @property
    def partition(self) -> int:
        """Number of the partition, from 0."""
        ...

    @property
    def offset(self) -> int:
        """Position in the partition; grows, may have gaps."""
        ...

    @property
    def key(self) -> bytes | None:
        """Key, if it has one."""
        ...

    @property
    def value(self) -> bytes | None:
        """Payload; None is a tombstone."""
        ...

    @property
    def headers(self) -> Headers:
        """Headers in the order they were given; names may repeat."""
        ...

    @property
    def timestamp(self) -> int:
        """When it was published, milliseconds since 1970 UTC."""
        ...


@frozen(kw_only=True)
class UnreadableRecords:
    """Records that the broker holds and no client can read; has the shape of a ``Record``.

    Its value is what lies in the log instead of them. A commit past it skips them all.
    """

    topic: str
    """Name of the topic, as the broker knows it."""
    partition: int
    """Number of the partition, from 0."""
    first: int
    """Offset of the first of them."""
    offset: int
    """Offset of the last of them."""
    value: bytes | None
    """The record batch as it lies in the log."""
    timestamp: int
    """When the batch was published, milliseconds since 1970 UTC."""
    reason: str
    """Why no client can read them."""
    key: bytes | None = None
    """None: it cannot be read."""
    headers: Headers = ()
    """None: they cannot be read."""

    def __str__(self) -> str:
        return (
            f"offsets {self.first} to {self.offset} of {self.topic}[{self.partition}] cannot be "
            f"read: {self.reason}; the value is the record batch as it lies in the log"
        )


# One is made for every record, and a frozen one takes six times as long to make.
@define(unsafe_hash=True)
class OutRecord:
    """One record to publish; it is not changed once it is made."""

    topic: str
    """Name of the topic, as the broker knows it."""
    value: bytes | None
    """Payload; None is a tombstone."""
    key: bytes | None = None
    """Records of one key go to one partition, in their order."""
    headers: tuple[tuple[str, bytes], ...] = ()
    """Name and value of each; names may repeat."""
    bucket: int | None = None
    """If given, the record goes to partition ``bucket % partitions``, else by its key."""


@frozen
class Assignment:
    """A partition as this member owns it now; a new epoch after every rebalance."""

    topic: str
    """Name of the topic, as the broker knows it."""
    partition: int
    """Number of the partition, from 0."""
    epoch: int
    """Grows with every rebalance; a commit under an older one is refused."""


@frozen
class PolledBatch:
    """Records of one partition, in offset order."""

    assignment: Assignment
    """The partition, as this member owns it."""
    records: Sequence[Record]
    """Its records, in offset order."""


@frozen
class TopicPartition:
    """A partition, regardless of its owner."""

    topic: str
    """Name of the topic, as the broker knows it."""
    partition: int
    """Number of the partition, from 0."""


@frozen
class NewTopic:
    """A topic to create."""

    name: str
    """What the broker is to call it."""
    partitions: int
    """How many it has."""
    retention_hours: float | None = None
    """None keeps records for ever."""
    replication: int = 1
    """Copies of each partition."""
    retention_bytes: int | None = None
    """What a partition keeps at least before its oldest records go; None for no limit."""


OnRevoked = Callable[[Sequence[Assignment]], Awaitable[None]]
"""Called before partitions are revoked; what it commits is still accepted. Must be quick."""


class Consumer(Protocol):
    """A member of a consumer group."""

    async def start(self) -> None:
        """Join the group. A group without offsets starts at the earliest record."""
        ...

    async def poll(
        self,
        *,
        max_records: int,
        timeout: float,  # noqa: ASYNC109 - the broker waits, not asyncio
        without: Collection[Assignment] = (),
    ) -> Sequence[PolledBatch]:
        """Return up to *max_records* new records, waiting *timeout* seconds at most for the first.

        An empty answer means nothing came, or no partition is assigned yet. Records of the
        partitions in *without* are left for a later call; then nothing is waited for.
        """
        ...

    async def commit(self, positions: Mapping[Assignment, int]) -> None:
        """Store the next offset to read of each partition.

        Raises:
            FencedError: One of the assignments is not current any more. Those that
                are current were committed.
        """
        ...

    def assignments(self) -> frozenset[Assignment]:
        """Return the partitions owned now."""
        ...

    def pause(self, assignments: Iterable[Assignment]) -> None:
        """Stop returning records of these partitions until ``resume``."""
        ...

    def resume(self, assignments: Iterable[Assignment]) -> None:
        """Return records of these partitions again, from where they were."""
        ...

    async def close(self) -> None:
        """Leave the group; the partitions go to the other members at once."""
        ...


class Producer(Protocol):
    """Publishes records."""

    async def start(self) -> None:
        """Connect."""
        ...

    async def publish(self, records: Sequence[OutRecord]) -> None:
        """Publish *records* and return when the broker has acknowledged each of them.

        Records of one key keep their order. On an error any part of them may be stored.

        Raises:
            UnknownTopicError: A topic does not exist; nothing is created silently.
            RecordTooLargeError: A record is too large; it tells what was published.
            BrokerUnavailableError: No acknowledgement within the deadline.
        """
        ...

    async def close(self) -> None:
        """Disconnect."""
        ...


class Admin(Protocol):
    """Looks at topics and groups, creates topics, sets the offsets of groups without members."""

    async def topics(self) -> Mapping[str, int]:
        """Return every topic's number of partitions."""
        ...

    async def create_topics(self, topics: Sequence[NewTopic]) -> Sequence[str]:
        """Create those of *topics* that do not exist; return the names created."""
        ...

    async def end_offsets(self, topic: str) -> Mapping[int, int]:
        """Return, by partition, the offset up to which there is something to read.

        The offset that the next record will get, or, while a transaction is under way, that of
        its first record: what comes after it cannot be read yet.
        """
        ...

    async def begin_offsets(self, topic: str) -> Mapping[int, int]:
        """Return, by partition, the offset of the oldest record still kept."""
        ...

    async def count(self, topic: str, ranges: Mapping[int, tuple[int, int]]) -> Mapping[int, int]:
        """Return, by partition, how many records there are to read from an offset to another.

        Offsets are not records: marks of transactions, aborted ones and what compaction removed
        have offsets as well. Many records may be counted by their offsets, which is never too
        few; where there is none the answer is 0.

        Args:
            topic: Name of the topic.
            ranges: Partition to the first offset, and the one after the last.

        Raises:
            UnknownTopicError: The topic, or a partition of it, does not exist.
        """
        ...

    async def delete_records(self, topic: str, before: Mapping[int, int]) -> None:
        """Delete, by partition, the records before an offset, for everybody and for ever.

        The topic begins there afterwards. Records that are deleted already do no harm.

        Raises:
            UnknownTopicError: The topic, or a partition of it, does not exist.
            BrokerError: The broker refused, for example because the topic has no such offset yet.
        """
        ...

    async def topics_of(self, group: str) -> Collection[str]:
        """Return the topics that *group* has ever committed an offset of, as far as is known."""
        ...

    async def members(self, group: str) -> int:
        """Return how many members *group* has now; 0 if it does not exist.

        Raises:
            BrokerUnavailableError: No answer within the deadline.
        """
        ...

    async def committed(self, group: str, topic: str) -> Mapping[int, int]:
        """Return, by partition, what *group* committed; partitions without are left out."""
        ...

    async def commit_offsets(self, group: str, topic: str, positions: Mapping[int, int]) -> None:
        """Store, by partition, the next offset that *group* is to read of *topic*.

        Partitions that are not named keep what they have.

        Raises:
            UnknownTopicError: The topic, or a partition of it, does not exist.
            BrokerError: The group has members; their commits would undo it.
        """
        ...

    async def read(
        self, partition: TopicPartition, start: int, stop: int, *, max_records: int
    ) -> Sequence[Record]:
        """Return the next records from offset *start* on and before *stop*, as part of no group.

        Up to *max_records*, in offset order; an empty answer means that there are none.
        With ``end_offsets`` as *stop* it waits for nothing that is still to come.

        Raises:
            UnknownTopicError: The topic does not exist.
            BrokerUnavailableError: No answer within the deadline.
        """
        ...

    async def close(self) -> None:
        """Disconnect."""
        ...


class Broker(Protocol):
    """A server or a file that holds topics."""

    url: str
    """Where it is, without credentials."""

    def consumer(
        self, *, group: str, topics: Sequence[str], on_revoked: OnRevoked | None = None
    ) -> Consumer:
        """Return a member of *group* that reads *topics*; call ``start`` on it."""
        ...

    def producer(self) -> Producer:
        """Return a producer; call ``start`` on it."""
        ...

    def admin(self) -> Admin:
        """Return an administrator."""
        ...


BrokerFactory = Callable[[str, Any], Broker]
"""Makes a broker from its URL and the ``broker`` settings; registered by URL scheme."""
