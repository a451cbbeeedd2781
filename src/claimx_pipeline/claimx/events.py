"""Claim events: the envelope of every record on the raw topic."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import datetime
from typing import ClassVar

import msgspec
from attrs import define

from claimx_pipeline.clock import EPOCH, is_usable, published_at
from claimx_pipeline.connections.json_answer import without_bad_characters
from claimx_pipeline.domain.events import NO_PAYLOAD
from claimx_pipeline.errors import DecodeError
from claimx_pipeline.times import read_time

_Id = int | float | str | None
_Ids = tuple[str | None, str | None, str | None, str | None]
"""Of media, task, video call and file."""
_BYTE_ORDER_MARK = b"\xef\xbb\xbf"
_EXACT_BELOW = 2.0**53
"""Whole numbers from here on are not exact as floating point."""


@define
class Event:
    """Something happened to a claim. Not to be changed: frozen, it would take twice as long."""

    event_id: str
    event_type: str
    project_id: str
    ingested_at: datetime
    """When the source took the event in, UTC; when it was published, if the source is silent."""
    media_id: str | None = None
    task_assignment_id: str | None = None
    video_collaboration_id: str | None = None
    master_file_name: str | None = None
    id_has_time: bool = False
    """``event_id`` was derived from ``ingested_at``, so equal ids have equal times."""
    payload: msgspec.Raw = NO_PAYLOAD
    """The JSON of the event itself, whole; ``null`` if it is not known."""
    key_name: ClassVar[str] = "project_id"

    @property
    def key(self) -> str:
        """The claim that it is about."""
        return self.project_id


class _Envelope(msgspec.Struct, gc=False):
    """The fields read, in both spellings; a Struct, as attrs classes decode 7 times slower."""

    event_id: _Id = None
    eventId: _Id = None  # noqa: N815 - as the source spells it, and those below
    event_type: str | None = None
    eventType: str | None = None  # noqa: N815
    project_id: _Id = None
    projectId: _Id = None  # noqa: N815
    ingested_at: _Id = None
    ingestedAt: _Id = None  # noqa: N815
    media_id: _Id = None
    mediaId: _Id = None  # noqa: N815
    task_assignment_id: _Id = None
    taskAssignmentId: _Id = None  # noqa: N815
    video_collaboration_id: _Id = None
    videoCollaborationId: _Id = None  # noqa: N815
    master_file_name: _Id = None
    masterFileName: _Id = None  # noqa: N815


_decode = msgspec.json.Decoder(_Envelope).decode


def decode_event(
    value: bytes | None,
    timestamp_ms: int | None,
    origin: Callable[[], str] = lambda: "",
    now: Callable[[], datetime] = lambda: EPOCH,
) -> Event:
    """Return the event in a record's value.

    Fields may be spelled in snake_case or camelCase, ids may be numbers or text; null
    and blank text count as absent, 0 does not. Further fields are ignored. A byte-order
    mark in front is allowed. Bytes that are not UTF-8 and halves of surrogate pairs are read as
    U+FFFD.

    ``event_id`` is the source's own if it gives one; else the SHA-256 of type, ids and
    ``ingested_at`` in UTC, so that one instant written in two ways is one event; else,
    without ``ingested_at``, that of the value's bytes and of when the record was first
    published: the same again later is another event. A record whose timestamp is not a time
    is known by where it first appeared instead.

    Args:
        value: The record's value.
        timestamp_ms: When the record was first published, milliseconds since 1970 UTC; None
            if that is not known.
        origin: Returns where it first appeared, ``topic/partition/offset``.
        now: Returns the time that an event gets which has none and whose record has none.

    Raises:
        DecodeError: It is not a valid event.
    """
    raw = _envelope(value)
    kind = _either("event_type", raw.event_type, raw.eventType)
    project = _either("project_id", raw.project_id, raw.projectId)
    if kind is None:
        raise DecodeError("the event has no type; it must give 'event_type' or 'eventType'")
    if project is None:
        raise DecodeError("the event has no project id; it must give 'project_id' or 'projectId'")
    event_id = _either("event_id", raw.event_id, raw.eventId)
    ingested_at = _time(raw.ingestedAt if raw.ingested_at is None else raw.ingested_at)
    if ingested_at is None and raw.ingested_at is not None:
        ingested_at = _time(raw.ingestedAt)
    ids = (
        _either("media_id", raw.media_id, raw.mediaId),
        _either("task_assignment_id", raw.task_assignment_id, raw.taskAssignmentId),
        _either("video_collaboration_id", raw.video_collaboration_id, raw.videoCollaborationId),
        _either("master_file_name", raw.master_file_name, raw.masterFileName),
    )
    if event_id is not None:
        return Event(
            event_id, kind, project, ingested_at or published_at(timestamp_ms) or now(), *ids
        )
    if ingested_at is None:
        event_id = _id_of_bytes(value or b"", timestamp_ms, origin)
        return Event(event_id, kind, project, published_at(timestamp_ms) or now(), *ids)
    event_id = _derived_id(kind, project, ingested_at, ids)
    return Event(event_id, kind, project, ingested_at, *ids, id_has_time=True)


def _envelope(value: bytes | None) -> _Envelope:
    if not value:
        raise DecodeError("the record is empty; an event is a JSON object")
    try:
        return _strict(value)
    except DecodeError:
        # One bad character in one field does not cost the event.
        mended = without_bad_characters(value)
        if mended == value:
            raise
    return _strict(mended)


def _strict(value: bytes) -> _Envelope:
    try:
        if not value.isascii():
            value.decode()  # fields that are not read must be UTF-8 too, they are stored
        return _decode(value.removeprefix(_BYTE_ORDER_MARK))
    except UnicodeDecodeError as error:
        raise DecodeError(
            f"the event is not UTF-8: {error.reason} at byte {error.start}"
        ) from error
    except msgspec.ValidationError as error:
        raise DecodeError(f"the event is not as it should be: {error}") from error
    except (msgspec.DecodeError, RecursionError) as error:
        raise DecodeError(f"the event is not JSON: {error}") from error


def _either(name: str, snake: _Id, camel: _Id) -> str | None:
    value = camel if snake is None else snake
    if value is None:
        return None
    if type(value) is str and (text := value.strip()):
        return text
    if type(value) is int:
        return str(value)
    return _text(name, snake) or _text(name, camel)


def _text(name: str, value: _Id) -> str | None:
    if value is None:
        return None
    if isinstance(value, str):
        return value.strip() or None
    if isinstance(value, float):
        if not value.is_integer() or abs(value) >= _EXACT_BELOW:
            raise DecodeError(f"the event's {name!r} is {value!r}; an id is text or a whole number")
        return str(int(value))
    return str(value)


def _time(value: _Id) -> datetime | None:
    if value is None or (isinstance(value, str) and (not value or value.isspace())):
        return None
    try:
        return read_time(value)
    except ValueError as error:
        shown = repr(value)[:60]
        raise DecodeError(
            f"the event's 'ingested_at' is {shown}, which is not a valid point in time; "
            "use ISO 8601, or seconds or milliseconds since 1970"
        ) from error


def _id_of_bytes(value: bytes, timestamp_ms: int | None, origin: Callable[[], str]) -> str:
    first = f"|published:{timestamp_ms}" if is_usable(timestamp_ms) else f"|origin:{origin()}"
    return hashlib.sha256(value + first.encode()).hexdigest()


def _derived_id(kind: str, project: str, ingested_at: datetime, ids: _Ids) -> str:
    media, task, video, file = ids
    parts = f"{project}|{kind}|{ingested_at.isoformat()}"
    if media:
        parts += f"|media:{media}"
    if task:
        parts += f"|task:{task}"
    if video:
        parts += f"|video:{video}"
    if file:
        parts += f"|file:{file}"
    return hashlib.sha256(parts.encode()).hexdigest()
