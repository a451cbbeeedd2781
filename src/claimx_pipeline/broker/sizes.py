"""How large a record counts, the same for every broker."""

from __future__ import annotations

from claimx_pipeline.broker.protocol import OutRecord
from claimx_pipeline.errors import RecordTooLargeError

RECORD_BYTES = 100
"""What Kafka adds to a record that is a batch of its own, at most: the header of the batch and the
lengths within (https://kafka.apache.org/documentation/#recordbatch)."""
HEADER_BYTES = 10
"""The lengths of one header, at most."""


def size_of(record: OutRecord) -> int:
    """Return how many bytes *record* has, with what a broker adds to it."""
    size = RECORD_BYTES + len(record.key or b"") + len(record.value or b"")
    for name, value in record.headers:
        # As in UTF-8, and encoded only where that is longer.
        size += HEADER_BYTES + (len(name) if name.isascii() else len(name.encode())) + len(value)
    return size


def refuse_too_large(record: OutRecord, index: int, limit: int) -> None:
    """Refuse a record that is larger than the settings allow.

    Args:
        record: Its topic is named as the caller wants it named.
        index: Its index among those that are published together.
        limit: ``broker.max_record_bytes``.

    Raises:
        RecordTooLargeError: It is.
    """
    if (size := size_of(record)) > limit:
        raise RecordTooLargeError(record.topic, index, size, limit)
