"""``contacts``: people of a claim, from the project's answer and from a task's external link."""

from __future__ import annotations

from typing import Any

from claimx_pipeline.claimx.entities.origin import BOOKKEEPING, Provenance
from claimx_pipeline.delta.spec import (
    BOOL,
    DATE,
    LONG,
    STRING,
    TIMESTAMP,
    Column,
    TableSpec,
)
from claimx_pipeline.domain.answer_columns import Part, answered, gathered, object_in, objects_in
from claimx_pipeline.domain.entities import EntityRow
from claimx_pipeline.domain.kinds import EntityKind
from claimx_pipeline.values import flag, integer, phone, text

POLICYHOLDER = "POLICYHOLDER"
CLAIM_REP = "CLAIM_REP"

MEMBER = Part("member", " of each of the project's `teamMembers`")
LINK = Part("link", " of the task's `externalLinkData`")
LINK_EMAIL = Part("link_email", LINK.of)

CONTACTS = EntityKind(
    "contacts",
    TableSpec(
        name="claimx_contacts",
        summary="People of a claim: policyholders and claim representatives",
        doc=(
            "The policyholder is read from the same answer as `claimx_projects`, representatives "
            "from its `teamMembers`, and the person that a task's link was sent to from "
            "`GET /customTasks/assignment/{id}`. What the project says about a person goes "
            "before what a link says."
        ),
        mode="merge",
        key=("project_id", "contact_email", "contact_type"),
        bucket_column="project_id",
        answer_time="last_enriched_at",
        event_columns={
            "task_assignment_id": "task_assigned_at",
            "task_assigned_at": "task_assigned_at",
        },
        columns=(
            Column(
                "project_id",
                STRING,
                nullable=False,
                source="the project",
                doc="The claim; see claimx_projects",
            ),
            gathered(
                "contact_email",
                STRING,
                {MEMBER: ("userName", text), LINK_EMAIL: ("email", text)},
                also="the project's primary_email",
                nullable=False,
                doc="E-mail address; of a representative the user name",
            ),
            Column(
                "contact_type",
                STRING,
                nullable=False,
                source="CLAIM_REP for a team member, else POLICYHOLDER",
                doc="POLICYHOLDER or CLAIM_REP",
            ),
            answered(
                "first_name",
                STRING,
                "firstName",
                text,
                part=LINK,
                otherwise="the project's customer_first_name",
                doc="First name",
            ),
            answered(
                "last_name",
                STRING,
                "lastName",
                text,
                part=LINK,
                otherwise="the project's customer_last_name",
                doc="Last name",
            ),
            answered(
                "phone_number",
                STRING,
                "phone",
                phone,
                part=LINK,
                otherwise="the project's primary_phone",
                doc="Telephone number",
            ),
            answered(
                "phone_country_code",
                LONG,
                "phoneCountryCode",
                integer,
                part=LINK,
                otherwise="the project's primary_phone_country_code",
                doc="Country code of phone_number",
            ),
            answered(
                "is_primary_contact",
                BOOL,
                "primaryContact",
                flag,
                part=MEMBER,
                otherwise="true for the project's policyholder, false for anybody else",
                doc="Whether this person is to be contacted first",
            ),
            answered(
                "master_file_name",
                STRING,
                "mfn | masterFilename",
                text,
                part=MEMBER,
                doc="Master file name of the representative",
            ),
            Column(
                "task_assignment_id",
                LONG,
                source="the task whose link was sent to this address",
                doc="Last task assignment sent to this address; see claimx_tasks",
            ),
            Column(
                "task_assigned_at",
                TIMESTAMP,
                source="time of that task's event",
                doc="Time of the event that set task_assignment_id",
            ),
            Column(
                "video_collaboration_id",
                LONG,
                source="nothing yet: always null",
                doc="Video call that the person took part in; see claimx_video_collab",
            ),
            Column(
                "created_date",
                DATE,
                bookkeeping=True,
                kept=True,
                source="created_at",
                doc="UTC date of created_at; no later event changes it",
            ),
            *BOOKKEEPING,
        ),
    ),
    survives_filter=True,
)


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
        found = CONTACTS.read(member, origin.unreadable, MEMBER)
        if email := found.pop("contact_email"):
            found["is_primary_contact"] = bool(found["is_primary_contact"])
            rows.append(contact_row(project["project_id"], email, CLAIM_REP, origin, **found))
    return rows


def link_contact_row(
    body: dict[str, Any], assignment_id: int, project_id: str, origin: Provenance
) -> EntityRow | None:
    """Return the row of the person that the task's link was sent to, if it is known."""
    link = object_in("contacts", body, "externalLinkData", origin.unreadable)
    email = CONTACTS.value("contact_email", link, origin.unreadable, LINK_EMAIL)
    if email is None:
        return None
    return contact_row(
        project_id,
        email,
        POLICYHOLDER,
        origin,
        **CONTACTS.read(link, origin.unreadable, LINK),
        is_primary_contact=False,
        task_assignment_id=assignment_id,
        task_assigned_at=origin.event.ingested_at,
    )


def contact_row(
    project_id: str, email: str, contact_type: str, origin: Provenance, **known: Any
) -> EntityRow:
    """Return a contact's row; columns not in *known* are null."""
    return {
        **dict.fromkeys(column.name for column in CONTACTS.table.columns),
        "project_id": project_id,
        "contact_email": email,
        "contact_type": contact_type,
        "created_date": origin.made_at.date(),
        **known,
        **origin.stamp(),
    }


def with_link_contact(contacts: list[EntityRow], link: EntityRow | None) -> list[EntityRow]:
    """Return *contacts* with the link's person: as one row with the same person's, or added.

    What the project says about a policyholder goes before what the link says, so that
    which of two events came last makes no difference.
    """
    if link is None:
        return contacts
    key = (link["contact_email"], link["contact_type"])
    for position, contact in enumerate(contacts):
        if (contact["contact_email"], contact["contact_type"]) == key:
            known = {name: value for name, value in contact.items() if value is not None}
            return [*contacts[:position], {**link, **known}, *contacts[position + 1 :]]
    return [*contacts, link]
