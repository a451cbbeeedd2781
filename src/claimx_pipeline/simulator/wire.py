"""How sources spell an event: snake or camel case, ids as numbers or text, four kinds of time."""

from __future__ import annotations

import enum
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone
from random import Random
from typing import Any


class Spelling(enum.Enum):
    """A source's way of writing events."""

    CAMEL_NUMBERS = "camel case, ids as numbers, time with +00:00"
    SNAKE_TEXT = "snake case, ids as text, time with Z, absent fields as null"
    SNAKE_NUMBERS_ZONED = "snake case, ids as numbers, time in a zone of its own"
    CAMEL_TEXT_NAIVE = "camel case, ids as text, time without zone (it is UTC)"


_ID_FIELDS = ("project_id", "media_id", "task_assignment_id", "video_collaboration_id")
_ZONES = (timezone(timedelta(hours=-6)), timezone(timedelta(hours=5, minutes=30)))


def spell(  # noqa: PLR0913 - one argument per field of an event
    spelling: Spelling,
    at: datetime,
    event_type: str,
    ids: Mapping[str, int | None],
    rng: Random,
    *,
    extra: Mapping[str, Any],
    event_id: str | None,
) -> dict[str, Any]:
    """Return an event as the source of *spelling* writes it.

    Args:
        spelling: The source's way.
        at: When it happened.
        event_type: Its type.
        ids: Ids by their snake-case name; None leaves one out.
        rng: Chooses the zone of zoned times.
        extra: Further fields by snake-case name, written as they are.
        event_id: The source's own id, if it gives one.
    """
    snake = spelling in (Spelling.SNAKE_TEXT, Spelling.SNAKE_NUMBERS_ZONED)
    as_text = spelling in (Spelling.SNAKE_TEXT, Spelling.CAMEL_TEXT_NAIVE)
    event: dict[str, Any] = {} if event_id is None else {"event_id": event_id}
    event["event_type"] = event_type
    for name in _ID_FIELDS:
        number = ids.get(name)
        if number is not None:
            event[name] = str(number) if as_text else number
        elif spelling is Spelling.SNAKE_TEXT:
            event[name] = None
    event["ingested_at"] = _time(spelling, at, rng)
    event.update(extra)
    return event if snake else {camel(name): value for name, value in event.items()}


def camel(name: str) -> str:
    """Return a snake-case name in camel case."""
    first, *rest = name.split("_")
    return first + "".join(part.capitalize() for part in rest)


def iso(at: datetime) -> str:
    """Return a time as the API writes it: milliseconds and ``+00:00``."""
    return at.astimezone(UTC).isoformat(timespec="milliseconds")


def iso_z(at: datetime) -> str:
    """Return a time with ``Z``."""
    return iso(at).removesuffix("+00:00") + "Z"


def _time(spelling: Spelling, at: datetime, rng: Random) -> str:
    match spelling:
        case Spelling.CAMEL_NUMBERS:
            return iso(at)
        case Spelling.SNAKE_TEXT:
            return iso_z(at)
        case Spelling.SNAKE_NUMBERS_ZONED:
            return at.astimezone(rng.choice(_ZONES)).isoformat(timespec="milliseconds")
        case Spelling.CAMEL_TEXT_NAIVE:
            return at.replace(tzinfo=None).isoformat(timespec="milliseconds")
