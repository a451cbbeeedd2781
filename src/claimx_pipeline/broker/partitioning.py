"""Which partition a record goes to; the same for every broker."""

from __future__ import annotations

import zlib

from claimx_pipeline.broker.protocol import OutRecord


def partition_of(record: OutRecord, partitions: int, turn: int) -> int:
    """Return the partition of *record* in a topic of *partitions*.

    A bucket decides first, then the key, by CRC-32 as librdkafka's ``consistent``
    partitioner does. Without either, records take turns.
    """
    if record.bucket is not None:
        return record.bucket % partitions
    if record.key is not None:
        return zlib.crc32(record.key) % partitions
    return turn % partitions
