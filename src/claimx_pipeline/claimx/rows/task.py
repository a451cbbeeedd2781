"""A task's answer as rows: task, template, external link and the link's contact."""

from __future__ import annotations

from typing import Any

from claimx_pipeline.claimx.entities import EntityRow
from claimx_pipeline.claimx.rows.fields import (
    Field,
    Provenance,
    Unreadable,
    object_in,
    read_field,
    read_row,
)
from claimx_pipeline.claimx.rows.project import POLICYHOLDER, contact_row
from claimx_pipeline.claimx.rows.values import flag, identifier, instant, integer, phone, text

_PROJECT_ID = Field("project_id", "projectId", identifier)
_TASK = (
    Field("task_id", "taskId", integer),
    Field("task_name", "taskName", text),
    Field("form_id", "formId", text),
    Field("assignee_id", "assigneeId", integer),
    Field("assignor_id", "assignorId", integer),
    Field("assignor_email", "assignor", text),
    Field("date_assigned", "dateAssigned", instant),
    Field("date_completed", "dateCompleted", instant),
    Field("cancelled_date", "cancelledDate", instant),
    Field("cancelled_by_resource_id", "cancelledByResourceId", integer),
    Field("status", "status", text),
    Field("pdf_project_media_id", "pdfProjectMediaId", identifier),
    Field("date_exported", "dateExported", instant),
    Field("form_response_id", "formResponseId", text),
    Field("stp_enabled", "stpEnabled", flag),
    Field("stp_started_date", "stpStartedDate", instant),
    Field("mfn", "mfn | masterFilename", text),
    Field("xactimate_exportable", "xactimateExportable", flag),
    Field("fraud_language_accepted_date", "fraudLanguageAcceptedDate", instant),
    Field("resubmit_task_assignment_id", "resubmitTaskAssignmentId", integer),
    Field("task_url", "url", text),
)
_TEMPLATE_ID = Field("task_id", "customTask.taskId | taskId", integer)
_TEMPLATE = (
    Field("comp_id", "compId", integer),
    Field("name", "name", text),
    Field("description", "description", text),
    Field("form_id", "formId", text),
    Field("form_name", "formName", text),
    Field("enabled", "enabled", flag),
    Field("is_default", "default | isDefault", flag),
    Field("is_manual_delivery", "isManualDelivery", flag),
    Field("is_external_link_delivery", "isExternalLinkDelivery", flag),
    Field("provide_portal_access", "providePortalAccess", flag),
    Field("notify_assigned_send_recipient", "notifyAssignedSendRecipient", flag),
    Field("notify_assigned_send_recipient_sms", "notifyAssignedSendRecipientSms", flag),
    Field("notify_assigned_subject", "notifyAssignedSubject", text),
    Field("notify_task_completed", "notifyTaskCompleted", flag),
    Field("notify_completed_subject", "notifyCompletedSubject", text),
    Field("allow_resubmit", "allowReSubmit | allowResubmit", flag),
    Field("auto_generate_pdf", "autoGeneratePdf", flag),
    Field("modified_by", "modifiedBy", text),
    Field("modified_by_id", "modifiedById", integer),
    Field("modified_date", "modifiedDate", instant),
)
_LINK_ID = Field("link_id", "linkId", integer)
_LINK = (
    Field("link_code", "linkCode", text),
    Field("url", "url", text),
    Field("notification_access_method", "notificationAccessMethod", text),
    Field("country_id", "countryId", integer),
    Field("state_id", "stateId", integer),
)
_LINK_EMAIL = Field("contact_email", "email", text)
_LINK_PERSON = (
    Field("first_name", "firstName", text),
    Field("last_name", "lastName", text),
    Field("phone_number", "phone", phone),
    Field("phone_country_code", "phoneCountryCode", integer),
)


def task_project_id(body: dict[str, Any], unreadable: Unreadable) -> str | None:
    """Return the project that a task's answer names."""
    found: str | None = read_field("tasks", _PROJECT_ID, body, unreadable)
    return found


def task_row(
    body: dict[str, Any], assignment_id: int, project_id: str, origin: Provenance
) -> EntityRow:
    """Return the row of a task assignment.

    Args:
        body: The answer.
        assignment_id: The assignment that was asked for.
        project_id: The task's project.
        origin: Event and time of the answer.
    """
    return {
        "assignment_id": assignment_id,
        "project_id": project_id,
        **read_row("tasks", _TASK, body, origin.unreadable),
        **origin.stamp(),
    }


def template_row(body: dict[str, Any], origin: Provenance) -> EntityRow | None:
    """Return the row of the task's template, if the answer holds it."""
    template = object_in("task_templates", body, "customTask", origin.unreadable)
    if not template:
        return None
    task_id = read_field("task_templates", _TEMPLATE_ID, body, origin.unreadable)
    if task_id is None:
        origin.unreadable.note("task_templates", "task_id", None, "a template needs one")
        return None
    row = read_row("task_templates", _TEMPLATE, template, origin.unreadable)
    return {"task_id": task_id, **row, **origin.stamp()}


def link_row(
    body: dict[str, Any], assignment_id: int, project_id: str, origin: Provenance
) -> EntityRow | None:
    """Return the row of the task's external link, if the answer holds one."""
    link = object_in("external_links", body, "externalLinkData", origin.unreadable)
    if not link:
        return None
    link_id = read_field("external_links", _LINK_ID, link, origin.unreadable)
    if link_id is None:
        origin.unreadable.note("external_links", "link_id", None, "a link needs one")
        return None
    return {
        "link_id": link_id,
        "assignment_id": assignment_id,
        "project_id": project_id,
        **read_row("external_links", _LINK, link, origin.unreadable),
        "created_date": None,
        "last_accessed": None,
        "accessed_count": 0,
        **origin.stamp(),
    }


def link_contact_row(
    body: dict[str, Any], assignment_id: int, project_id: str, origin: Provenance
) -> EntityRow | None:
    """Return the row of the person that the task's link was sent to, if it is known."""
    link = object_in("contacts", body, "externalLinkData", origin.unreadable)
    email = read_field("contacts", _LINK_EMAIL, link, origin.unreadable)
    if email is None:
        return None
    return contact_row(
        project_id,
        email,
        POLICYHOLDER,
        origin,
        **read_row("contacts", _LINK_PERSON, link, origin.unreadable),
        is_primary_contact=False,
        task_assignment_id=assignment_id,
        task_assigned_at=origin.event.ingested_at,
    )


def with_link_contact(contacts: list[EntityRow], link: EntityRow | None) -> list[EntityRow]:
    """Return *contacts* with the link's person: as one row with the same person's, or added.

    What the project says about a policyholder goes before what the link says, so that
    which of two events came last makes no difference.
    """
    if link is None:
        return contacts
    key = (link["contact_email"], link["contact_type"])
    for place, contact in enumerate(contacts):
        if (contact["contact_email"], contact["contact_type"]) == key:
            told = {name: value for name, value in contact.items() if value is not None}
            return [*contacts[:place], {**link, **told}, *contacts[place + 1 :]]
    return [*contacts, link]
