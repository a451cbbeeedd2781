"""``task_templates``: kinds of task that a carrier has set up, from a task's answer."""

from __future__ import annotations

from typing import Any

from claimx_pipeline.claimx.entities.origin import BOOKKEEPING, Provenance
from claimx_pipeline.delta.spec import BOOL, LONG, STRING, TIMESTAMP, TableSpec
from claimx_pipeline.domain.answer_columns import APART, Part, answered, object_in
from claimx_pipeline.domain.entities import EntityRow
from claimx_pipeline.domain.kinds import EntityKind
from claimx_pipeline.values import flag, instant, integer, text

TEMPLATE = Part("template", " of `customTask`")

TASK_TEMPLATES = EntityKind(
    "task_templates",
    TableSpec(
        name="claimx_task_templates",
        summary="Kinds of task that a carrier has set up",
        doc=(
            "Read from `GET /customTasks/assignment/{id}?full=true`. A template belongs to a "
            "company and not to a project, so the table has no buckets."
        ),
        mode="merge",
        key=("task_id",),
        answer_time="last_enriched_at",
        columns=(
            answered(
                "task_id",
                LONG,
                "customTask.taskId | taskId",
                integer,
                part=APART,
                nullable=False,
                doc="Id of the template",
            ),
            answered(
                "comp_id",
                LONG,
                "compId",
                integer,
                part=TEMPLATE,
                doc="Id of the company that it belongs to",
            ),
            answered("name", STRING, "name", text, part=TEMPLATE, doc="Name of the template"),
            answered(
                "description",
                STRING,
                "description",
                text,
                part=TEMPLATE,
                doc="What the task is about",
            ),
            answered(
                "form_id", STRING, "formId", text, part=TEMPLATE, doc="Form that is filled in"
            ),
            answered("form_name", STRING, "formName", text, part=TEMPLATE, doc="Name of the form"),
            answered("enabled", BOOL, "enabled", flag, part=TEMPLATE, doc="It may be assigned"),
            answered(
                "is_default",
                BOOL,
                "default | isDefault",
                flag,
                part=TEMPLATE,
                doc="It is assigned to every claim",
            ),
            answered(
                "is_manual_delivery",
                BOOL,
                "isManualDelivery",
                flag,
                part=TEMPLATE,
                doc="It is delivered by hand",
            ),
            answered(
                "is_external_link_delivery",
                BOOL,
                "isExternalLinkDelivery",
                flag,
                part=TEMPLATE,
                doc="It is delivered as a link; see claimx_external_links",
            ),
            answered(
                "provide_portal_access",
                BOOL,
                "providePortalAccess",
                flag,
                part=TEMPLATE,
                doc="It gives access to the portal",
            ),
            answered(
                "notify_assigned_send_recipient",
                BOOL,
                "notifyAssignedSendRecipient",
                flag,
                part=TEMPLATE,
                doc="The assignee is notified by e-mail",
            ),
            answered(
                "notify_assigned_send_recipient_sms",
                BOOL,
                "notifyAssignedSendRecipientSms",
                flag,
                part=TEMPLATE,
                doc="The assignee is notified by SMS",
            ),
            answered(
                "notify_assigned_subject",
                STRING,
                "notifyAssignedSubject",
                text,
                part=TEMPLATE,
                doc="Subject of the e-mail to the assignee",
            ),
            answered(
                "notify_task_completed",
                BOOL,
                "notifyTaskCompleted",
                flag,
                part=TEMPLATE,
                doc="The assignor is notified of the completion",
            ),
            answered(
                "notify_completed_subject",
                STRING,
                "notifyCompletedSubject",
                text,
                part=TEMPLATE,
                doc="Subject of the e-mail about the completion",
            ),
            answered(
                "allow_resubmit",
                BOOL,
                "allowReSubmit | allowResubmit",
                flag,
                part=TEMPLATE,
                doc="It may be submitted again",
            ),
            answered(
                "auto_generate_pdf",
                BOOL,
                "autoGeneratePdf",
                flag,
                part=TEMPLATE,
                doc="A PDF is made when it is completed",
            ),
            answered(
                "modified_by",
                STRING,
                "modifiedBy",
                text,
                part=TEMPLATE,
                doc="User who changed the template last",
            ),
            answered(
                "modified_by_id",
                LONG,
                "modifiedById",
                integer,
                part=TEMPLATE,
                doc="Id of that user",
            ),
            answered(
                "modified_date",
                TIMESTAMP,
                "modifiedDate",
                instant,
                part=TEMPLATE,
                doc="When the template was last changed",
            ),
            *BOOKKEEPING,
        ),
    ),
)


def template_rows(
    body: dict[str, Any], _assignment_id: int, _project_id: str, origin: Provenance
) -> list[EntityRow]:
    """Return the row of the task's template, if the answer holds it.

    Args:
        body: The answer.
        origin: Event and time of the answer.
    """
    unreadable = origin.unreadable
    template = object_in("task_templates", body, "customTask", unreadable)
    if not template:
        return []
    task_id = TASK_TEMPLATES.value("task_id", body, unreadable)
    if task_id is None:
        unreadable.note("task_templates", "task_id", None, "a template needs one")
        return []
    row = TASK_TEMPLATES.read(template, unreadable, TEMPLATE)
    return [{"task_id": task_id, **row, **origin.stamp()}]
