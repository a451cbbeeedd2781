"""Record batches that cannot be read: damaged, or compressed in a way that is not known here.

aiokafka 0.14 raises on such a batch, again and again, and drops good records that it read
in the same call while its position moves past them. What is there is therefore looked at
here, byte by byte.
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from aiokafka import TopicPartition
from aiokafka import errors as kafka_errors
from attrs import define, field, frozen

from claimx_pipeline.broker.kafka.raw_log import BATCH_BYTES, fetch
from claimx_pipeline.broker.protocol import UnreadableRecords

WAIT_MILLISECONDS = 500


UNREADABLE = (
    kafka_errors.CorruptRecordException,
    kafka_errors.UnsupportedCodecError,
    AssertionError,
    ArithmeticError,
    LookupError,
    RuntimeError,
    ValueError,
)
"""What aiokafka and its decompressors raise on bytes that are not a record batch."""


@frozen
class Contents:
    """What lies in a partition from a position on."""

    readable: int
    """Records before the first batch that cannot be read."""
    unreadable: UnreadableRecords | None = None


@define
class PositionTracker:
    """How far each partition was handed out, and how far it can be read."""

    _next: dict[TopicPartition, int] = field(factory=dict, init=False)
    """The offset after the last record handed out."""
    _readable: dict[TopicPartition, int] = field(factory=dict, init=False)
    """How many records may be read before the next batch that cannot be."""
    _committed: dict[TopicPartition, int] = field(factory=dict, init=False)
    """What was committed of each."""
    _certain: bool = field(default=True, init=False)
    """Whether aiokafka's positions have not moved past records that were not handed out."""

    def forget(self) -> None:
        """Forget all positions: the partitions are revoked or new."""
        self._next, self._readable, self._committed, self._certain = {}, {}, {}, True

    def committed(self, offsets: Mapping[TopicPartition, int]) -> None:
        """Note what was committed."""
        self._committed.update(offsets)

    def after_marks(self, client: Any, partition: TopicPartition, offset: int) -> int:
        """Return the next offset to read when *offset* is, with what holds no record passed.

        Behind the last record handed out lie marks of transactions, aborted ones, or nothing
        where compaction was. Left uncommitted they look like records that were never read, to
        whom they are deleted by retention before another record comes.
        """
        if not self._certain or self._next.get(partition) != offset:
            return offset
        assigned = client._subscription.subscription.assignment  # noqa: SLF001 - without waiting
        state = assigned.state_value(partition) if assigned else None
        return max(offset, state.position) if state and state.has_valid_position else offset

    def uncommitted_marks(self, client: Any) -> dict[TopicPartition, int]:
        """Return where to commit because only marks follow what is committed."""
        found = {}
        for partition, offset in self._committed.items():
            handed_out = self._next.setdefault(partition, offset)
            after = self.after_marks(client, partition, handed_out)
            if handed_out <= offset < after:
                found[partition] = after
        return found

    def handed_out(self, polled: Mapping[TopicPartition, Sequence[Any]]) -> None:
        """Note what was handed out."""
        for partition, records in polled.items():
            self._next[partition] = records[-1].offset + 1

    async def getmany(
        self,
        client: Any,
        seconds: float,
        max_records: int,
        without: Collection[TopicPartition] = (),
    ) -> Any:
        """Return new records; none that would be read together with unreadable ones.

        Those of the partitions in *without* are left for a later call; then nothing is waited for.

        Raises:
            Exception: One of ``UNREADABLE``; what was read in the same call is lost until
                ``skip_unreadable`` has returned.
        """
        try:
            if without:
                if self._readable or not (others := client.assignment() - {*without}):
                    return {}
                return await client.getmany(*others, timeout_ms=0, max_records=max_records)
            return await self._getmany(client, round(seconds * 1000), max_records)
        except UNREADABLE:
            self._certain = False
            raise

    async def _getmany(self, client: Any, wait: int, max_records: int) -> Any:
        paused = client.paused()
        for partition, readable in self._readable.items():
            if partition in paused:
                continue
            count = min(max_records, readable)
            polled = await client.getmany(partition, timeout_ms=wait, max_records=count)
            left = readable - sum(len(records) for records in polled.values())
            if left:
                self._readable[partition] = left
            else:
                del self._readable[partition]
            return polled
        return await client.getmany(timeout_ms=wait, max_records=max_records)

    async def skip_unreadable(
        self, client: Any, partitions: Sequence[TopicPartition]
    ) -> dict[TopicPartition, UnreadableRecords] | None:
        """Look at all *partitions* and continue after what cannot be read.

        Returns:
            What is skipped, by partition. Where readable records come first, they are
            returned first; None if everything can be read.
        """
        found: dict[TopicPartition, UnreadableRecords] = {}
        self._readable.clear()
        known = self._next
        for partition in partitions:
            position = await self._position(client, partition)
            look = await look_at(client, partition, position)
            if self._next is not known:
                return {}  # the partitions were revoked meanwhile; their new owner repeats this
            if look.unreadable and not look.readable:
                found[partition] = look.unreadable
                position = look.unreadable.offset + 1
            elif look.unreadable:
                self._readable[partition] = look.readable
            # Also where nothing is wrong: what was read in the same call is lost.
            client.seek(partition, position)
            self._next[partition] = position
        self._certain = True
        return found if found or self._readable else None

    async def _position(self, client: Any, partition: TopicPartition) -> int:
        """Return the offset after the last record of *partition* that was handed out."""
        if partition in self._next:
            return self._next[partition]
        committed: int | None = await client.committed(partition)
        if committed is not None:
            return committed
        begin: int = (await client.beginning_offsets([partition]))[partition]
        return begin


async def look_at(client: Any, partition: TopicPartition, position: int) -> Contents:
    """Return what *partition* has from *position* on, as far as one request shows.

    Args:
        client: A consumer of aiokafka.
        partition: One of its partitions.
        position: The next offset to read.

    Raises:
        KafkaError: Kafka does not hand it out.
    """
    fetched = await fetch(client, partition, position, most=BATCH_BYTES, wait=WAIT_MILLISECONDS)
    readable = 0
    for batch in fetched.of_records():
        if batch.after <= position:
            continue
        try:
            readable += batch.count(position, batch.after)
        except Exception as error:  # noqa: BLE001 - damaged bytes raise whatever they lead to
            first = max(batch.first, position)
            reason = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
            found = UnreadableRecords(
                topic=partition.topic,
                partition=partition.partition,
                first=first,
                offset=batch.after - 1,
                value=batch.content,
                timestamp=batch.latest,
                reason=reason,
            )
            return Contents(readable, found)
    return Contents(readable)
