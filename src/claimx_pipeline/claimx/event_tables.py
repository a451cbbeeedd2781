"""Tables about events: the events as they came, and what became of each."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from claimx_pipeline.claimx.entities import KINDS
from claimx_pipeline.claimx.events import Event
from claimx_pipeline.delta.rows import Columns
from claimx_pipeline.delta.spec import DATE, LONG, STRING, TIMESTAMP, Column, TableSpec
from claimx_pipeline.domain.log_table import event_log

EVENTS = TableSpec(
    name="claimx_events",
    summary="Every event as it came, one row per event id",
    doc=(
        "Written by the worker `events` from `claimx.events.raw`. The event's fields may be "
        "spelled in snake_case or camelCase, and the event may be in an envelope."
    ),
    mode="append",
    key=("event_id",),
    event_time="ingested_at",
    partition_by=("event_date",),
    columns=(
        Column(
            "event_id",
            STRING,
            nullable=False,
            source="`event_id` of the event; else a hash of its type, ids and time; of one that "
            "has no time, a hash of its bytes and of when its record was first published",
            doc="Id of the event, the same in all tables and messages",
        ),
        Column(
            "event_type",
            STRING,
            nullable=False,
            source="`event_type` of the event",
            doc="For example PROJECT_CREATED",
        ),
        Column(
            "project_id",
            STRING,
            nullable=False,
            source="`project_id` of the event",
            doc="The claim; see claimx_projects",
        ),
        Column(
            "media_id",
            STRING,
            source="`media_id` of the event",
            doc="File that the event is about; see claimx_attachment_metadata",
        ),
        Column(
            "task_assignment_id",
            LONG,
            source="`task_assignment_id` of the event",
            doc="Assignment that the event is about; null if the id is not a number",
        ),
        Column(
            "video_collaboration_id",
            LONG,
            source="`video_collaboration_id` of the event",
            doc="Video call that the event is about; null if the id is not a number",
        ),
        Column(
            "master_file_name",
            STRING,
            source="`master_file_name` of the event",
            doc="Master file name that the event brings",
        ),
        Column(
            "ingested_at",
            TIMESTAMP,
            nullable=False,
            source="`ingested_at`, else `IngestionTime`, of the event; else the time that its "
            "envelope gives; else when its record was published",
            doc="When the source took the event in",
        ),
        Column(
            "raw_data",
            STRING,
            source="the event, without its envelope",
            doc="The event's JSON, unchanged",
        ),
        Column(
            "created_at",
            TIMESTAMP,
            bookkeeping=True,
            source="the clock of the `events` worker",
            doc="When this row was made",
        ),
        Column(
            "event_date", DATE, nullable=False, source="ingested_at", doc="UTC date of ingested_at"
        ),
    ),
)

EVENT_LOG = event_log(
    "claimx_event_log",
    key_name="project_id",
    kinds=KINDS,
    events_table=EVENTS.name,
    key_doc="The claim; see claimx_projects",
    example="PROJECT_CREATED",
    service="ClaimX",
)

LONGEST_ID = 18
"""Digits that always fit 64 bits."""


def event_columns(
    events: Sequence[Event],
    values: Sequence[bytes | None],  # noqa: ARG001 - an event is kept without its envelope
    now: datetime,
) -> Columns:
    """Return the rows of *events*, made at *now*."""
    return {
        "event_id": [event.event_id for event in events],
        "event_type": [event.event_type for event in events],
        "project_id": [event.project_id for event in events],
        "media_id": [event.media_id for event in events],
        "task_assignment_id": [number(event.task_assignment_id) for event in events],
        "video_collaboration_id": [number(event.video_collaboration_id) for event in events],
        "master_file_name": [event.master_file_name for event in events],
        "ingested_at": [event.ingested_at for event in events],
        "created_at": [now] * len(events),
        "event_date": [event.ingested_at.date() for event in events],
        "raw_data": [bytes(event.payload).decode("utf-8", "replace") for event in events],
    }


def number(text: str | None) -> int | None:
    """Return an id as a number; what is none stays in ``raw_data``, with the whole event."""
    if not (text and text.isascii() and text.isdigit() and len(text) <= LONGEST_ID):
        return None
    return int(text)
