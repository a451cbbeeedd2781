"""Topics and records in the file of the embedded broker.

Plain functions on a connection; they block, so they run in the broker's own thread. The
records of a partition have neighbouring row ids: the partition's number in the upper
bits, the offset in the lower 40.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Container, Iterable, Mapping, Sequence

import msgspec
from attrs import define, frozen

from claimx_pipeline.broker.partitioning import partition_of
from claimx_pipeline.broker.protocol import NewTopic, OutRecord, TopicPartition
from claimx_pipeline.broker.sizes import refuse_too_large
from claimx_pipeline.broker.sqlite.file import RECORD_BYTES, writing
from claimx_pipeline.errors import BrokerError, UnknownTopicError

OFFSET_BITS = 40
MOST_BYTES = 32 * 1024 * 1024
"""One answer holds no more than this, and one record more."""
SLICE = 5_000
"""Records deleted in one transaction: others wait for it."""
VACUUM_PAGES = 2_000
HOUR_MILLISECONDS = 3_600_000

_headers = msgspec.msgpack.Decoder(tuple[tuple[str, bytes], ...])


@define(eq=False)
class StoredRecord:
    """A record as it was read; has the shape of ``broker.protocol.Record``."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes]]
    timestamp: int
    """Milliseconds since 1970 UTC."""


@frozen
class Wanted:
    """Where to go on reading one partition."""

    topic: str
    partition: int
    log: int
    position: int


def topics(connection: sqlite3.Connection) -> dict[str, int]:
    """Return every topic's number of partitions."""
    return dict(connection.execute("SELECT name, partitions FROM topic ORDER BY name"))


def create_topics(connection: sqlite3.Connection, wanted: Sequence[NewTopic]) -> list[str]:
    """Create the topics that do not exist; return their names."""
    with writing(connection):
        existing = topics(connection)
        fresh = {topic.name: topic for topic in wanted if topic.name not in existing}
        for topic in fresh.values():
            hours = topic.retention_hours
            connection.execute(
                "INSERT INTO topic VALUES (?, ?, ?, ?)",
                (
                    topic.name,
                    topic.partitions,
                    None if hours is None else round(hours * HOUR_MILLISECONDS),
                    topic.retention_bytes,
                ),
            )
            connection.executemany(
                "INSERT INTO partition (topic, number) VALUES (?, ?)",
                [(topic.name, number) for number in range(topic.partitions)],
            )
    return list(fresh)


def append(
    connection: sqlite3.Connection, records: Sequence[OutRecord], now: int, turn: int, limit: int
) -> None:
    """Store *records* durably, all or none, without gaps between offsets.

    Args:
        connection: The file.
        records: In this order within each partition.
        now: Milliseconds since 1970 UTC.
        turn: Where records without key and bucket begin to take turns.
        limit: Bytes of the largest record that is taken.

    Raises:
        UnknownTopicError: A topic does not exist.
        RecordTooLargeError: A record is too large; none was stored.
    """
    with writing(connection):
        heads = {topic: _heads(connection, topic) for topic in {out.topic for out in records}}
        rows = []
        for index, out in enumerate(records):
            head = heads[out.topic]
            state = head[partition_of(out, len(head), turn + index)]
            headers = msgspec.msgpack.encode(out.headers) if out.headers else None
            size = sum(len(part) for part in (out.key, out.value, headers) if part)
            if size * 2 > limit:
                refuse_too_large(out, index, limit)
            rows.append((state[0] + state[1], now, out.key, out.value, headers))
            state[1] += 1
            state[2] += size
        connection.executemany("INSERT INTO record VALUES (?, ?, ?, ?, ?)", rows)
        connection.executemany(
            "UPDATE partition SET next = ?, bytes = bytes + ? WHERE log = ?",
            [
                (after, size, base >> OFFSET_BITS)
                for head in heads.values()
                for base, after, size in head.values()
            ],
        )


def read(
    connection: sqlite3.Connection, wanted: Sequence[Wanted], limit: int
) -> list[list[StoredRecord]]:
    """Return the next records of each partition of *wanted*, *limit* in all."""
    answer, room = [], MOST_BYTES
    for partition in wanted:
        found: list[StoredRecord] = []
        answer.append(found)
        if limit <= 0 or room <= 0:
            continue
        base = partition.log << OFFSET_BITS
        rows = connection.execute(
            "SELECT id, timestamp, key, value, headers FROM record "
            "WHERE id >= ? AND id < ? ORDER BY id LIMIT ?",
            (base + partition.position, (partition.log + 1) << OFFSET_BITS, limit),
        )
        for row, timestamp, key, value, headers in rows:
            found.append(
                StoredRecord(
                    partition.topic,
                    partition.partition,
                    row - base,
                    key,
                    value,
                    _headers.decode(headers) if headers else (),
                    timestamp,
                )
            )
            room -= len(value or b"")
            if room <= 0:
                break
        limit -= len(found)
    return answer


def read_range(
    connection: sqlite3.Connection, partition: TopicPartition, start: int, stop: int, limit: int
) -> list[StoredRecord]:
    """Return the next records of one partition from *start* on and before *stop*.

    Raises:
        UnknownTopicError: The topic does not exist, or has no such partition.
    """
    head = _heads(connection, partition.topic).get(partition.partition)
    if head is None:
        raise UnknownTopicError(f"{partition.topic}[{partition.partition}]")
    wanted = Wanted(partition.topic, partition.partition, head[0] >> OFFSET_BITS, start)
    (found,) = read(connection, [wanted], min(limit, max(0, stop - start)))
    return [record for record in found if record.offset < stop]


