"""Claim events: what every record on the raw topic holds, bare or in an envelope."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from datetime import datetime
from typing import ClassVar, Protocol

import msgspec
from attrs import define, field

from claimx_pipeline.claimx.envelopes import (
    Envelope,
    Keys,
    envelope_of,
    known_envelope,
    named,
    read_keys,
)
from claimx_pipeline.claimx.event_fields import (
    EventFields,
    either,
    ids_in,
    own_time,
    read_fields,
)
from claimx_pipeline.clock import EPOCH, is_usable, published_at
from claimx_pipeline.domain.events import NO_PAYLOAD
from claimx_pipeline.errors import DecodeError
from claimx_pipeline.settings.tree.claimx import EventsSettings

_Published = tuple[int | None, Callable[[], str], Callable[[], datetime]]
"""What is known of a record beside its value, as ``decode_event`` is given it."""
_SHOWN = 60


@define
class Event:
    """Something happened to a claim. Not to be changed: frozen, it would take twice as long."""

    event_id: str
    """The source's id, or one derived from what the event says."""
    event_type: str
    """Such as ``PROJECT_CREATED``."""
    project_id: str
    """The claim's project."""
    ingested_at: datetime
    """When the source took the event in, UTC; when it was published, if the source is silent."""
    media_id: str | None = None
    """The file that it is about, if it is about one."""
    task_assignment_id: str | None = None
    """The task that it is about, if it is about one."""
    video_collaboration_id: str | None = None
    """The video collaboration that it is about, if it names one."""
    master_file_name: str | None = None
    """The claim's number in the carrier's system, if the event brings it."""
    id_has_time: bool = False
    """``event_id`` was derived from ``ingested_at``, so equal ids have equal times."""
    media_ids: tuple[str, ...] = ()
    """Files that the event names together: those of a completed task, or all that were added."""
    payload: msgspec.Raw = field(default=NO_PAYLOAD, eq=False, repr=False)
    """The event's JSON, whole, without its envelope. Written differently, it is equal."""
    key_name: ClassVar[str] = "project_id"
    """The domain's word for the key."""

    @property
    def key(self) -> str:
        """The project: what belongs together and is dealt with in order."""
        return self.project_id


class DecodeEvent(Protocol):
    """Reads records as ``decode_event`` does."""

    def __call__(
        self,
        value: bytes | None,
        timestamp_ms: int | None,
        origin: Callable[[], str] = ...,
        now: Callable[[], datetime] = ...,
    ) -> Event:
        """Return the event in a record's value.

        Raises:
            DecodeError: It is not a valid event.
        """
        ...


def decode_event(
    value: bytes | None,
    timestamp_ms: int | None,
    origin: Callable[[], str] = lambda: "",
    now: Callable[[], datetime] = lambda: EPOCH,
) -> Event:
    """Return the event in a record's value.

    Keys may be spelled in snake_case or camelCase, ids may be numbers or text; null
    and blank text count as absent, 0 does not. Further keys are kept in the payload only. A
    byte-order mark in front is allowed. Bytes that are not UTF-8 and halves of surrogate pairs
    are read as U+FFFD. An event in one of the envelopes of ``PRESETS`` is read as if it were
    bare.

    ``event_id`` is the source's own if the event gives one; else the SHA-256 of type, ids and
    time in UTC, so that one instant written in two ways is one event; else, without a time,
    that of the event's bytes and of when the record was first published: the same again later
    is another event. A record whose timestamp is not a time is known by where it first appeared
    instead.

    Args:
        value: The record's value.
        timestamp_ms: When the record was first published, milliseconds since 1970 UTC; None
            if that is not known.
        origin: Returns where it first appeared, ``topic/partition/offset``.
        now: Returns the time that an event gets which has none and whose record has none.

    Raises:
        DecodeError: It is not a valid event.
    """
    fields, text = read_fields(value)
    kind = either("event_type", fields.event_type, fields.eventType)
    if kind is None:
        return _recognised(text, (timestamp_ms, origin, now))
    return _event(kind, fields, text, value or b"", None, timestamp_ms, origin, now)


def event_decoder(settings: EventsSettings) -> DecodeEvent:
    """Return what reads events that lie where *settings* say.

    A record that is not in that envelope is read as ``decode_event`` does, if it is an event or
    in an envelope that is known.
    """
    envelope = envelope_of(settings)
    return decode_event if envelope is None else _InEnvelope(envelope).decode


@define
class _InEnvelope:
    """Reads events in an envelope."""

    envelope: Envelope

    def decode(
        self,
        value: bytes | None,
        timestamp_ms: int | None,
        origin: Callable[[], str] = lambda: "",
        now: Callable[[], datetime] = lambda: EPOCH,
    ) -> Event:
        """Return the event in a record's value, as ``decode_event`` does."""
        keys, text = read_keys(value)
        payload = self.envelope.payload(keys, text)
        if payload is not None:
            return _opened(self.envelope, keys, payload, (timestamp_ms, origin, now))
        try:
            return decode_event(value, timestamp_ms, origin, now)
        except DecodeError as error:
            raise DecodeError(
                f"the record has no event at {self.envelope.payload_path!r}, where "
                f"claimx.events.payload_path says (its keys: {named(keys)}), and it is not an "
                f"event itself: {error}"
            ) from error


