"""One id for all that a raw record leads to, in the headers of every message about it.

It is made where a raw record is first seen, and is the same however often that happens.
"""

from __future__ import annotations

import hashlib
import re
from typing import Any

from claimx_pipeline.broker.protocol import Headers, Record
from claimx_pipeline.runtime.headers import (
    CORRELATION,
    PASSED_ON,
    RAW,
    TRACE_PARENT,
    Origin,
    header,
    origin_of,
)

Pairs = tuple[tuple[str, bytes], ...]

FOREIGN = ("correlation-id", "x-correlation-id")
"""Headers in which a source may give its own."""

LONGEST = 128
"""Characters of an id of a source; a longer one is not used."""

_PRINTABLE = re.compile(rf"[!-~]{{1,{LONGEST}}}")
_TRACE_PARENT = re.compile(r"(?!ff)[0-9a-f]{2}-([0-9a-f]{32})-([0-9a-f]{16})-[0-9a-f]{2}(?:-.*)?")
_DIGITS = 16


def made_of(domain: str, event_id: str) -> str:
    """Return the id of an event whose record brings none: 16 hexadecimal digits."""
    return hashlib.sha256(f"{domain}|{event_id}".encode("utf-8", "replace")).hexdigest()[:_DIGITS]


def trace_of(headers: Headers) -> str | None:
    """Return the trace id of a valid ``traceparent``; None without one."""
    text = header(headers, TRACE_PARENT)
    found = _TRACE_PARENT.fullmatch(text) if text else None
    if found is None or not found[1].strip("0") or not found[2].strip("0"):
        return None
    return found[1]


def given_by(headers: Headers) -> str | None:
    """Return the id that a record brings: ours, its source's, or that of its trace."""
    for name in (CORRELATION, *FOREIGN):
        text = header(headers, name)
        if text is not None and _PRINTABLE.fullmatch(text):
            return text
    return trace_of(headers)


def correlation_id(record: Record, domain: str, message: Any = None) -> str | None:
    """Return the id of what *record* is about; None if it brings none and has no event.

    Args:
        record: Any record of the pipeline.
        domain: Name of the domain whose events the worker reads.
        message: What is in the record, if it could be read.
    """
    found = given_by(record.headers) if record.headers else None
    if found is not None:
        return found
    event_id = event_of(message)
    return made_of(domain, event_id) if event_id else None


def event_of(message: Any) -> str | None:
    """Return the id of the event that *message*, of any worker, is about; None if it has none."""
    found = message.get("event_id") if type(message) is dict else getattr(message, "event_id", None)
    return found if isinstance(found, str) and found else None


def of_raw(record: Record, domain: str, event_id: str) -> Pairs:
    """Return what a raw record passes on: its id, where it is, and its trace."""
    if not record.headers:
        where = f"{record.topic}/{record.partition}/{record.offset}"
        made = made_of(domain, event_id)
        return ((CORRELATION, made.encode()), (RAW, where.encode()))
    own = given_by(record.headers) or made_of(domain, event_id)
    passed = passed_on(record.headers, without=(CORRELATION, RAW))
    return ((CORRELATION, own.encode()), (RAW, str(origin_of(record)).encode()), *passed)


def passed_on(headers: Headers, without: tuple[str, ...] = ()) -> Pairs:
    """Return those of *headers* that everything has which their record leads to."""
    return tuple(
        (name, value)
        for name, value in headers
        if name in PASSED_ON and name not in without and value is not None
    )


def passed_on_by(record: Record, domain: str, message: Any) -> Pairs:
    """Return the headers of everything that *record* leads to.

    Args:
        record: It is worked on.
        domain: Name of the domain whose events the worker reads.
        message: What is in the record, if it could be read.
    """
    headers = record.headers
    kept = passed_on(headers) if headers else ()
    if any(name == CORRELATION for name, _ in kept):
        return kept
    made = correlation_id(record, domain, message)
    return kept if made is None else ((CORRELATION, made.encode()), *kept)


def raw_of(headers: Headers) -> Origin | None:
    """Return where the raw record is that a message is about; None if it does not say."""
    text = header(headers, RAW)
    try:
        return None if text is None else Origin.parse(text)
    except ValueError:
        return None
