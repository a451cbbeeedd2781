"""The plugin's Delta tables."""

from __future__ import annotations

from typing import Final

from claimx_pipeline import INT, LONG, STRING, TIMESTAMP, Column, TableSpec

TASK_TRACKING: Final = TableSpec(
    name="itel_cabinet_task_tracking",
    summary="One row per event of a cabinet task: the task's life, told by its events.",
    mode="append",
    key=("event_id", "assignment_id"),
    event_time="event_timestamp",
    partition_by=("year", "month", "day"),
    columns=(
        Column("event_id", STRING, nullable=False, doc="Id of the ClaimX event."),
        Column("event_type", STRING, nullable=False, doc="For example CUSTOM_TASK_COMPLETED."),
        Column("event_timestamp", TIMESTAMP, nullable=False, doc="When the event happened."),
        Column(
            "processed_timestamp",
            TIMESTAMP,
            nullable=False,
            bookkeeping=True,
            doc="When this row was made.",
        ),
        Column("task_id", LONG, nullable=False, doc="Task template, 32513 for cabinets."),
        Column("assignment_id", LONG, doc="The task somebody was given."),
        Column("project_id", STRING, nullable=False, doc="ClaimX project."),
        Column("task_status", STRING, nullable=False, doc="Status at the event, upper case."),
        Column("task_name", STRING, doc="Name of the task."),
        Column("assigned_to_user_id", LONG, doc="Who is to do it (API: assigneeId)."),
        Column("assigned_by_user_id", LONG, doc="Who asked for it (API: assignorId)."),
        Column("task_created_at", TIMESTAMP, doc="When it was assigned (API: dateAssigned)."),
        Column("task_completed_at", TIMESTAMP, doc="When it was completed (API: dateCompleted)."),
        Column(
            "claimx_task_full",
            STRING,
            bookkeeping=True,
            doc="The task as ClaimX answered when this row was made, JSON.",
        ),
        Column("original_event", STRING, doc="The task's row at the event, JSON."),
        Column("project_data", STRING, doc="The project's row at the event, JSON."),
        Column("tracking_version", STRING, doc="Version of this row's making."),
        Column("source", STRING, doc="Who made this row."),
        Column("year", INT, doc="Of event_timestamp, UTC."),
        Column("month", INT, doc="Of event_timestamp, UTC."),
        Column("day", INT, doc="Of event_timestamp, UTC."),
    ),
)
