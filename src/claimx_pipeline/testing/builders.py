"""Makes events, records and items for tests: valid, with what the test says of them."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import msgspec
from attrs import frozen

from claimx_pipeline.claimx.events import Event, decode_event
from claimx_pipeline.claimx.made import made
from claimx_pipeline.stages.protocol import Item

PUBLISHED = datetime(2026, 1, 12, 8, tzinfo=UTC)
"""When the records of tests were published, unless they say otherwise."""


@frozen
class MadeRecord:
    """A record as a broker hands it out; the fields are those of ``Record``."""

    topic: str
    """Name of the topic."""
    partition: int
    """Number of the partition, from 0."""
    offset: int
    """Position in the partition."""
    timestamp: int
    """When it was published, milliseconds since 1970 UTC."""
    key: bytes | None
    """Key, if it has one."""
    value: bytes | None
    """Payload; None is a tombstone."""
    headers: tuple[tuple[str, bytes], ...]
    """Name and value of each."""


def make_record(  # noqa: PLR0913 - each is a part of a record
    value: Any,
    *,
    topic: str = "test.topic",
    offset: int = 0,
    key: str | None = None,
    headers: dict[str, str] | None = None,
    published: datetime = PUBLISHED,
) -> MadeRecord:
    """Return a record as a broker hands it out.

    Args:
        value: Bytes as they are; anything else as JSON.
        topic: Topic it is in, partition 0.
        offset: Its offset.
        key: Its key.
        headers: Its headers.
        published: When it was published.
    """
    return MadeRecord(
        topic=topic,
        partition=0,
        offset=offset,
        key=key.encode() if key is not None else None,
        value=value if isinstance(value, bytes) else msgspec.json.encode(value),
        headers=tuple((name, text.encode()) for name, text in (headers or {}).items()),
        timestamp=round(published.timestamp() * 1000),
    )


def make_item(data: dict[str, Any], **record: Any) -> Item:
    """Return a record on its way through a chain, decoded; *record* as ``make_record``."""
    return Item(make_record(data, **record), data, dict(data))


def make_event(event_type: str = "", **fields: Any) -> Event:
    """Return an event of ClaimX; *fields* are those of its JSON, in either spelling.

    Args:
        event_type: Its type; that of a new claim if not given.
        **fields: What else it says.
    """
    value = msgspec.json.encode(made(event_type, {"ingested_at": PUBLISHED.isoformat(), **fields}))
    return happened(value, PUBLISHED)


def happened(value: bytes, at: datetime) -> Event:
    """Return the event of ClaimX in a record's *value* that was published *at* that time."""
    return decode_event(value, round(at.timestamp() * 1000))