def end_offsets(connection: sqlite3.Connection, topic: str) -> dict[int, int]:
    """Return, by partition, the offset the next record will get."""
    return _partition_column(connection, topic, "next")


def begin_offsets(connection: sqlite3.Connection, topic: str) -> dict[int, int]:
    """Return, by partition, the offset of the oldest record still kept."""
    return _partition_column(connection, topic, "begin")


def count(
    connection: sqlite3.Connection, topic: str, ranges: Mapping[int, tuple[int, int]]
) -> dict[int, int]:
    """Return, by partition, how many records there are between two offsets: there are no gaps.

    Raises:
        UnknownTopicError: The topic, or a partition of it, does not exist.
    """
    begin, end = begin_offsets(connection, topic), end_offsets(connection, topic)
    _refuse_unknown(topic, ranges, begin)
    return {
        number: max(0, min(stop, end[number]) - max(start, begin[number]))
        for number, (start, stop) in ranges.items()
    }


def delete_records(connection: sqlite3.Connection, topic: str, before: Mapping[int, int]) -> bool:
    """Delete a slice of the records before these offsets; return whether there is more.

    Raises:
        UnknownTopicError: The topic, or a partition of it, does not exist.
        BrokerError: The topic has no such offset yet; nothing was deleted.
    """
    ends = end_offsets(connection, topic)
    _refuse_unknown(topic, before, ends)
    for number, offset in before.items():
        if offset > ends[number]:
            raise BrokerError(
                f"{topic}[{number}] ends at {ends[number]}; nothing can be deleted before {offset}"
            )
    heads = _heads(connection, topic)
    more = False
    for number, offset in before.items():
        more |= _delete_slice(connection, heads[number][0] >> OFFSET_BITS, None, 0, offset)
    if before:
        connection.execute(f"PRAGMA incremental_vacuum({VACUUM_PAGES})").fetchall()
    return more


def delete_expired(connection: sqlite3.Connection, now: int) -> bool:
    """Delete a slice of what is older, or is more, than its topic keeps.

    Returns whether there is more to delete.

    Args:
        connection: The file.
        now: Milliseconds since 1970 UTC.
    """
    more = False
    limited = connection.execute(
        "SELECT log, retention_ms, max(0, bytes - retention_bytes) FROM partition "
        "JOIN topic ON topic.name = partition.topic WHERE begin < next "
        "AND (retention_ms IS NOT NULL OR bytes > retention_bytes)"
    ).fetchall()
    for log, kept, surplus in limited:
        before = None if kept is None else now - kept
        more |= _delete_slice(connection, log, before, surplus or 0)
    if limited:
        # Hands free pages back to the disk, a few at a time.
        connection.execute(f"PRAGMA incremental_vacuum({VACUUM_PAGES})").fetchall()
    return more


def _delete_slice(
    connection: sqlite3.Connection, log: int, before: int | None, surplus: int, offset: int = 0
) -> bool:
    """Delete the oldest records, up to the first that is to stay.

    One goes that was published *before*, lies within the *surplus*, or is before *offset*.
    """
    base = log << OFFSET_BITS
    oldest = connection.execute(
        f"SELECT id, timestamp, {RECORD_BYTES} FROM record "  # noqa: S608 - a constant
        "WHERE id >= ? AND id < ? ORDER BY id LIMIT ?",
        (base, (log + 1) << OFFSET_BITS, SLICE),
    ).fetchall()
    count = freed = 0
    for row, stamp, size in oldest:
        expired = before is not None and stamp < before
        # What is kept is never less than the limit: a record goes if all of it is surplus.
        if not expired and row - base >= offset and freed + size > surplus:
            break
        count, freed = count + 1, freed + size
    if not count:
        return False
    begin = oldest[count - 1][0] + 1
    with writing(connection):
        connection.execute("DELETE FROM record WHERE id >= ? AND id < ?", (base, begin))
        connection.execute(
            "UPDATE partition SET begin = max(begin, ?), bytes = bytes - ? WHERE log = ?",
            (begin - base, freed, log),
        )
    return count == SLICE


def _heads(connection: sqlite3.Connection, topic: str) -> Mapping[int, list[int]]:
    """Return, by partition, the row id of offset 0, the next offset, and bytes added: 0."""
    rows = connection.execute(
        "SELECT number, log, next FROM partition WHERE topic = ?", (topic,)
    ).fetchall()
    if not rows:
        raise UnknownTopicError(topic)
    return {number: [log << OFFSET_BITS, after, 0] for number, log, after in rows}


def _refuse_unknown(topic: str, wanted: Iterable[int], existing: Container[int]) -> None:
    for number in wanted:
        if number not in existing:
            raise UnknownTopicError(f"{topic}[{number}]")


def _partition_column(connection: sqlite3.Connection, topic: str, column: str) -> dict[int, int]:
    found = dict(
        connection.execute(
            f"SELECT number, {column} FROM partition WHERE topic = ? ORDER BY number",  # noqa: S608 - a constant of this module
            (topic,),
        )
    )
    if not found:
        raise UnknownTopicError(topic)
    return found
