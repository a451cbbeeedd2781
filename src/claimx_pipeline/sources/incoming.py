"""A record of a source in the shape of a broker's."""

from __future__ import annotations

from attrs import frozen

from claimx_pipeline.broker.protocol import Headers
from claimx_pipeline.clock import EPOCH
from claimx_pipeline.runtime.headers import SOURCE, SOURCE_TIME
from claimx_pipeline.sources.protocol import SourceRecord


@frozen(kw_only=True)
class IncomingRecord:
    """A record of a source in the shape of a broker's, so that the worker treats it as one."""

    topic: str
    partition: int = 0
    offset: int
    """How many were read before it."""
    key: bytes | None
    value: bytes | None
    headers: Headers
    timestamp: int
    """When the source took it in, milliseconds since 1970 UTC; -1 if it does not say."""
    fault: str
    """Why it can never be published; empty for every good one."""


def incoming(record: SourceRecord, source: str, offset: int) -> IncomingRecord:
    """Return *record*, read from *source* after *offset* others, as a worker takes it in."""
    taken = -1 if record.time is None else int((record.time - EPOCH).total_seconds() * 1000)
    own = [(SOURCE, record.at.encode("utf-8", "replace"))]
    if taken >= 0:
        own.append((SOURCE_TIME, str(taken).encode()))
    return IncomingRecord(
        topic=f"source-{source}",
        offset=offset,
        key=record.key,
        value=record.value,
        headers=(*record.headers, *own),
        timestamp=taken,
        fault=record.fault,
    )
