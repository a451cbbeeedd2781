"""Tables about events: the events as they came, and what became of each."""

from __future__ import annotations

from claimx_pipeline.claimx.entities import KINDS
from claimx_pipeline.delta.spec import DATE, LONG, STRING, TIMESTAMP, Column, TableSpec

EVENTS = TableSpec(
    name="claimx_events",
    summary="Every event as it came, one row per event id",
    mode="append",
    key=("event_id",),
    event_time="ingested_at",
    partition_by=("event_date",),
    columns=(
        Column("event_id", STRING, nullable=False, doc="The source's id, or one derived"),
        Column("event_type", STRING, nullable=False, doc="For example PROJECT_CREATED"),
        Column("project_id", STRING, nullable=False, doc="The claim's project"),
        Column("media_id", STRING, doc="File that the event is about"),
        Column("task_assignment_id", LONG, doc="Assignment that the event is about"),
        Column("video_collaboration_id", LONG, doc="Video call that the event is about"),
        Column("master_file_name", STRING, doc="Master file name that the event brings"),
        Column("ingested_at", TIMESTAMP, nullable=False, doc="When the source took it in"),
        Column("raw_data", STRING, doc="The event's JSON, unchanged"),
        Column("created_at", TIMESTAMP, bookkeeping=True, doc="When this row was made"),
        Column("event_date", DATE, nullable=False, doc="UTC date of ingested_at"),
    ),
)

ROW_COUNT_COLUMNS = {kind: f"{kind}_rows" for kind in KINDS}
"""Kind of entity to the event log's column with how many rows the event brought."""

EVENT_LOG = TableSpec(
    name="claimx_event_log",
    summary="What became of every event, one row per event id",
    mode="merge",
    key=("event_id",),
    bucket_column="project_id",
    answer_time="enriched_at",
    columns=(
        Column("event_id", STRING, nullable=False, doc="As in claimx_events"),
        Column("event_type", STRING, doc="For example PROJECT_CREATED"),
        Column("project_id", STRING, nullable=False, doc="The claim's project"),
        Column("outcome", STRING, doc="enriched, skipped, filtered or dead"),
        Column("reason", STRING, doc="Why it was not enriched; empty if it was"),
        Column("category", STRING, doc="Category of the error; empty without one"),
        Column("api_calls", LONG, bookkeeping=True, doc="Requests made to ClaimX for it"),
        *(
            Column(name, LONG, bookkeeping=True, doc=f"Rows of {kind} that it brought")
            for kind, name in ROW_COUNT_COLUMNS.items()
        ),
        Column("attempts", LONG, bookkeeping=True, doc="Times it was tried"),
        Column("duration_ms", LONG, bookkeeping=True, doc="Milliseconds the last try took"),
        Column("ingested_at", TIMESTAMP, doc="When the source took it in"),
        Column("enriched_at", TIMESTAMP, bookkeeping=True, doc="When its outcome was known"),
    ),
)
