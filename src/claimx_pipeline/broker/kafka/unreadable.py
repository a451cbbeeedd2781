"""Record batches that cannot be read: damaged, or compressed in a way that is not known here.

aiokafka 0.14 raises on such a batch, again and again, and drops good records that it read
in the same call while its position moves past them. What is there is therefore looked at
here, byte by byte: https://kafka.apache.org/documentation/#recordbatch.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from aiokafka import TopicPartition
from aiokafka import errors as kafka_errors
from aiokafka.protocol.fetch import FetchRequest
from aiokafka.record.memory_records import MemoryRecords
from attrs import define, field, frozen

from claimx_pipeline.broker.protocol import UnreadableRecords

BATCH_BYTES = 1024 * 1024
"""What is fetched at once; a larger batch comes whole all the same."""
WAIT_MILLISECONDS = 500
HEADER = struct.Struct(">qiibIhi")
"""Base offset, length, leader epoch, magic, checksum, attributes, last offset delta."""
LENGTH_FROM = 12
"""The length of a batch counts from after itself."""
MAX_TIMESTAMP = struct.Struct(">q")
MAX_TIMESTAMP_AT = 35


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
class RawBatch:
    """A batch as it lies in the log."""

    first: int
    after: int
    """The offset after its last record."""
    content: bytes

    def timestamp(self) -> int:
        """Return the latest time in it, milliseconds since 1970 UTC."""
        (found,) = MAX_TIMESTAMP.unpack_from(self.content, MAX_TIMESTAMP_AT)
        return max(0, int(found))


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

    def forget(self) -> None:
        """Forget all positions: the partitions are revoked or new."""
        self._next, self._readable = {}, {}

    def handed_out(self, polled: Mapping[TopicPartition, Sequence[Any]]) -> None:
        """Note what was handed out."""
        for partition, records in polled.items():
            self._next[partition] = records[-1].offset + 1

    async def getmany(self, client: Any, seconds: float, max_records: int) -> Any:
        """Return new records; none that would be read together with unreadable ones."""
        wait, paused = round(seconds * 1000), client.paused()
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
    content = await _fetched(client, partition, position)
    readable = 0
    for batch in _batches(content):
        if batch.after <= position:
            continue
        try:
            readable += _count(batch.content, position)
        except Exception as error:  # noqa: BLE001 - damaged bytes raise whatever they lead to
            first = max(batch.first, position)
            reason = f"{type(error).__name__}: {error}" if str(error) else type(error).__name__
            found = UnreadableRecords(
                topic=partition.topic,
                partition=partition.partition,
                first=first,
                offset=batch.after - 1,
                value=batch.content,
                timestamp=batch.timestamp(),
                reason=reason,
            )
            return Contents(readable, found)
    return Contents(readable)


async def _fetched(client: Any, partition: TopicPartition, position: int) -> bytes:
    # Internals of aiokafka 0.14: it offers no way to the bytes.
    connection = client._client  # noqa: SLF001
    node = connection.cluster.leader_for_partition(partition)
    if node is None or node < 0:
        raise kafka_errors.LeaderNotAvailableError
    wanted = [(partition.topic, [(partition.partition, position, BATCH_BYTES)])]
    request = FetchRequest(WAIT_MILLISECONDS, 1, BATCH_BYTES, 0, wanted, rack_id="")
    response = await connection.send(node, request)
    ((_, ((_, code, *_, content),)),) = response.topics
    error = kafka_errors.for_code(code)
    if error is not kafka_errors.NoError:
        raise error
    return bytes(content or b"")


def _batches(content: bytes) -> Iterator[RawBatch]:
    at = 0
    while at + HEADER.size <= len(content):
        first, length, *_, delta = HEADER.unpack_from(content, at)
        end = at + LENGTH_FROM + length
        if end > len(content):
            return  # cut off: it comes whole when it is asked for
        yield RawBatch(first, first + delta + 1, content[at:end])
        at = end


def _count(content: bytes, position: int) -> int:
    """Return how many records of a batch lie at *position* or after it."""
    batch = MemoryRecords(content).next_batch()
    if not batch.validate_crc():
        raise kafka_errors.CorruptRecordException("its checksum is wrong")
    if batch.is_control_batch:
        return 0
    return sum(record.offset >= position for record in batch)
