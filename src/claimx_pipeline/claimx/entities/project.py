"""``projects``: the claims, from a project's answer and from what only events say."""

from __future__ import annotations

from typing import Any

from claimx_pipeline.claimx.entities.origin import BOOKKEEPING, Provenance
from claimx_pipeline.claimx.events import Event
from claimx_pipeline.delta.spec import BOOL, DOUBLE, LONG, STRING, TIMESTAMP, Column, TableSpec
from claimx_pipeline.domain.answer_columns import (
    ANSWER,
    APART,
    AnsweredColumn,
    Field,
    Part,
    answered,
    gathered,
    object_in,
    objects_in,
    read_field,
)
from claimx_pipeline.domain.entities import EntityRow
from claimx_pipeline.domain.kinds import EntityKind
from claimx_pipeline.values import (
    flag,
    identifier,
    instant,
    integer,
    number,
    phone,
    text,
)

PHONE = Part("phone", " of the first of `project.customerInformation.phones`")

_NO_SOURCE = "nothing yet: always null"
_MFN_ADDED = "PROJECT_MFN_ADDED"
_POLICYHOLDER_TIMES = {
    "POLICYHOLDER_INVITED": "policyholder_invited_at",
    "POLICYHOLDER_JOINED": "policyholder_joined_at",
}
TELLING_EVENTS = frozenset({_MFN_ADDED, *_POLICYHOLDER_TIMES})
"""Types of event that fill columns by what they say themselves."""


def _text(name: str, path: str, doc: str) -> AnsweredColumn:
    return answered(name, STRING, f"project.{path}", text, doc=doc)


def _time(name: str, path: str, doc: str) -> AnsweredColumn:
    return answered(name, TIMESTAMP, f"project.{path}", instant, doc=doc)


PROJECTS = EntityKind(
    "projects",
    TableSpec(
        name="claimx_projects",
        summary="Claims (ClaimX calls them projects)",
        doc=(
            "Read from `GET /export/project/{id}`, for every event of the project that asks the "
            "API. Columns that an event sets are merged by that event's time, all others by "
            "`last_enriched_at`."
        ),
        mode="merge",
        key=("project_id",),
        bucket_column="project_id",
        answer_time="last_enriched_at",
        event_columns={
            "master_file_name": "master_file_name_at",
            "master_file_name_at": "master_file_name_at",
            "xa_autolink_fail": "xa_autolink_fail_at",
            "xa_autolink_fail_at": "xa_autolink_fail_at",
            "policyholder_invited_at": "policyholder_invited_at",
            "policyholder_joined_at": "policyholder_joined_at",
        },
        columns=(
            answered(
                "project_id",
                STRING,
                "project.projectId",
                identifier,
                part=APART,
                otherwise="the project that was asked for",
                nullable=False,
                doc="ClaimX's id of the claim",
            ),
            _text("project_number", "projectNumber", "Claim number of the carrier"),
            gathered(
                "master_file_name",
                STRING,
                {ANSWER: ("project.masterFileName | project.mfn | project.masterFilename", text)},
                also=(
                    "else the first `mfn` of `teamMembers`; `master_file_name` of the "
                    f"{_MFN_ADDED} event goes before it"
                ),
                doc="Master file name (MFN)",
            ),
            Column(
                "master_file_name_at",
                TIMESTAMP,
                source=f"time of the {_MFN_ADDED} event",
                doc="Time of the event that set master_file_name; null if the API did",
            ),
            _text("secondary_number", "secondaryNumber", "Policy number"),
            _text("status", "status", "Status of the claim in ClaimX"),
            _time("created_date", "createdDate", "When the claim was made in ClaimX"),
            _time("date_of_loss", "dateOfLoss", "When the loss happened"),
            _text("type_of_loss", "typeOfLoss", "Kind of loss, for example WATER"),
            _text("cause_of_loss", "causeOfLoss", "Cause in words"),
            _text("loss_description", "lossDescription", "What happened, in words"),
            _text(
                "customer_first_name", "customerInformation.firstName", "Policyholder's first name"
            ),
            _text("customer_last_name", "customerInformation.lastName", "Policyholder's last name"),
            _text(
                "custom_business_name",
                "customerInformation.customBusinessName",
                "Policyholder's business",
            ),
            _text(
                "business_line_type",
                "customerInformation.businessLineType",
                "Line of business, for example RESIDENTIAL",
            ),
            answered(
                "year_built", LONG, "project.yearBuilt", integer, doc="Year the building was built"
            ),
            answered(
                "square_footage",
                DOUBLE,
                "project.squareFootage",
                number,
                doc="Area of the building, square feet",
            ),
            _text("street1", "address.street1", "Address of the loss, first line"),
            _text("street2", "address.street2", "Address of the loss, second line"),
            _text("city", "address.city", "City of the loss"),
            _text("state_province", "address.stateProvince", "State or province of the loss"),
            _text("zip_postcode", "address.zipPostcode", "Postal code of the loss"),
            _text("county", "address.county", "County of the loss"),
            _text("country", "address.country", "Country of the loss"),
            Column(
                "primary_email",
                STRING,
                source=(
                    "`emailAddress` of `project.customerInformation.emails`: of the first that is "
                    "`primary`, else of the first that has one"
                ),
                doc="Policyholder's e-mail address",
            ),
            answered(
                "primary_phone",
                STRING,
                "phoneNumber",
                phone,
                part=PHONE,
                doc="Policyholder's telephone number",
            ),
            answered(
                "primary_phone_country_code",
                LONG,
                "phoneCountryCode",
                integer,
                part=PHONE,
                doc="Country code of primary_phone",
            ),
            _time("date_received", "dateReceived", "When the carrier received the claim"),
            _time("date_contacted", "dateContacted", "When the policyholder was contacted"),
            _time(
                "planned_inspection_date", "plannedInspectionDate", "When the inspection is planned"
            ),
            _time("date_inspected", "dateInspected", "When the inspection took place"),
            _time("appointment_date", "appointmentDate", "Time of the appointment"),
            _text("custom_attribute1", "customAttribute1", "First of the carrier's own attributes"),
            _text(
                "custom_attribute2", "customAttribute2", "Second of the carrier's own attributes"
            ),
            _text("custom_attribute3", "customAttribute3", "Third of the carrier's own attributes"),
            _text(
                "custom_external_unique_id",
                "customExternalUniqueId",
                "The carrier's own id of the claim",
            ),
            answered("company_name", STRING, "companyName", text, doc="Carrier"),
            Column("coverages", STRING, source=_NO_SOURCE, doc="Coverages of the policy"),
            Column("contents_task_sent", BOOL, source=_NO_SOURCE, doc="A contents task was sent"),
            Column("contents_task_at", TIMESTAMP, source=_NO_SOURCE, doc="When that task was sent"),
            Column(
                "policyholder_invited_at",
                TIMESTAMP,
                source="time of the POLICYHOLDER_INVITED event",
                doc="When the policyholder was last invited",
            ),
            Column(
                "policyholder_joined_at",
                TIMESTAMP,
                source="time of the POLICYHOLDER_JOINED event",
                doc="When the policyholder last joined",
            ),
            Column(
                "xa_autolink_fail",
                BOOL,
                source="true from the PROJECT_AUTO_XA_LINKING_UNSUCCESSFUL event",
                doc="Linking the claim to XactAnalysis failed; null if it never did",
            ),
            Column(
                "xa_autolink_fail_at",
                TIMESTAMP,
                source="time of the PROJECT_AUTO_XA_LINKING_UNSUCCESSFUL event",
                doc="When that link last failed",
            ),
            *BOOKKEEPING,
        ),
    ),
    survives_filter=True,
    singular="project",
)

