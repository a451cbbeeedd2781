"""Reads a raw event as every worker of the raw topic does, so that it has one id in all of them."""

from __future__ import annotations

from claimx_pipeline.broker.protocol import Record
from claimx_pipeline.clock import Clock, published_at
from claimx_pipeline.domain.events import Decode, DomainEvent
from claimx_pipeline.runtime.headers import (
    SOURCE,
    SOURCE_TIME,
    header,
    number_in,
    origin_of,
    origin_timestamp_of,
)


def read_event(record: Record, clock: Clock, decode: Decode) -> DomainEvent:
    """Return the event in *record*, which may have come back from the dead letters.

    Args:
        record: A record of a topic of raw events.
        clock: Tells the time to an event that has none and whose record has none.
        decode: The domain's own way to read one.

    Raises:
        DecodeError: It is not a valid event.
    """
    if record.headers and (where := header(record.headers, SOURCE)):
        # It may be published again at any time, and is the same event then.
        return decode(
            record.value,
            None,
            lambda: where,
            lambda: (
                published_at(number_in(record, SOURCE_TIME))
                or published_at(record.timestamp)
                or clock.now()
            ),
        )
    timestamp = origin_timestamp_of(record) if record.headers else record.timestamp
    return decode(
        record.value,
        timestamp,
        lambda: str(origin_of(record)),
        lambda: published_at(record.timestamp) or clock.now(),
    )
