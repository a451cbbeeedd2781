"""``external_links``: links by which people outside ClaimX reach a task, from a task's answer."""

from __future__ import annotations

from typing import Any

from claimx_pipeline.claimx.entities.origin import BOOKKEEPING, Provenance
from claimx_pipeline.delta.spec import LONG, STRING, TIMESTAMP, Column, TableSpec
from claimx_pipeline.domain.answer_columns import Part, answered, object_in
from claimx_pipeline.domain.entities import EntityRow
from claimx_pipeline.domain.kinds import EntityKind
from claimx_pipeline.values import integer, text

LINK = Part("link", " of `externalLinkData`")
LINK_ID = Part("link_id", LINK.of)

EXTERNAL_LINKS = EntityKind(
    "external_links",
    TableSpec(
        name="claimx_external_links",
        summary="Links by which people outside ClaimX reach a task",
        doc=(
            "Read from `GET /customTasks/assignment/{id}?full=true`; the person that the link was "
            "sent to is in `claimx_contacts`."
        ),
        mode="merge",
        key=("link_id",),
        bucket_column="project_id",
        answer_time="last_enriched_at",
        columns=(
            answered(
                "link_id",
                LONG,
                "linkId",
                integer,
                part=LINK_ID,
                nullable=False,
                doc="Id of the link",
            ),
            Column(
                "assignment_id",
                LONG,
                source="the assignment that was asked for",
                doc="Task assignment that it leads to; see claimx_tasks",
            ),
            Column(
                "project_id",
                STRING,
                nullable=False,
                source="the task's project",
                doc="The claim; see claimx_projects",
            ),
            answered(
                "link_code", STRING, "linkCode", text, part=LINK, doc="Code at the end of the link"
            ),
            answered("url", STRING, "url", text, part=LINK, doc="The link itself"),
            answered(
                "notification_access_method",
                STRING,
                "notificationAccessMethod",
                text,
                part=LINK,
                doc="How it was sent, for example EMAIL",
            ),
            answered(
                "country_id",
                LONG,
                "countryId",
                integer,
                part=LINK,
                doc="ClaimX's id of the country",
            ),
            answered(
                "state_id", LONG, "stateId", integer, part=LINK, doc="ClaimX's id of the state"
            ),
            Column(
                "created_date",
                TIMESTAMP,
                source="nothing yet: always null",
                doc="When the link was made",
            ),
            Column(
                "last_accessed",
                TIMESTAMP,
                source="nothing yet: always null",
                doc="When it was last opened",
            ),
            Column(
                "accessed_count",
                LONG,
                source="nothing yet: always 0",
                doc="How often it was opened",
            ),
            *BOOKKEEPING,
        ),
    ),
)


def link_rows(
    body: dict[str, Any], assignment_id: int, project_id: str, origin: Provenance
) -> list[EntityRow]:
    """Return the row of the task's external link, if the answer holds one.

    Args:
        body: The answer.
        assignment_id: The assignment that was asked for.
        project_id: The task's project.
        origin: Event and time of the answer.
    """
    unreadable = origin.unreadable
    link = object_in("external_links", body, "externalLinkData", unreadable)
    if not link:
        return []
    link_id = EXTERNAL_LINKS.value("link_id", link, unreadable, LINK_ID)
    if link_id is None:
        unreadable.note("external_links", "link_id", None, "a link needs one")
        return []
    return [
        {
            "link_id": link_id,
            "assignment_id": assignment_id,
            "project_id": project_id,
            **EXTERNAL_LINKS.read(link, unreadable, LINK),
            "created_date": None,
            "last_accessed": None,
            "accessed_count": 0,
            **origin.stamp(),
        }
    ]
