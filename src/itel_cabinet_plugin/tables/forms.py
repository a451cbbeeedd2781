"""``claimx_itel_forms``: each cabinet form, question by question, as ClaimX last had it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from attrs import fields

from claimx_pipeline.tables import BOOL, DOUBLE, INT, LONG, STRING, TIMESTAMP, Column, TableSpec
from itel_cabinet_plugin.form.model import CabinetForm
from itel_cabinet_plugin.form.questions import QUESTIONS, Kind

_OF_ANSWER: Final[Mapping[Kind, Any]] = {
    "yes_no": BOOL,
    "number": DOUBLE,
    "count": INT,
    "choice": STRING,
    "damage": STRING,
    "text": STRING,
}
"""Kind of question to the type of its column."""

_OF_TASK: Final = (
    Column(
        "assignment_id",
        LONG,
        nullable=False,
        source="`assignmentId`",
        doc="The task assignment; see claimx_tasks.",
    ),
    Column("task_id", LONG, source="`taskId`", doc="Task template, 32513 for cabinets."),
    Column("task_name", STRING, source="`taskName`", doc="Name of the task."),
    Column("project_id", STRING, source="`projectId`", doc="The claim; see claimx_projects."),
    Column("form_id", STRING, source="`formId`", doc="The form that was filled in."),
    Column(
        "form_response_id",
        STRING,
        source="`formResponseId`",
        doc="Id of the filled-in form; null before it is filled in.",
    ),
    Column("status", STRING, source="`status`", doc="Status of the task, upper case."),
    Column(
        "event_id",
        STRING,
        bookkeeping=True,
        source="the event",
        doc="The last event that brought something new.",
    ),
    Column("date_assigned", TIMESTAMP, source="`dateAssigned`", doc="When it was assigned."),
    Column("date_completed", TIMESTAMP, source="`dateCompleted`", doc="When it was completed."),
    Column(
        "ingested_at",
        TIMESTAMP,
        bookkeeping=True,
        source="the time of ClaimX's answer",
        doc="When ClaimX answered.",
    ),
    Column(
        "customer_first_name",
        STRING,
        source="`externalLinkData.firstName`",
        doc="Policyholder's first name.",
    ),
    Column(
        "customer_last_name",
        STRING,
        source="`externalLinkData.lastName`",
        doc="Policyholder's last name.",
    ),
    Column(
        "customer_email",
        STRING,
        source="`externalLinkData.email`",
        doc="Policyholder's e-mail address.",
    ),
    Column(
        "customer_phone",
        STRING,
        source="`externalLinkData.phone`",
        doc="Policyholder's telephone number.",
    ),
    Column(
        "assignor_email",
        STRING,
        source="`assignor`",
        doc="E-mail address of the adjuster who assigned it.",
    ),
    Column(
        "external_link_url",
        STRING,
        source="`externalLinkData.url`",
        doc="Where the policyholder fills the form in.",
    ),
    Column(
        "raw_data",
        STRING,
        source="`response.groups`",
        doc="Every question with its answer as it came, JSON.",
    ),
    Column(
        "created_at",
        TIMESTAMP,
        bookkeeping=True,
        source="the clock of the `itel-tracking` worker",
        doc="When this row was made.",
    ),
    Column(
        "updated_at",
        TIMESTAMP,
        bookkeeping=True,
        source="the clock of the `itel-tracking` worker",
        doc="When it was changed last.",
    ),
)


def _columns() -> tuple[Column, ...]:
    """Return the columns in the order of ``CabinetForm``, one for each of its fields."""
    known = {column.name: column for column in _OF_TASK}
    for question in QUESTIONS.questions:
        if question.column is not None:
            asked = f"{question.group}: {question.question}"
            known[question.column] = Column(
                question.column, _OF_ANSWER[question.kind], source="the answer", doc=asked
            )
    return tuple(known[field.name] for field in fields(CabinetForm))


FORMS: Final = TableSpec(
    name="claimx_itel_forms",
    summary="One row per assignment: the cabinet form as ClaimX last answered it.",
    doc=(
        "Written by the worker `itel-tracking`, which reads `GET "
        "/customTasks/assignment/{id}?full=true`. An answer that cannot be read is null in "
        "its column and whole in `raw_data`. Lengths are linear feet."
    ),
    mode="merge",
    key=("assignment_id",),
    answer_time="ingested_at",
    columns=_columns(),
)
