"""``media``: the files of a claim as ClaimX describes them, from the media answer."""

from __future__ import annotations

from typing import Any

from claimx_pipeline.claimx.entities.origin import BOOKKEEPING, Provenance
from claimx_pipeline.delta.spec import DOUBLE, LONG, STRING, TIMESTAMP, Column, TableSpec
from claimx_pipeline.domain.answer_columns import APART, Unreadable, answered
from claimx_pipeline.domain.entities import EntityRow
from claimx_pipeline.domain.kinds import EntityKind
from claimx_pipeline.values import identifier, instant, integer, number, text

MEDIA = EntityKind(
    "media",
    TableSpec(
        name="claimx_attachment_metadata",
        summary="Files of a claim, as ClaimX describes them",
        doc=(
            "Read from `GET /export/project/{id}/media?mediaId=…` for PROJECT_FILE_ADDED events. "
            "Where the files are stored is in `claimx_attachments`."
        ),
        mode="merge",
        key=("media_id",),
        bucket_column="project_id",
        answer_time="last_enriched_at",
        columns=(
            answered(
                "media_id",
                STRING,
                "mediaID | mediaId",
                identifier,
                part=APART,
                nullable=False,
                doc="ClaimX's id of the file",
            ),
            Column(
                "project_id",
                STRING,
                nullable=False,
                source="the project that was asked",
                doc="The claim; see claimx_projects",
            ),
            answered(
                "task_assignment_id",
                LONG,
                "taskAssignmentId | taskAssignmentID",
                integer,
                doc="Task assignment that the file was uploaded for; see claimx_tasks",
            ),
            answered("file_type", STRING, "mediaType", text, doc="Kind of file, for example jpg"),
            answered("file_name", STRING, "mediaName", text, doc="Name of the file"),
            answered(
                "media_description", STRING, "mediaDescription", text, doc="Description of the file"
            ),
            answered("media_comment", STRING, "mediaComment", text, doc="Comment on the file"),
            answered(
                "latitude",
                DOUBLE,
                "latitude",
                number,
                doc="Degrees north of where it was taken",
            ),
            answered(
                "longitude",
                DOUBLE,
                "longitude",
                number,
                doc="Degrees east of where it was taken",
            ),
            answered(
                "gps_source",
                STRING,
                "gpsSource",
                text,
                doc="What latitude and longitude are taken from, for example EXIF",
            ),
            answered("taken_date", TIMESTAMP, "takenDate", instant, doc="When it was taken"),
            answered(
                "full_download_link",
                STRING,
                "fullDownloadLink",
                text,
                bookkeeping=True,
                doc="Signed link to the file; it expires",
            ),
            answered(
                "expires_at",
                TIMESTAMP,
                "expiresAt",
                instant,
                bookkeeping=True,
                doc="When the link expires",
            ),
            *BOOKKEEPING,
        ),
    ),
)


def media_id_of(item: dict[str, Any], unreadable: Unreadable) -> str | None:
    """Return the id of an item of the media answer."""
    found: str | None = MEDIA.value("media_id", item, unreadable)
    return found


def media_row(
    item: dict[str, Any], media_id: str, project_id: str, origin: Provenance
) -> EntityRow:
    """Return the row of a file.

    Args:
        item: The file's part of the answer.
        media_id: Its id.
        project_id: The project that was asked.
        origin: Event and time of the answer.
    """
    return {
        "media_id": media_id,
        "project_id": project_id,
        **MEDIA.read(item, origin.unreadable),
        **origin.stamp(),
    }