_EMAIL = Field("primary_email", "emailAddress", text)
_IS_PRIMARY = Field("primary_email", "primary", flag)
_MEMBERS_FILE = Field("master_file_name", "mfn", text)


def project_row(body: dict[str, Any], project_id: str, origin: Provenance) -> EntityRow:
    """Return the row of a project.

    Args:
        body: The answer, without the ``data`` around it.
        project_id: What was asked for; counts if the answer has no id.
        origin: Event and time of the answer.
    """
    unreadable = origin.unreadable
    row = PROJECTS.read(body, unreadable)
    own_id = PROJECTS.value("project_id", body, unreadable)
    row["project_id"] = own_id or project_id
    if row["master_file_name"] is None:
        row["master_file_name"] = _members_file(body, origin)
    project = object_in("projects", body, "project", unreadable)
    customer = object_in("projects", project, "customerInformation", unreadable)
    row["primary_email"] = _primary_email(customer, origin)
    phones = objects_in("projects", customer, "phones", unreadable)
    row.update(PROJECTS.read(phones[0] if phones else {}, unreadable, PHONE))
    return {**row, **origin.stamp()}


def autolink_failure_row(project_id: str, origin: Provenance) -> EntityRow:
    """Return the project's row that says linking it to XactAnalysis failed, and nothing else."""
    return {
        "project_id": project_id,
        "xa_autolink_fail": True,
        "xa_autolink_fail_at": origin.event.ingested_at,
        **origin.stamp(),
    }


def said_by(event: Event) -> EntityRow:
    """Return the columns of the project that *event* itself fills."""
    if column := _POLICYHOLDER_TIMES.get(event.event_type):
        return {column: event.ingested_at}
    if event.event_type == _MFN_ADDED and event.master_file_name:
        return {
            "master_file_name": event.master_file_name,
            "master_file_name_at": event.ingested_at,
        }
    return {}


def _members_file(body: dict[str, Any], origin: Provenance) -> str | None:
    """Return the first master file name of the project's team."""
    members = body.get("teamMembers")
    for member in members if isinstance(members, list) else ():
        # What is not a member is noted where the contacts are made of them.
        if not isinstance(member, dict):
            continue
        if found := read_field("projects", _MEMBERS_FILE, member, origin.unreadable):
            return str(found)
    return None


def _primary_email(customer: dict[str, Any], origin: Provenance) -> str | None:
    first: str | None = None
    for item in objects_in("projects", customer, "emails", origin.unreadable):
        address = read_field("projects", _EMAIL, item, origin.unreadable)
        if address and read_field("projects", _IS_PRIMARY, item, origin.unreadable):
            return str(address)
        first = first or address
    return first
