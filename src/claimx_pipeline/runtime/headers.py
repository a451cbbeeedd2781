"""The headers that the pipeline itself puts on records, and how they are read."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterable, Mapping
from datetime import datetime

from attrs import frozen

from claimx_pipeline.broker.protocol import Headers, Record

log = logging.getLogger(__name__)

ID = "claimx-id"
"""Event id, or hash of what caused the record; consumers key their results by it or by entity."""
GROUP = "claimx-group"
"""The only consumer group that a returning record is for; every other settles it untouched."""
ORIGIN = "claimx-origin"
"""``topic/partition/offset`` of a record's first appearance; never changes."""
ORIGIN_TIMESTAMP = "claimx-origin-timestamp"
"""Timestamp of a record's first appearance, milliseconds since 1970 UTC; goes with the origin."""
ATTEMPTS = "claimx-attempts"
"""How often the record was tried so far."""
DUE = "claimx-due"
"""When a waiting record is to be tried again, milliseconds since 1970 UTC."""
AFTER = "claimx-after"
"""Until when a deferred action waits, as ``DUE`` is written; in several waits if it is long."""
RETURN_TO = "claimx-return-to"
"""Topic that a waiting record goes back to."""
FIRST_FAILED = "claimx-first-failed"
"""When the record failed for the first time, ISO 8601."""

PLUGIN = "claimx-plugin"
"""The only plugin that a returning event is for: everything else was done already."""

SOURCE = "claimx-source"
"""Where in a source an event was read; one without id and time of its own is known by it."""
SOURCE_TIME = "claimx-source-time"
"""When the source took it in, milliseconds since 1970 UTC; an event's time if it has none."""

AGAIN = "claimx-again"
"""Says that an operator asked for the record to be done again, even if it was done already."""

FETCH_AGAIN = "claimx-fetch-again"
"""Says that an operator wants files fetched that are stored already; set by ``publish --again``."""

REPLAY = "claimx-replay"
"""Dead letter that the record was replayed from: a replay that is repeated is the same one."""

HOPS = "claimx-hops"
"""How many plugins' messages led to the record; it stays with the record wherever it goes."""

CORRELATION = "claimx-correlation-id"
"""Names all that one raw record led to; made where that record is first seen, never changed."""

RAW = "claimx-raw"
"""``topic/partition/offset`` of the raw record that led to this one."""

TRACE_PARENT = "traceparent"
TRACE_STATE = "tracestate"
"""Where in a trace a record belongs, as W3C's Trace Context writes it."""

PASSED_ON = frozenset({CORRELATION, RAW, TRACE_PARENT, TRACE_STATE, FETCH_AGAIN})
"""Headers that everything has which a record leads to."""

MOST_HOPS = 8
"""A chain of plugins' messages longer than this goes round in a circle."""

MOST_ATTEMPTS = 1_000_000
"""More are not distinguished, so that one more is always a number too."""

OWN_PREFIX = "claimx-"
"""Begins every header that is the pipeline's own; plugins may not set such."""

TRAVELLING = frozenset(
    {GROUP, ORIGIN, ORIGIN_TIMESTAMP, ATTEMPTS, DUE, RETURN_TO, FIRST_FAILED, PLUGIN, AGAIN}
    | {REPLAY, AFTER}
)
"""Headers of a record on its way through the retry topics; not part of the original."""

_WHOLE = re.compile(r"-?[0-9]{1,19}")
"""What 64 bits can hold, nearly: a number of thousands of digits is not even looked at."""
_LARGEST = 2**63 - 1
_SHOWN = 60
"""Characters of a header that cannot be read, in the log."""


