"""Tables about events: the events as they came, and what became of each."""

from __future__ import annotations

from claimx_pipeline.claimx.entities import KINDS
from claimx_pipeline.delta.spec import DATE, LONG, STRING, TIMESTAMP, Column, TableSpec

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

EVENT_LOG = TableSpec(
    name="claimx_event_log",
    summary="What became of every event, one row per event id",
    doc=(
        "Written by the worker `entities`, one row for every event, also for one that brought "
        "no rows or failed for good. A later outcome replaces an earlier one, in whatever order "
        "they arrive: after a replay that works the line says so. A record that is not an event "
        "is accounted for by its dead letter alone."
    ),
    mode="merge",
    key=("event_id",),
    bucket_column="project_id",
    answer_time="enriched_at",
    columns=(
        Column(
            "event_id",
            STRING,
            nullable=False,
            source="the event",
            doc="Id of the event; see claimx_events",
        ),
        Column("event_type", STRING, source="the event", doc="For example PROJECT_CREATED"),
        Column(
            "project_id",
            STRING,
            nullable=False,
            source="the event",
            doc="The claim; see claimx_projects",
        ),
        Column(
            "outcome",
            STRING,
            source="the `enrichment` worker; `dead` from the dead letter",
            doc="enriched, incomplete (a part is stored, the rest is tried again), skipped, "
            "filtered or dead",
        ),
        Column(
            "reason",
            STRING,
            source="the `enrichment` worker, a plugin that filtered it, or the dead letter",
            doc="Why it was not enriched, or not whole; empty if it was",
        ),
        Column(
            "category",
            STRING,
            source="the dead letter; empty without one",
            doc="Category of the error; empty without one",
        ),
        Column(
            "api_calls",
            LONG,
            bookkeeping=True,
            source="the `enrichment` worker; requests for several events count for the first",
            doc="Requests made to ClaimX for it",
        ),
        *(
            Column(
                kind.count_column,
                LONG,
                bookkeeping=True,
                source="the `enrichment` worker, after the plugins",
                doc=f"Rows of {kind.table.name} that it brought",
            )
            for kind in KINDS
        ),
        Column(
            "attempts",
            LONG,
            bookkeeping=True,
            source="header `claimx-attempts` of the record, plus 1",
            doc="How many tries it took",
        ),
        Column(
            "duration_ms",
            LONG,
            bookkeeping=True,
            source="the clock of the `enrichment` worker",
            doc="Milliseconds the last try took",
        ),
        Column("ingested_at", TIMESTAMP, source="the event", doc="When the source took it in"),
        Column(
            "enriched_at",
            TIMESTAMP,
            bookkeeping=True,
            source="the clock of the `enrichment` worker",
            doc="When its outcome was known",
        ),
    ),
)
