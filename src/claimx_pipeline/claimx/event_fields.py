"""The keys of a claim event as they may be written, and what their values mean."""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import TypeVar

import msgspec

from claimx_pipeline.connections.json_answer import without_bad_characters
from claimx_pipeline.errors import DecodeError
from claimx_pipeline.json_errors import why
from claimx_pipeline.times import read_time

Value = int | float | str | None
"""What an id or a time may be written as."""
Values = list[Value] | int | float | str | None
"""What a list of ids may be written as."""

T = TypeVar("T")

BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_EXACT_BELOW = 2.0**53
"""Whole numbers from here on are not exact as floating point."""
_SHOWN = 60


class EventFields(msgspec.Struct, gc=False):
    """The keys read, in both spellings; a Struct, as attrs classes decode 7 times slower."""

    event_id: Value = None
    eventId: Value = None  # noqa: N815 - as the source spells it, and those below
    event_type: str | None = None
    eventType: str | None = None  # noqa: N815
    project_id: Value = None
    projectId: Value = None  # noqa: N815
    ingested_at: Value = None
    ingestedAt: Value = None  # noqa: N815
    media_id: Value = None
    mediaId: Value = None  # noqa: N815
    task_assignment_id: Value = None
    taskAssignmentId: Value = None  # noqa: N815
    video_collaboration_id: Value = None
    videoCollaborationId: Value = None  # noqa: N815
    master_file_name: Value = None
    masterFileName: Value = None  # noqa: N815
    media_ids: Values = None
    mediaIds: Values = None  # noqa: N815
    ingestion_time: Value = None
    IngestionTime: Value = None


_decode = msgspec.json.Decoder(EventFields).decode
_decode_ids = msgspec.json.Decoder(list[Value]).decode


def read_fields(value: bytes | None) -> tuple[EventFields, bytes]:
    """Return the keys of an event, and its JSON without a byte-order mark and bad characters.

    Raises:
        DecodeError: It is not a JSON object, or a key has a value of the wrong kind.
    """
    return read_tolerantly(value, _decode)


def read_tolerantly(value: bytes | None, decode: Callable[[bytes], T]) -> tuple[T, bytes]:
    """Return what *decode* makes of a record's value, and the text that it was made of.

    One bad character in one field does not cost the event: it is read as U+FFFD.

    Raises:
        DecodeError: It is not JSON, or not what *decode* takes.
    """
    if not value:
        raise DecodeError("the record is empty; an event is a JSON object")
    try:
        return _strictly(value, decode)
    except DecodeError:
        mended = without_bad_characters(value)
        if mended == value:
            raise
    return _strictly(mended, decode)


def _strictly(value: bytes, decode: Callable[[bytes], T]) -> tuple[T, bytes]:
    try:
        if not value.isascii():
            value.decode()  # fields that are not read must be UTF-8 too, they are stored
            value = value.removeprefix(BYTE_ORDER_MARK)
        return decode(value), value
    except UnicodeDecodeError as error:
        raise DecodeError(
            f"the event is not UTF-8: {error.reason} at byte {error.start}"
        ) from error
    except msgspec.ValidationError as error:
        raise DecodeError(f"the event is not as it should be: {why(error)}") from error
    except (msgspec.DecodeError, RecursionError) as error:
        raise DecodeError(f"the event is not JSON: {why(error)}") from error


def either(name: str, snake: Value, camel: Value) -> str | None:
    """Return the id or name given in either spelling; null and blank text count as absent.

    Raises:
        DecodeError: It is a number that is not whole.
    """
    value = camel if snake is None else snake
    if value is None:
        return None
    if type(value) is str and (text := value.strip()):
        return text
    if type(value) is int:
        return str(value)
    return _text(name, snake) or _text(name, camel)


def ids_in(name: str, value: Values) -> tuple[str, ...]:
    """Return a list of ids, each once, in its order; null and blank ones count as absent.

    A source that has no lists writes one as text: as JSON, or joined by commas.

    Raises:
        DecodeError: One is a number that is not whole, or the text cannot be read.
    """
    if value is None:
        return ()
    if isinstance(value, str):
        value = _listed(name, value)
    elif not isinstance(value, list):
        value = [value]
    read = (str(each) if type(each) is int else _text(name, each) for each in value)
    return tuple(dict.fromkeys(one for one in read if one is not None))


def own_time(fields: EventFields) -> datetime | None:
    """Return when the source took the event in, as the event says; None if it does not.

    Raises:
        DecodeError: What it says cannot be read.
    """
    given = fields.ingestedAt if fields.ingested_at is None else fields.ingested_at
    if given is not None and (found := time_in("ingested_at", given)) is not None:
        return found
    return (
        time_in("ingested_at", fields.ingestedAt)
        or time_in("ingestion_time", fields.ingestion_time)
        or time_in("IngestionTime", fields.IngestionTime)
    )


def time_in(name: str, value: Value) -> datetime | None:
    """Return a point in time; None if it is null or blank.

    Raises:
        DecodeError: It cannot be read.
    """
    if value is None or (isinstance(value, str) and (not value or value.isspace())):
        return None
    try:
        return read_time(value)
    except ValueError as error:
        shown = repr(value)[:_SHOWN]
        raise DecodeError(
            f"the event's {name!r} is {shown}, which is not a valid point in time; "
            "use ISO 8601, or seconds or milliseconds since 1970"
        ) from error


def _text(name: str, value: Value) -> str | None:
    if value is None:
        return None
    if isinstance(value, str):
        return value.strip() or None
    if isinstance(value, float):
        if not value.is_integer() or abs(value) >= _EXACT_BELOW:
            raise DecodeError(f"the event's {name!r} is {value!r}; an id is text or a whole number")
        return str(int(value))
    return str(value)


def _listed(name: str, text: str) -> list[Value]:
    if not text.lstrip().startswith("["):
        return list[Value](text.split(","))
    try:
        return _decode_ids(text)
    except (msgspec.DecodeError, RecursionError) as error:
        shown = repr(text)[:_SHOWN]
        raise DecodeError(
            f"the event's {name!r} is {shown}, which is not a valid list of ids: {why(error)}"
        ) from error