@frozen
class Origin:
    """Where a record first appeared."""

    topic: str
    """The topic."""
    partition: int
    """The partition."""
    offset: int
    """The offset."""

    def __str__(self) -> str:
        return f"{self.topic}/{self.partition}/{self.offset}"

    @classmethod
    def parse(cls, text: str) -> Origin:
        """Return the origin written as ``topic/partition/offset``.

        Raises:
            ValueError: It is not written so.
        """
        topic, *numbers = text.rsplit("/", 2)
        found = [whole_number(number) for number in numbers]
        if not topic or len(found) != 2 or any(each is None or each < 0 for each in found):  # noqa: PLR2004 - partition and offset
            raise ValueError(f"{text[:_SHOWN]!r} is not written as topic/partition/offset")
        partition, offset = (each or 0 for each in found)
        return cls(topic, partition, offset)


def whole_number(text: str) -> int | None:
    """Return a number of 64 bits written in ASCII digits; None if *text* is not one."""
    if not _WHOLE.fullmatch(text):
        return None
    number = int(text)
    return number if -_LARGEST - 1 <= number <= _LARGEST else None


def header(headers: Headers, name: str) -> str | None:
    """Return the last value of a header as text; None if it is not there."""
    for found, value in reversed(headers):
        if found == name and value is not None:
            return value.decode("utf-8", "replace")
    return None


def number_in(record: Record, name: str) -> int | None:
    """Return the number in a header of ours; None if it is not there or cannot be read.

    Records come from outside, and so may a header that is called like one of ours.
    """
    text = header(record.headers, name) if record.headers else None
    if text is None:
        return None
    number = whole_number(text)
    if number is None:
        unreadable(record, name, text, "a whole number")
    return number


def unreadable(record: Record, name: str, text: str, expected: str) -> None:
    """Log that a header of ours cannot be read, and counts as absent."""
    log.warning(
        "%s[%d] offset %d: header %r has %r, which is not %s; it counts as absent, as if the "
        "pipeline had not written it",
        record.topic,
        record.partition,
        record.offset,
        name,
        text[:_SHOWN],
        expected,
    )


def origin_of(record: Record) -> Origin:
    """Return where *record* first appeared: here, unless it says otherwise."""
    return _told_origin(record) or Origin(record.topic, record.partition, record.offset)


def origin_timestamp_of(record: Record) -> int | None:
    """Return when *record* first appeared, milliseconds since 1970 UTC.

    None if it appeared elsewhere first and does not say when: the headers of an older version.
    """
    if not record.headers or _told_origin(record) is None:
        return record.timestamp
    return number_in(record, ORIGIN_TIMESTAMP)


def _told_origin(record: Record) -> Origin | None:
    text = header(record.headers, ORIGIN) if record.headers else None
    if text is None:
        return None
    try:
        return Origin.parse(text)
    except ValueError:
        unreadable(record, ORIGIN, text, "written as topic/partition/offset")
        return None


def attempts_of(record: Record) -> int:
    """Return how often *record* was tried before now."""
    return min(max(0, number_in(record, ATTEMPTS) or 0), MOST_ATTEMPTS)


def hops_of(record: Record) -> int:
    """Return how many plugins' messages led to *record*."""
    return max(0, number_in(record, HOPS) or 0)


def first_failed_of(record: Record) -> str | None:
    """Return when *record* failed for the first time, ISO 8601; None if it has not yet."""
    text = header(record.headers, FIRST_FAILED) if record.headers else None
    if text is None:
        return None
    try:
        datetime.fromisoformat(text)
    except ValueError:
        unreadable(record, FIRST_FAILED, text, "a time in ISO 8601")
        return None
    return text


def original(headers: Headers) -> tuple[tuple[str, bytes], ...]:
    """Return the headers that the record had when it first appeared."""
    return tuple((name, value) for name, value in headers if name not in TRAVELLING)


def encoded(
    headers: Mapping[str, str] | Iterable[tuple[str, str]],
) -> tuple[tuple[str, bytes], ...]:
    """Return headers as they go on the wire."""
    pairs = headers.items() if isinstance(headers, Mapping) else headers
    return tuple((name, value.encode()) for name, value in pairs)