def _recognised(text: bytes, published: _Published) -> Event:
    """Return the event in a record that has no type itself but is in a known envelope.

    Raises:
        DecodeError: It is not, or what is in it is not a valid event.
    """
    keys, _ = read_keys(text)
    envelope = known_envelope(keys)
    payload = None if envelope is None else envelope.payload(keys, text)
    if envelope is None or payload is None:
        raise DecodeError(
            f"the event has no type; it must give 'event_type' or 'eventType' (its keys: "
            f"{named(keys)}; if it lies in one of them, set claimx.events.payload_path)"
        )
    return _opened(envelope, keys, payload, published)


def _opened(envelope: Envelope, keys: Keys, payload: bytes, published: _Published) -> Event:
    """Return the event that was taken out of its envelope."""
    try:
        fields, text = read_fields(payload)
        kind = _type_of(fields)
        return _event(kind, fields, text, text, lambda: envelope.time(keys), *published)
    except DecodeError as error:
        if not envelope.payload_path:
            raise
        raise DecodeError(f"in the record's {envelope.payload_path!r}: {error}") from error


def _type_of(fields: EventFields) -> str:
    kind = either("event_type", fields.event_type, fields.eventType)
    if kind is None:
        raise DecodeError("the event has no type; it must give 'event_type' or 'eventType'")
    return kind


def _event(  # noqa: PLR0913 - called for every record: an object around it costs 10 %
    kind: str,
    fields: EventFields,
    text: bytes,
    identity: bytes,
    envelope_time: Callable[[], datetime | None] | None,
    timestamp_ms: int | None,
    origin: Callable[[], str],
    now: Callable[[], datetime],
) -> Event:
    """Return the event with *fields*.

    Args:
        kind: Its type.
        fields: Its keys.
        text: Its JSON.
        identity: What an event without a time of its own is known by.
        envelope_time: Returns the time that the envelope gives it.
        timestamp_ms: When the record was first published.
        origin: Returns where it first appeared.
        now: Returns the time of an event that has none at all.

    Raises:
        DecodeError: It has no project, or a value that cannot be read.
    """
    project = either("project_id", fields.project_id, fields.projectId)
    if project is None:
        raise DecodeError(
            f"the event has no project id (its type: {kind[:_SHOWN]}); it must give 'project_id' "
            "or 'projectId'"
        )
    event_id = either("event_id", fields.event_id, fields.eventId)
    ingested_at = own_time(fields)
    if ingested_at is None and envelope_time is not None:
        ingested_at = envelope_time()
    media = either("media_id", fields.media_id, fields.mediaId)
    task = either("task_assignment_id", fields.task_assignment_id, fields.taskAssignmentId)
    video = either(
        "video_collaboration_id", fields.video_collaboration_id, fields.videoCollaborationId
    )
    file = either("master_file_name", fields.master_file_name, fields.masterFileName)
    several: tuple[str, ...] = ()
    if fields.mediaIds is not None or fields.media_ids is not None:
        several = ids_in("media_ids", fields.media_ids) or ids_in("mediaIds", fields.mediaIds)
    derived = False
    if event_id is None:
        if ingested_at is None:
            event_id = _id_of_bytes(identity, timestamp_ms, origin)
        else:
            derived = True
            event_id = _derived_id(kind, project, ingested_at, media, task, video, file, several)
    if ingested_at is None:
        ingested_at = published_at(timestamp_ms) or now()
    return Event(
        event_id,
        kind,
        project,
        ingested_at,
        media,
        task,
        video,
        file,
        derived,
        several,
        msgspec.Raw(text),
    )


def _id_of_bytes(value: bytes, timestamp_ms: int | None, origin: Callable[[], str]) -> str:
    first = f"|published:{timestamp_ms}" if is_usable(timestamp_ms) else f"|origin:{origin()}"
    return hashlib.sha256(value + first.encode()).hexdigest()


def _derived_id(  # noqa: PLR0913 - the parts of an id
    kind: str,
    project: str,
    ingested_at: datetime,
    media: str | None,
    task: str | None,
    video: str | None,
    file: str | None,
    several: tuple[str, ...],
) -> str:
    parts = f"{project}|{kind}|{ingested_at.isoformat()}"
    if media:
        parts += f"|media:{media}"
    if task:
        parts += f"|task:{task}"
    if video:
        parts += f"|video:{video}"
    if file:
        parts += f"|file:{file}"
    if several and not (media or task or video):
        # Only where nothing else tells two events apart: ids that are stored stay as they are.
        parts += f"|several:{','.join(several)}"
    return hashlib.sha256(parts.encode()).hexdigest()
