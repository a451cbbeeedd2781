"""A project's answer as rows: the project itself and its contacts."""

from __future__ import annotations

from typing import Any

from claimx_pipeline.claimx.entities import EntityRow
from claimx_pipeline.claimx.rows.fields import (
    Field,
    Provenance,
    object_in,
    objects_in,
    read_field,
    read_row,
)
from claimx_pipeline.claimx.rows.values import (
    flag,
    identifier,
    instant,
    integer,
    number,
    phone,
    text,
)

POLICYHOLDER = "POLICYHOLDER"
CLAIM_REP = "CLAIM_REP"

_PROJECT = (
    Field("project_number", "project.projectNumber", text),
    Field("master_file_name", "project.mfn | project.masterFilename", text),
    Field("secondary_number", "project.secondaryNumber", text),
    Field("status", "project.status", text),
    Field("created_date", "project.createdDate", instant),
    Field("date_of_loss", "project.dateOfLoss", instant),
    Field("type_of_loss", "project.typeOfLoss", text),
    Field("cause_of_loss", "project.causeOfLoss", text),
    Field("loss_description", "project.lossDescription", text),
    Field("customer_first_name", "project.customerInformation.firstName", text),
    Field("customer_last_name", "project.customerInformation.lastName", text),
    Field("custom_business_name", "project.customerInformation.customBusinessName", text),
    Field("business_line_type", "project.customerInformation.businessLineType", text),
    Field("year_built", "project.yearBuilt", integer),
    Field("square_footage", "project.squareFootage", number),
    Field("street1", "project.address.street1", text),
    Field("street2", "project.address.street2", text),
    Field("city", "project.address.city", text),
    Field("state_province", "project.address.stateProvince", text),
    Field("zip_postcode", "project.address.zipPostcode", text),
    Field("county", "project.address.county", text),
    Field("country", "project.address.country", text),
    Field("date_received", "project.dateReceived", instant),
    Field("date_contacted", "project.dateContacted", instant),
    Field("planned_inspection_date", "project.plannedInspectionDate", instant),
    Field("date_inspected", "project.dateInspected", instant),
    Field("appointment_date", "project.appointmentDate", instant),
    Field("custom_attribute1", "project.customAttribute1", text),
    Field("custom_attribute2", "project.customAttribute2", text),
    Field("custom_attribute3", "project.customAttribute3", text),
    Field("custom_external_unique_id", "project.customExternalUniqueId", text),
    Field("company_name", "companyName", text),
)
_PROJECT_ID = Field("project_id", "project.projectId", identifier)
_EMAIL = Field("primary_email", "emailAddress", text)
_IS_PRIMARY = Field("primary_email", "primary", flag)
_PHONE = (
    Field("primary_phone", "phoneNumber", phone),
    Field("primary_phone_country_code", "phoneCountryCode", integer),
)
_MEMBER = (
    Field("contact_email", "userName", text),
    Field("is_primary_contact", "primaryContact", flag),
    Field("master_file_name", "mfn | masterFilename", text),
)


def project_row(body: dict[str, Any], project_id: str, origin: Provenance) -> EntityRow:
    """Return the row of a project.

    Args:
        body: The answer, without the ``data`` around it.
        project_id: What was asked for; counts if the answer has no id.
        origin: Event and time of the answer.
    """
    row = read_row("projects", _PROJECT, body, origin.unreadable)
    own_id = read_field("projects", _PROJECT_ID, body, origin.unreadable)
    row["project_id"] = own_id or project_id
    project = object_in("projects", body, "project", origin.unreadable)
    customer = object_in("projects", project, "customerInformation", origin.unreadable)
    row["primary_email"] = _primary_email(customer, origin)
    phones = objects_in("projects", customer, "phones", origin.unreadable)
    row.update(read_row("projects", _PHONE, phones[0] if phones else {}, origin.unreadable))
    return {**row, **origin.stamp()}


def autolink_failure_row(project_id: str, origin: Provenance) -> EntityRow:
    """Return the project's row that says linking it to XactAnalysis failed, and nothing else."""
    return {
        "project_id": project_id,
        "xa_autolink_fail": True,
        "xa_autolink_fail_at": origin.event.ingested_at,
        **origin.stamp(),
    }


def contact_rows(body: dict[str, Any], project: EntityRow, origin: Provenance) -> list[EntityRow]:
    """Return the contacts that a project's answer names.

    Args:
        body: The answer, without the ``data`` around it.
        project: The row that ``project_row`` made of it.
        origin: Event and time of the answer.
    """
    rows = []
    if project["primary_email"]:
        rows.append(
            contact_row(
                project["project_id"],
                project["primary_email"],
                POLICYHOLDER,
                origin,
                first_name=project["customer_first_name"],
                last_name=project["customer_last_name"],
                phone_number=project["primary_phone"],
                phone_country_code=project["primary_phone_country_code"],
                is_primary_contact=True,
            )
        )
    for member in objects_in("contacts", body, "teamMembers", origin.unreadable):
        found = read_row("contacts", _MEMBER, member, origin.unreadable)
        if email := found.pop("contact_email"):
            found["is_primary_contact"] = bool(found["is_primary_contact"])
            rows.append(contact_row(project["project_id"], email, CLAIM_REP, origin, **found))
    return rows


def contact_row(
    project_id: str, email: str, kind: str, origin: Provenance, **known: Any
) -> EntityRow:
    """Return a contact's row; columns not in *known* are null."""
    row: EntityRow = {
        "project_id": project_id,
        "contact_email": email,
        "contact_type": kind,
        "first_name": None,
        "last_name": None,
        "phone_number": None,
        "phone_country_code": None,
        "is_primary_contact": None,
        "master_file_name": None,
        "task_assignment_id": None,
        "task_assigned_at": None,
        "video_collaboration_id": None,
        "created_date": origin.made_at.date(),
    }
    return {**row, **known, **origin.stamp()}


def _primary_email(customer: dict[str, Any], origin: Provenance) -> str | None:
    first: str | None = None
    for item in objects_in("projects", customer, "emails", origin.unreadable):
        address = read_field("projects", _EMAIL, item, origin.unreadable)
        if address and read_field("projects", _IS_PRIMARY, item, origin.unreadable):
            return str(address)
        first = first or address
    return first
