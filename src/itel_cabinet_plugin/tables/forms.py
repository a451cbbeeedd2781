"""``claimx_itel_forms``: each cabinet form, question by question, as ClaimX last had it."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

from attrs import fields

from claimx_pipeline import BOOL, DOUBLE, INT, LONG, STRING, TIMESTAMP, Column, TableSpec
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
    Column("assignment_id", LONG, nullable=False, doc="The task somebody was given."),
    Column("task_id", LONG, doc="Task template, 32513 for cabinets."),
    Column("task_name", STRING, doc="Name of the task."),
    Column("project_id", STRING, doc="ClaimX project."),
    Column("form_id", STRING, doc="The form that was filled in."),
    Column("form_response_id", STRING, doc="What was filled in; null before anything is."),
    Column("status", STRING, doc="Status of the task, upper case."),
    Column("event_id", STRING, bookkeeping=True, doc="The last event that brought something new."),
    Column("date_assigned", TIMESTAMP, doc="When it was assigned."),
    Column("date_completed", TIMESTAMP, doc="When it was completed."),
    Column("ingested_at", TIMESTAMP, bookkeeping=True, doc="When ClaimX answered."),
    Column("customer_first_name", STRING, doc="The policyholder's."),
    Column("customer_last_name", STRING, doc="The policyholder's."),
    Column("customer_email", STRING, doc="The policyholder's."),
    Column("customer_phone", STRING, doc="The policyholder's."),
    Column("assignor_email", STRING, doc="The adjuster's."),
    Column("external_link_url", STRING, doc="Where the policyholder fills the form in."),
    Column("raw_data", STRING, doc="Every question with its answer as it came, JSON."),
    Column("created_at", TIMESTAMP, bookkeeping=True, doc="When this row was made."),
    Column("updated_at", TIMESTAMP, bookkeeping=True, doc="When it was changed last."),
)


def _columns() -> tuple[Column, ...]:
    """Return the columns in the order of ``CabinetForm``, one for each of its fields."""
    known = {column.name: column for column in _OF_TASK}
    for question in QUESTIONS.questions:
        if question.column is not None:
            asked = f"{question.group}: {question.question}"
            known[question.column] = Column(question.column, _OF_ANSWER[question.kind], doc=asked)
    return tuple(known[field.name] for field in fields(CabinetForm))


FORMS: Final = TableSpec(
    name="claimx_itel_forms",
    summary="One row per assignment: the cabinet form as ClaimX last answered it.",
    mode="merge",
    key=("assignment_id",),
    answer_time="ingested_at",
    columns=_columns(),
)
