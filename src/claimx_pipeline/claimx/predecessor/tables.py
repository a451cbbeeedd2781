"""The ClaimX tables of the predecessor, and what of ours each of their columns is.

Times are text there wherever ours are timestamps, and so are coordinates and some ids.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import msgspec

from claimx_pipeline.claimx.events import decode_event
from claimx_pipeline.delta.importing.old_table import OldColumn, OldTable, old_columns
from claimx_pipeline.errors import DecodeError

_OF_EVENT = (
    "event_type",
    "project_id",
    "ingested_at",
    "media_id",
    "task_assignment_id",
    "video_collaboration_id",
    "master_file_name",
)


def event_id(row: Mapping[str, Any]) -> str | None:
    """Return the id that the event of a row has here, None if the row does not say enough.

    Theirs depends on how the source had written the time, so an event that both systems read
    would be two.
    """
    if row.get("ingested_at") is None:
        return None
    try:
        return decode_event(
            msgspec.json.encode({name: row.get(name) for name in _OF_EVENT}), None
        ).event_id
    except DecodeError:
        return None


_EVENT_ID = OldColumn(
    "trace_id", type="string", new="event_id", aliases=("event_id", "source_event_id")
)
_ANSWERED = {"last_enriched_at": ("updated_at", "created_at")}
"""A row without the time of its answer has that of its making: the two were one there."""

EVENTS = OldTable(
    name="claimx_events",
    columns=(
        _EVENT_ID,
        *old_columns("string", "event_type", "project_id", "media_id", "task_assignment_id"),
        *old_columns("string", "video_collaboration_id", "master_file_name"),
        *old_columns("timestamp", "ingested_at", "created_at"),
        # Theirs is the date in the event's own time zone.
        OldColumn("event_date", type="date", imported=False),
    ),
    dates={"event_date": "ingested_at"},
    derived={"event_id": event_id},
)

PROJECTS = OldTable(
    name="claimx_projects",
    columns=(
        *old_columns("string", "project_id", "project_number", "master_file_name"),
        *old_columns("string", "secondary_number", "status", "created_date", "date_of_loss"),
        *old_columns("string", "type_of_loss", "cause_of_loss", "loss_description"),
        *old_columns("string", "customer_first_name", "customer_last_name", "street1", "city"),
        *old_columns("string", "state_province", "zip_postcode", "primary_email"),
        *old_columns("string", "primary_phone", "custom_attribute1", "custom_attribute2"),
        *old_columns("string", "custom_attribute3", "coverages"),
        *old_columns("bool", "contents_task_sent"),
        *old_columns("timestamp", "contents_task_at"),
        *old_columns("bool", "xa_autolink_fail"),
        *old_columns("timestamp", "xa_autolink_fail_at"),
        _EVENT_ID,
        *old_columns("timestamp", "created_at", "updated_at", "last_enriched_at"),
    ),
    fallbacks=_ANSWERED,
)

CONTACTS = OldTable(
    name="claimx_contacts",
    columns=(
        *old_columns("string", "project_id", "contact_email", "contact_type", "first_name"),
        *old_columns("string", "last_name", "phone_number"),
        *old_columns("long", "phone_country_code"),
        *old_columns("bool", "is_primary_contact"),
        *old_columns("string", "master_file_name"),
        *old_columns("int", "task_assignment_id"),
        *old_columns("string", "video_collaboration_id"),
        _EVENT_ID,
        *old_columns("timestamp", "created_at", "last_enriched_at"),
        *old_columns("date", "created_date"),
        *old_columns("string", "updated_at"),
    ),
    fallbacks=_ANSWERED,
    dates={"created_date": "created_at"},
)

MEDIA = OldTable(
    name="claimx_attachment_metadata",
    columns=(
        *old_columns("string", "media_id", "project_id", "task_assignment_id", "file_type"),
        *old_columns("string", "file_name", "media_description", "media_comment", "latitude"),
        *old_columns("string", "longitude", "gps_source", "taken_date", "full_download_link"),
        *old_columns("string", "expires_at"),
        _EVENT_ID,
        *old_columns("string", "created_at", "updated_at", "last_enriched_at"),
    ),
    fallbacks=_ANSWERED,
)

TASKS = OldTable(
    name="claimx_tasks",
    columns=(
        *old_columns("long", "assignment_id", "task_id"),
        *old_columns("string", "project_id"),
        *old_columns("long", "assignee_id", "assignor_id"),
        *old_columns("string", "date_assigned", "date_completed", "status"),
        *old_columns("bool", "stp_enabled"),
        *old_columns("string", "mfn"),
        _EVENT_ID,
        *old_columns("timestamp", "created_at", "updated_at", "last_enriched_at"),
    ),
    fallbacks=_ANSWERED,
)

TASK_TEMPLATES = OldTable(
    name="claimx_task_templates",
    columns=(
        *old_columns("long", "task_id", "comp_id"),
        *old_columns("string", "name", "description", "form_id", "form_name"),
        *old_columns("bool", "enabled", "is_default", "is_manual_delivery"),
        *old_columns("bool", "is_external_link_delivery", "provide_portal_access"),
        *old_columns("bool", "notify_assigned_send_recipient"),
        *old_columns("bool", "notify_assigned_send_recipient_sms"),
        *old_columns("string", "notify_assigned_subject"),
        *old_columns("bool", "notify_task_completed"),
        *old_columns("string", "notify_completed_subject"),
        *old_columns("bool", "allow_resubmit", "auto_generate_pdf"),
        *old_columns("string", "modified_by"),
        *old_columns("long", "modified_by_id"),
        *old_columns("string", "modified_date"),
        _EVENT_ID,
        *old_columns("timestamp", "created_at", "updated_at", "last_enriched_at"),
    ),
    fallbacks=_ANSWERED,
)

EXTERNAL_LINKS = OldTable(
    name="claimx_external_links",
    columns=(
        *old_columns("long", "link_id", "assignment_id"),
        *old_columns("string", "project_id", "link_code", "url", "notification_access_method"),
        *old_columns("long", "country_id", "state_id"),
        *old_columns("string", "created_date", "last_accessed"),
        *old_columns("long", "accessed_count"),
        _EVENT_ID,
        *old_columns("string", "created_at", "updated_at"),
    ),
    fallbacks=_ANSWERED,
)

VIDEO_COLLAB = OldTable(
    name="claimx_video_collab",
    columns=(
        *old_columns("long", "video_collaboration_id", "claim_id"),
        *old_columns("string", "mfn", "claim_number", "policy_number", "email_user_name"),
        *old_columns("string", "claim_rep_first_name", "claim_rep_last_name"),
        *old_columns("string", "claim_rep_full_name"),
        *old_columns("long", "number_of_videos", "number_of_photos", "number_of_viewers"),
        *old_columns("long", "session_count"),
        *old_columns("string", "total_time_seconds", "total_time", "created_date"),
        *old_columns("string", "live_call_first_session", "live_call_last_session"),
        *old_columns("long", "company_id"),
        *old_columns("string", "company_name", "guid"),
        _EVENT_ID,
        *old_columns("timestamp", "created_at", "updated_at", "last_enriched_at"),
    ),
    fallbacks=_ANSWERED,
)

ATTACHMENTS = OldTable(
    name="claimx_attachments",
    columns=(
        *old_columns("string", "media_id", "project_id", "file_name", "file_type", "blob_path"),
        OldColumn("bytes", type="long", new="bytes_downloaded", aliases=("bytes_downloaded",)),
        _EVENT_ID,
        *old_columns("timestamp", "created_at", "updated_at"),
        *old_columns("timestamp", "downloaded_at"),
        *old_columns("string", "media_type", "media_name"),
        *old_columns("date", "created_date"),
        *old_columns("string", "download_url"),
    ),
    # Only files that were stored have a row there.
    constants={"status": "completed", "error": ""},
    where="status = 'completed'",
    fallbacks={
        "completed_at": ("updated_at", "created_at"),
        "media_type": ("file_type",),
        "media_name": ("file_name",),
        "downloaded_at": ("created_at",),
    },
    dates={"created_date": "created_at"},
)

OLD_TABLES: tuple[OldTable, ...] = (
    EVENTS,
    PROJECTS,
    CONTACTS,
    MEDIA,
    TASKS,
    TASK_TEMPLATES,
    EXTERNAL_LINKS,
    VIDEO_COLLAB,
    ATTACHMENTS,
)
