"""``video_collab``: video calls with policyholders, from the video report."""

from __future__ import annotations

from typing import Any

from claimx_pipeline.claimx.entities.origin import BOOKKEEPING, Provenance
from claimx_pipeline.delta.spec import LONG, STRING, TIMESTAMP, TableSpec
from claimx_pipeline.domain.answer_columns import APART, Unreadable, answered
from claimx_pipeline.domain.entities import EntityRow
from claimx_pipeline.domain.kinds import EntityKind
from claimx_pipeline.values import (
    decimal_text,
    identifier,
    instant,
    integer,
    text,
)

VIDEO_COLLAB = EntityKind(
    "video_collab",
    TableSpec(
        name="claimx_video_collab",
        summary="Video calls with policyholders",
        doc=(
            "Read from the report VIDEO_COLLABORATION (`POST /data`) on the event's project, for "
            "VIDEO_COLLABORATION_* events: the call that the event names, else that of its project."
        ),
        mode="merge",
        key=("video_collaboration_id",),
        bucket_column="claim_id",
        answer_time="last_enriched_at",
        columns=(
            answered(
                "video_collaboration_id",
                LONG,
                "videoCollaborationId | id",
                integer,
                part=APART,
                nullable=False,
                doc="Id of the video call",
            ),
            answered(
                "claim_id",
                STRING,
                "claimId",
                identifier,
                part=APART,
                otherwise="the project that was asked",
                nullable=False,
                doc="The claim: its project_id in claimx_projects",
            ),
            answered("mfn", STRING, "mfn | masterFilename", text, doc="Master file name"),
            answered(
                "claim_number", STRING, "claimNumber", text, doc="Claim number of the carrier"
            ),
            answered("policy_number", STRING, "policyNumber", text, doc="Policy number"),
            answered(
                "email_user_name",
                STRING,
                "emailUserName",
                text,
                doc="User name of the claim representative",
            ),
            answered(
                "claim_rep_first_name",
                STRING,
                "claimRepFirstName",
                text,
                doc="Representative's first name",
            ),
            answered(
                "claim_rep_last_name",
                STRING,
                "claimRepLastName",
                text,
                doc="Representative's last name",
            ),
            answered(
                "claim_rep_full_name",
                STRING,
                "claimRepFullName",
                text,
                otherwise="first and last name put together",
                doc="Representative's whole name",
            ),
            answered("number_of_videos", LONG, "numberOfVideos", integer, doc="Videos recorded"),
            answered("number_of_photos", LONG, "numberOfPhotos", integer, doc="Photos taken"),
            answered(
                "number_of_viewers", LONG, "numberOfViewers", integer, doc="People who watched"
            ),
            answered("session_count", LONG, "sessionCount", integer, doc="Sessions held"),
            answered(
                "total_time_seconds",
                STRING,
                "totalTimeSeconds",
                decimal_text,
                doc="Seconds altogether, an exact decimal",
            ),
            answered("total_time", STRING, "totalTime", text, doc="total_time_seconds as hh:mm:ss"),
            answered(
                "created_date", TIMESTAMP, "createdDate", instant, doc="When the call was set up"
            ),
            answered(
                "live_call_first_session",
                TIMESTAMP,
                "liveCallFirstSession",
                instant,
                doc="When the first session began",
            ),
            answered(
                "live_call_last_session",
                TIMESTAMP,
                "liveCallLastSession",
                instant,
                doc="When the last session began",
            ),
            answered("company_id", LONG, "companyId", integer, doc="Id of the carrier"),
            answered("company_name", STRING, "companyName", text, doc="Carrier"),
            answered("guid", STRING, "guid", text, doc="Globally unique id of the call"),
            *BOOKKEEPING,
        ),
    ),
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
        own = VIDEO_COLLAB.value("video_collaboration_id", item, unreadable)
        if own is not None and str(own) == video_id:
            return item
    for item in items:
        if VIDEO_COLLAB.value("claim_id", item, unreadable) == project_id:
            return item
    return items[0] if len(items) == 1 else None


def video_row(item: dict[str, Any], project_id: str, origin: Provenance) -> EntityRow | None:
    """Return the row of a video call, None if *item* has no id.

    Args:
        item: The call's part of the report.
        project_id: The project that was asked; counts if *item* names none.
        origin: Event and time of the answer.
    """
    video_id = VIDEO_COLLAB.value("video_collaboration_id", item, origin.unreadable)
    if video_id is None:
        return None
    row = VIDEO_COLLAB.read(item, origin.unreadable)
    if row["claim_rep_full_name"] is None:
        names = filter(None, (row["claim_rep_first_name"], row["claim_rep_last_name"]))
        row["claim_rep_full_name"] = " ".join(names) or None
    claim = VIDEO_COLLAB.value("claim_id", item, origin.unreadable)
    return {
        "video_collaboration_id": video_id,
        "claim_id": claim or project_id,
        **row,
        **origin.stamp(),
    }
