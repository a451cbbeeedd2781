"""An item of the video report as a row."""

from __future__ import annotations

from typing import Any

from claimx_pipeline.claimx.entities import EntityRow
from claimx_pipeline.claimx.rows.fields import Field, Provenance, Unreadable, read_field, read_row
from claimx_pipeline.claimx.rows.values import decimal_text, identifier, instant, integer, text

_VIDEO_ID = Field("video_collaboration_id", "videoCollaborationId | id", integer)
_CLAIM_ID = Field("claim_id", "claimId", identifier)
_VIDEO = (
    Field("mfn", "mfn | masterFilename", text),
    Field("claim_number", "claimNumber", text),
    Field("policy_number", "policyNumber", text),
    Field("email_user_name", "emailUserName", text),
    Field("claim_rep_first_name", "claimRepFirstName", text),
    Field("claim_rep_last_name", "claimRepLastName", text),
    Field("claim_rep_full_name", "claimRepFullName", text),
    Field("number_of_videos", "numberOfVideos", integer),
    Field("number_of_photos", "numberOfPhotos", integer),
    Field("number_of_viewers", "numberOfViewers", integer),
    Field("session_count", "sessionCount", integer),
    Field("total_time_seconds", "totalTimeSeconds", decimal_text),
    Field("total_time", "totalTime", text),
    Field("created_date", "createdDate", instant),
    Field("live_call_first_session", "liveCallFirstSession", instant),
    Field("live_call_last_session", "liveCallLastSession", instant),
    Field("company_id", "companyId", integer),
    Field("company_name", "companyName", text),
    Field("guid", "guid", text),
)


def video_of(
    items: list[dict[str, Any]], video_id: str | None, project_id: str, unreadable: Unreadable
) -> dict[str, Any] | None:
    """Return the item that an event is about: by its id, else by its project, else the only one.

    Args:
        items: The report.
        video_id: What the event calls the video call; None if it does not.
        project_id: The event's project.
        unreadable: Counts what cannot be read.
    """
    for item in items:
        own = read_field("video_collab", _VIDEO_ID, item, unreadable)
        if own is not None and str(own) == video_id:
            return item
    for item in items:
        if read_field("video_collab", _CLAIM_ID, item, unreadable) == project_id:
            return item
    return items[0] if len(items) == 1 else None


def video_row(item: dict[str, Any], project_id: str, origin: Provenance) -> EntityRow | None:
    """Return the row of a video call, None if *item* has no id.

    Args:
        item: The call's part of the report.
        project_id: The project that was asked; counts if *item* names none.
        origin: Event and time of the answer.
    """
    video_id = read_field("video_collab", _VIDEO_ID, item, origin.unreadable)
    if video_id is None:
        return None
    row = read_row("video_collab", _VIDEO, item, origin.unreadable)
    if row["claim_rep_full_name"] is None:
        names = filter(None, (row["claim_rep_first_name"], row["claim_rep_last_name"]))
        row["claim_rep_full_name"] = " ".join(names) or None
    claim = read_field("video_collab", _CLAIM_ID, item, origin.unreadable)
    return {
        "video_collaboration_id": video_id,
        "claim_id": claim or project_id,
        **row,
        **origin.stamp(),
    }
