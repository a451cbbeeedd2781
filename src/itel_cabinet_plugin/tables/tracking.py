"""``itel_cabinet_task_tracking``: the life of each cabinet task, as its events report it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from attrs import evolve

from claimx_pipeline import Problem, SettingsError
from claimx_pipeline.tables import BOOL, DOUBLE, INT, LONG, STRING, TIMESTAMP, Column, TableSpec
from itel_cabinet_plugin.settings import ExtraColumn

TASK_TRACKING: Final = TableSpec(
    name="itel_cabinet_task_tracking",
    summary="One row per event of a cabinet task: the task's life, as its events report it.",
    doc=(
        "Written by the worker `itel-tracking` from `itel.cabinet.task.tracking`. The setting "
        "`itel_cabinet.extra_columns` adds columns of your own."
    ),
    mode="append",
    key=("event_id", "assignment_id"),
    event_time="event_timestamp",
    partition_by=("year", "month", "day"),
    columns=(
        Column(
            "event_id",
            STRING,
            nullable=False,
            source="`event_id` of the message",
            doc="Id of the event; see claimx_events.",
        ),
        Column(
            "event_type",
            STRING,
            nullable=False,
            source="`event_type` of the message",
            doc="For example CUSTOM_TASK_COMPLETED.",
        ),
        Column(
            "event_timestamp",
            TIMESTAMP,
            nullable=False,
            source="`timestamp` of the message",
            doc="When the event happened.",
        ),
        Column(
            "processed_timestamp",
            TIMESTAMP,
            nullable=False,
            bookkeeping=True,
            source="the clock of the `itel-tracking` worker",
            doc="When this row was made.",
        ),
        Column(
            "task_id",
            LONG,
            nullable=False,
            source="`task_id` of the message",
            doc="Task template, 32513 for cabinets.",
        ),
        Column(
            "assignment_id",
            LONG,
            source="`assignment_id` of the message",
            doc="The task assignment; see claimx_tasks.",
        ),
        Column(
            "project_id",
            STRING,
            nullable=False,
            source="`project_id` of the message",
            doc="The claim; see claimx_projects.",
        ),
        Column(
            "task_status",
            STRING,
            nullable=False,
            source="`task_status` of the message",
            doc="Status at the event, upper case.",
        ),
        Column("task_name", STRING, source="`task_name` of the message", doc="Name of the task."),
        Column(
            "assigned_to_user_id",
            LONG,
            source="`assigneeId` of ClaimX's answer, else of the task's row",
            doc="User who is to do it.",
        ),
        Column(
            "assigned_by_user_id",
            LONG,
            source="`assignorId` of ClaimX's answer, else of the task's row",
            doc="User who assigned it.",
        ),
        Column(
            "task_created_at",
            TIMESTAMP,
            source="`dateAssigned` of ClaimX's answer, else of the task's row",
            doc="When it was assigned.",
        ),
        Column(
            "task_completed_at",
            TIMESTAMP,
            source="`dateCompleted` of ClaimX's answer, else of the task's row",
            doc="When it was completed.",
        ),
        Column(
            "claimx_task_full",
            STRING,
            bookkeeping=True,
            source="`GET /customTasks/assignment/{id}?full=true`",
            doc="The task as ClaimX answered, JSON; null if it did not.",
        ),
        Column(
            "original_event",
            STRING,
            source="`task` of the message",
            doc="The task's row at the event, JSON.",
        ),
        Column(
            "project_data",
            STRING,
            source="`project` of the message",
            doc="The project's row at the event, JSON.",
        ),
        Column(
            "tracking_version",
            STRING,
            source="the plugin",
            doc="Version of the rules by which the row was made: 1.0.",
        ),
        Column("source", STRING, source="the plugin", doc="Always claimx_itel_plugin."),
        Column("year", INT, source="event_timestamp", doc="Year of event_timestamp, UTC."),
        Column("month", INT, source="event_timestamp", doc="Month of event_timestamp, UTC."),
        Column("day", INT, source="event_timestamp", doc="Day of event_timestamp, UTC."),
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
        Column(
            name,
            _TYPES[column.type],
            doc=f"Extra column: {column.path} of the record.",
            source=f"`{column.path}` of the record",
        )
        for name, column in extra.items()
    )
    return evolve(TASK_TRACKING, columns=(*TASK_TRACKING.columns, *columns))
