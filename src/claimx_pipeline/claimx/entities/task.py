"""``tasks``: tasks assigned to people, from a task's answer."""

from __future__ import annotations

from typing import Any

from claimx_pipeline.claimx.entities.origin import BOOKKEEPING, Provenance
from claimx_pipeline.delta.spec import BOOL, LONG, STRING, TIMESTAMP, Column, TableSpec
from claimx_pipeline.domain.answer_columns import APART, Unreadable, answered
from claimx_pipeline.domain.entities import EntityRow
from claimx_pipeline.domain.kinds import EntityKind
from claimx_pipeline.values import flag, identifier, instant, integer, text

TASKS = EntityKind(
    "tasks",
    TableSpec(
        name="claimx_tasks",
        summary="Tasks assigned to people",
        doc=(
            "Read from `GET /customTasks/assignment/{id}?full=true` for every CUSTOM_TASK_* event; "
            "a row is one assignment, as it was at the last answer."
        ),
        mode="merge",
        key=("assignment_id",),
        bucket_column="project_id",
        answer_time="last_enriched_at",
        columns=(
            Column(
                "assignment_id",
                LONG,
                nullable=False,
                source="the assignment that was asked for",
                doc="Id of the assignment",
            ),
            answered(
                "task_id",
                LONG,
                "taskId",
                integer,
                doc="Template that the task was made from; see claimx_task_templates",
            ),
            answered("task_name", STRING, "taskName", text, doc="Name of the task"),
            answered("form_id", STRING, "formId", text, doc="Form that is filled in"),
            answered(
                "project_id",
                STRING,
                "projectId",
                identifier,
                part=APART,
                otherwise="the event's project",
                nullable=False,
                doc="The claim; see claimx_projects",
            ),
            answered("assignee_id", LONG, "assigneeId", integer, doc="User who is to do it"),
            answered("assignor_id", LONG, "assignorId", integer, doc="User who assigned it"),
            answered(
                "assignor_email", STRING, "assignor", text, doc="E-mail address of the assignor"
            ),
            answered(
                "date_assigned", TIMESTAMP, "dateAssigned", instant, doc="When it was assigned"
            ),
            answered(
                "date_completed", TIMESTAMP, "dateCompleted", instant, doc="When it was completed"
            ),
            answered(
                "cancelled_date", TIMESTAMP, "cancelledDate", instant, doc="When it was cancelled"
            ),
            answered(
                "cancelled_by_resource_id",
                LONG,
                "cancelledByResourceId",
                integer,
                doc="User who cancelled it",
            ),
            answered(
                "status",
                STRING,
                "status",
                text,
                doc="Status of the assignment, for example ASSIGNED or COMPLETED",
            ),
            answered(
                "pdf_project_media_id",
                STRING,
                "pdfProjectMediaId",
                identifier,
                doc="File with the completed form; see claimx_attachment_metadata",
            ),
            answered(
                "date_exported", TIMESTAMP, "dateExported", instant, doc="When it was exported"
            ),
            answered(
                "form_response_id",
                STRING,
                "formResponseId",
                text,
                doc="Id of the filled-in form; null before it is filled in",
            ),
            answered(
                "stp_enabled", BOOL, "stpEnabled", flag, doc="Straight-through processing is on"
            ),
            answered(
                "stp_started_date",
                TIMESTAMP,
                "stpStartedDate",
                instant,
                doc="When straight-through processing began",
            ),
            answered("mfn", STRING, "mfn | masterFilename", text, doc="Master file name"),
            answered(
                "xactimate_exportable",
                BOOL,
                "xactimateExportable",
                flag,
                doc="May be exported to Xactimate",
            ),
            answered(
                "fraud_language_accepted_date",
                TIMESTAMP,
                "fraudLanguageAcceptedDate",
                instant,
                doc="When the assignee accepted the wording on fraud",
            ),
            answered(
                "resubmit_task_assignment_id",
                LONG,
                "resubmitTaskAssignmentId",
                integer,
                doc="Assignment that this one repeats; null if none",
            ),
            answered("task_url", STRING, "url", text, doc="Page of the task in ClaimX"),
            *BOOKKEEPING,
        ),
    ),
)


def task_project_id(body: dict[str, Any], unreadable: Unreadable) -> str | None:
    """Return the project that a task's answer names."""
    found: str | None = TASKS.value("project_id", body, unreadable)
    return found


def task_rows(
    body: dict[str, Any], assignment_id: int, project_id: str, origin: Provenance
) -> list[EntityRow]:
    """Return the row of a task assignment.

    Args:
        body: The answer.
        assignment_id: The assignment that was asked for.
        project_id: The task's project.
        origin: Event and time of the answer.
    """
    row = TASKS.read(body, origin.unreadable)
    return [{"assignment_id": assignment_id, "project_id": project_id, **row, **origin.stamp()}]
