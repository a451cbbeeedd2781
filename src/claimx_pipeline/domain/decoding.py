"""Reads raw events by a domain's own decoder, and sees that it returns events."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

import msgspec

from claimx_pipeline.clock import EPOCH
from claimx_pipeline.domain.events import Decode, DomainEvent
from claimx_pipeline.errors import Category, DecodeError
from claimx_pipeline.isolation import as_failure, described


def checked_decode(domain: str, kind: type[Any], decode: Decode) -> Decode:
    """Return *decode* of a domain, its mistakes being the failure of one record.

    What it returns goes into messages, keys and tables: a record that is written with a wrong
    id or time could not be taken back.

    Args:
        domain: The domain's name.
        kind: The class of its events.
        decode: The domain's own decoder.
    """

    # A function rather than an object: it is called for every record, by several workers.
    def read(
        value: bytes | None,
        timestamp_ms: int | None,
        origin: Callable[[], str] = lambda: "",
        now: Callable[[], datetime] = lambda: EPOCH,
    ) -> DomainEvent:
        try:
            found = decode(value, timestamp_ms, origin, now)
        except DecodeError:
            raise
        except BaseException as error:
            failed = as_failure(error, awaited=False)
            raise DecodeError(
                f"the decoder of domain {domain!r} failed, which is a defect of it: "
                f"{described(failed)}",
                Category.BUG,
            ) from error
        if (
            type(found) is kind
            and type(found.event_id) is str
            and type(found.key) is str
            and found.event_id
            and type(found.event_type) is str
            and type(found.payload) is msgspec.Raw
            and type(found.ingested_at) is datetime
            and found.ingested_at.tzinfo is not None
        ):
            return found
        if (mistake := _mistake(found, kind)) is None:
            return found
        raise DecodeError(
            f"the decoder of domain {domain!r} returned {mistake}, which is a defect of it",
            Category.BUG,
        )

    return read


def _mistake(found: Any, kind: type[Any]) -> str | None:
    """Return what is wrong with *found*, as the object of a sentence; None if nothing is."""
    if not isinstance(found, kind):
        return f"{type(found).__name__} instead of {kind.__name__}"
    for name, wanted in (
        *(("event_id", str), ("event_type", str), ("key", str)),
        *(("payload", msgspec.Raw), ("ingested_at", datetime)),
    ):
        if not isinstance(value := getattr(found, name), wanted):
            given = type(value).__name__
            return f"an event whose {name!r} is of {given} instead of {wanted.__name__}"
    if not found.event_id:
        return "an event with an empty 'event_id'"
    if found.ingested_at.tzinfo is None:
        return "an event whose 'ingested_at' has no time zone"
    return None
