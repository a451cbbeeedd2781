"""An item of the media answer as a row."""

from __future__ import annotations

from typing import Any

from claimx_pipeline.claimx.entities import EntityRow
from claimx_pipeline.claimx.rows.fields import Field, Provenance, Unreadable, read_field, read_row
from claimx_pipeline.claimx.rows.values import identifier, instant, integer, number, text

_MEDIA_ID = Field("media_id", "mediaID | mediaId", identifier)
_MEDIA = (
    Field("task_assignment_id", "taskAssignmentId | taskAssignmentID", integer),
    Field("file_type", "mediaType", text),
    Field("file_name", "mediaName", text),
    Field("media_description", "mediaDescription", text),
    Field("media_comment", "mediaComment", text),
    Field("latitude", "latitude", number),
    Field("longitude", "longitude", number),
    Field("gps_source", "gpsSource", text),
    Field("taken_date", "takenDate", instant),
    Field("full_download_link", "fullDownloadLink", text),
    Field("expires_at", "expiresAt", instant),
)


def media_id_of(item: dict[str, Any], unreadable: Unreadable) -> str | None:
    """Return the id of an item of the media answer."""
    found: str | None = read_field("media", _MEDIA_ID, item, unreadable)
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
        **read_row("media", _MEDIA, item, origin.unreadable),
        **origin.stamp(),
    }
