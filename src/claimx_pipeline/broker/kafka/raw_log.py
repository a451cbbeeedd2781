"""Record batches as they lie in Kafka's log, fetched past aiokafka's own reading.

aiokafka offers no way to the bytes, which tell what cannot be read and what is not a record:
https://kafka.apache.org/documentation/#recordbatch.
"""

from __future__ import annotations

import struct
from collections.abc import Iterator, Sequence
from operator import itemgetter
from typing import Any

from aiokafka import TopicPartition
from aiokafka import errors as kafka_errors
from aiokafka.protocol.fetch import FetchRequest
from aiokafka.record.memory_records import MemoryRecords
from attrs import define, field, frozen

READ_COMMITTED = 1
"""Isolation level: nothing of a transaction before it is committed."""
BATCH_BYTES = 1024 * 1024
"""What is fetched at once; a larger batch comes whole all the same."""
COUNT_BYTES = 256 * 1024
"""What is fetched to be counted, one record at least; more would be read for a number."""
HEADER = struct.Struct(">qiibIhiqqqhii")
"""Base offset, length, leader epoch, magic, checksum, attributes, last offset delta, first and
latest time, producer, its epoch, first sequence number, number of records."""
LENGTH_FROM = 12
"""The length of a batch counts from after itself."""
TRANSACTIONAL, CONTROL = 0x10, 0x20
"""Bits of the attributes."""
MODERN = 2
"""The format whose header is that above."""
WITH_REPLICA = 11
"""Version of the answer from which on a replica is named behind the aborted transactions."""
WITH_TRANSACTIONS = 4
"""Version of the answer from which on it names the aborted transactions."""


@frozen
class RawBatch:
    """A batch as it lies in the log."""

    first: int
    after: int
    """The offset after its last record."""
    content: bytes
    control: bool = False
    """It marks the end of a transaction and holds no records."""
    producer: int | None = None
    """The producer of the transaction that it belongs to."""
    records: int | None = None
    """How many records it says that it holds."""
    latest: int = 0
    """The latest time in it, milliseconds since 1970 UTC."""

    def count(self, start: int, stop: int) -> int:
        """Return how many records of it lie at *start* or after, and before *stop*.

        Raises:
            Exception: It is damaged, or compressed in an unknown way: whatever its bytes lead to.
        """
        batch = MemoryRecords(self.content).next_batch()
        if not batch.validate_crc():
            raise kafka_errors.CorruptRecordException("its checksum is wrong")
        if batch.is_control_batch:
            return 0
        return sum(start <= record.offset < stop for record in batch)


@define
class Fetched:
    """Batches of one partition, in offset order, and which transactions were aborted."""

    batches: Sequence[RawBatch]
    size: int
    """Bytes."""
    _aborted: list[tuple[int, int]]
    """Producer of each aborted transaction and its first offset; the earliest first."""
    _open: set[int] = field(factory=set, init=False)

    def of_records(self) -> Iterator[RawBatch]:
        """Yield the batches that hold records: no marks, nothing of an aborted transaction."""
        for batch in self.batches:
            while self._aborted and self._aborted[0][1] <= batch.first:
                self._open.add(self._aborted.pop(0)[0])
            if batch.control:
                self._open.discard(batch.producer or 0)
            elif batch.producer is None or batch.producer not in self._open:
                yield batch


async def fetch(
    client: Any, partition: TopicPartition, position: int, *, most: int, wait: int = 0
) -> Fetched:
    """Return what *partition* has from *position* on, as far as one request shows.

    Args:
        client: A started consumer of aiokafka.
        partition: Of any topic.
        position: The next offset to read.
        most: Bytes; a larger batch comes whole.
        wait: Milliseconds to wait if there is nothing.

    Raises:
        KafkaError: Kafka does not hand it out.
    """
    connection = client._client  # noqa: SLF001 - internals of aiokafka 0.14
    node = connection.cluster.leader_for_partition(partition)
    if node is None or node < 0:
        await connection.add_topic(partition.topic)
        raise kafka_errors.LeaderNotAvailableError
    wanted = [(partition.topic, [(partition.partition, position, most)])]
    request = FetchRequest(wait, 1, most, READ_COMMITTED, wanted, rack_id="")
    response = await connection.send(node, request)
    ((_, ((_, code, *between, content),)),) = response.topics
    error = kafka_errors.for_code(code)
    if error is not kafka_errors.NoError:
        if error.invalid_metadata:
            connection.force_metadata_update()
        raise error
    aborted = None
    if response.API_VERSION >= WITH_TRANSACTIONS:
        aborted = between[-2 if response.API_VERSION >= WITH_REPLICA else -1]
    content = bytes(content or b"")
    in_order = sorted(aborted or (), key=itemgetter(1))
    return Fetched(list(_batches(content)), len(content), in_order)


async def count_records(client: Any, partition: TopicPartition, start: int, stop: int) -> int:
    """Return how many records lie at *start* or after, and before *stop*.

    Marks of transactions, aborted transactions and what compaction removed are none. What goes
    beyond ``COUNT_BYTES`` is counted by its offsets: never too few, and the answer is 0 only
    where there is none.

    Raises:
        KafkaError: Kafka does not say.
    """
    count, looked, position = 0, 0, start
    while position < stop and (not count or looked < COUNT_BYTES):
        try:
            fetched = await fetch(client, partition, position, most=COUNT_BYTES)
        except kafka_errors.OffsetOutOfRangeError:
            return stop - position  # deleted meanwhile; the next look knows from where on
        if not fetched.batches:
            return count  # compaction removed what was there
        for batch in fetched.of_records():
            count += _count(batch, position, stop)
        looked += fetched.size
        position = max(position + 1, fetched.batches[-1].after)
    return count + max(0, stop - position)


def _count(batch: RawBatch, start: int, stop: int) -> int:
    if batch.records is not None and start <= batch.first and batch.after <= stop:
        return batch.records
    if batch.after <= start or stop <= batch.first:
        return 0
    try:
        return batch.count(start, stop)
    except Exception:  # noqa: BLE001 - damaged bytes raise whatever they lead to
        return 1  # handed out as one record that says so


def _batches(content: bytes) -> Iterator[RawBatch]:
    at = 0
    while at + HEADER.size <= len(content):
        first, length, _, magic, _, bits, delta, _, latest, producer, _, _, count = (
            HEADER.unpack_from(content, at)
        )
        end = at + LENGTH_FROM + length
        if end > len(content):
            return  # cut off: it comes whole when it is asked for
        modern = magic == MODERN
        yield RawBatch(
            first,
            first + (delta if modern else 0) + 1,
            content[at:end],
            control=modern and bool(bits & CONTROL),
            producer=producer if modern and bits & (TRANSACTIONAL | CONTROL) else None,
            records=count if modern else None,
            latest=max(0, latest),
        )
        at = end
