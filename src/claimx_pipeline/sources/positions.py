"""How far a source was read: kept on a topic of its own, where the newest record wins."""

from __future__ import annotations

import logging
from typing import Any

import msgspec
from attrs import frozen

from claimx_pipeline.broker.protocol import Admin, OutRecord, Record, TopicPartition

log = logging.getLogger(__name__)

LOOK_BACK = 100
"""Newest records that are looked at: of two owners at one time, the one that was further wins."""


@frozen(kw_only=True)
class Position:
    """How far a source was read, and how many positions were kept before."""

    sequence: int = 0
    """Grows by one with every position kept: a lower one never replaces a higher one."""
    records: int = 0
    """Records read so far."""
    drained: bool = False
    """Whether there was nothing more when it was kept."""
    position: Any = None
    """The source's own; None for its beginning."""

    @property
    def at(self) -> tuple[int, int]:
        """What two positions are compared by."""
        return self.sequence, self.records


_decode = msgspec.json.Decoder(Position).decode


def position_record(topic: str, name: str, position: Position) -> OutRecord:
    """Return *position* of source *name* as a record for *topic*."""
    return OutRecord(topic, msgspec.json.encode(position), name.encode())


async def newest_position(admin: Admin, topic: str) -> tuple[Position, int] | None:
    """Return the position that is furthest on among the newest of *topic*, and its offset.

    Args:
        admin: Of the broker.
        topic: As the broker calls it.

    Returns:
        None if none was kept yet.

    Raises:
        UnknownTopicError: The topic does not exist.
        BrokerUnavailableError: The broker does not answer.
    """
    begin = (await admin.begin_offsets(topic)).get(0, 0)
    end = (await admin.end_offsets(topic)).get(0, 0)
    at, start = TopicPartition(topic, 0), max(begin, end - LOOK_BACK)
    records: list[Record] = []
    while more := await admin.read(at, start, end, max_records=LOOK_BACK):
        records += more
        start = more[-1].offset + 1
    found: tuple[Position, int] | None = None
    for record in records:
        if (read := _read(record)) is None:
            continue
        if found is not None and read.at < found[0].at:
            log.warning(
                "%s[0] offset %d holds a position that is behind the one before it; it is passed "
                "over (two workers have read this source at one time)",
                topic,
                record.offset,
            )
            continue
        found = read, record.offset
    return found


def _read(record: Record) -> Position | None:
    try:
        return _decode(record.value or b"")
    except msgspec.DecodeError as error:
        log.warning(
            "%s[0] offset %d does not hold a position and is passed over: %s",
            record.topic,
            record.offset,
            error,
        )
        return None
