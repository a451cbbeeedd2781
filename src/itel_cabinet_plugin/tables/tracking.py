"""``itel_cabinet_task_tracking``: the life of each cabinet task, told by its events."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from attrs import evolve

from claimx_pipeline import (
    BOOL,
    DOUBLE,
    INT,
    LONG,
    STRING,
    TIMESTAMP,
    Column,
    Problem,
    SettingsError,
    TableSpec,
)
from itel_cabinet_plugin.settings import ExtraColumn

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

_TYPES: Final[Mapping[str, Any]] = {
    "string": STRING,
    "long": LONG,
    "double": DOUBLE,
    "bool": BOOL,
    "timestamp": TIMESTAMP,
}


def tracking_table(extra: Mapping[str, ExtraColumn]) -> TableSpec:
    """Return the table with the columns that the settings add to it.

    Raises:
        SettingsError: A column of that name is there already.
    """
    taken = {column.name for column in TASK_TRACKING.columns}
    problems = [
        Problem(
            f"itel_cabinet.extra_columns.{name}",
            f"table {TASK_TRACKING.name!r} has a column of this name; choose another one",
        )
        for name in extra
        if name in taken
    ]
    if problems:
        raise SettingsError(problems)
    columns = tuple(
        Column(name, _TYPES[column.type], doc=f"Extra column: {column.path} of the record.")
        for name, column in extra.items()
    )
    return evolve(TASK_TRACKING, columns=(*TASK_TRACKING.columns, *columns))
