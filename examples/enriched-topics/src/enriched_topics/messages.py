"""The two messages, field by field."""

from __future__ import annotations

import json
from collections.abc import Mapping
from datetime import datetime
from typing import Any

Row = Mapping[str, Any]


def task_message(wanted: Row, response: Any, report: Row | None) -> dict[str, Any]:
    """Return the message about a task.

    Args:
        wanted: What the plugin published about it: the event, and the rows found for it.
        response: The filled-in form, as ClaimX answers it; None if there is none.
        report: The task's PDF as ClaimX describes it; None if there is none.
    """
    project, task = wanted["project"], wanted["task"]
    report_id = whole(task.get("pdf_project_media_id"))
    found = report or {}
    return {
        "trace_id": wanted["trace_id"],
        "event_type": wanted["event_type"],
        "project_id": wanted["project_id"],
        "claim_number": project.get("project_number"),
        "project_status": project.get("status"),
        "customer_firstname": project.get("customer_first_name"),
        "customer_lastname": project.get("customer_last_name"),
        "loss_address_street": project.get("street1"),
        "loss_address_city": project.get("city"),
        "loss_address_state_province": project.get("state_province"),
        "loss_address_zip_postcode": project.get("zip_postcode"),
        "mfn": project.get("master_file_name") or task.get("mfn"),
        "task_assignment_id": str(task["assignment_id"]),
        "task_id": task.get("task_id"),
        "form_id": task.get("form_id"),
        "task_name": task.get("task_name"),
        "task_status": task.get("status"),
        "date_task_assigned": moment(task.get("date_assigned")),
        "date_task_completed": moment(task.get("date_completed")),
        "cancelled_date": moment(task.get("cancelled_date")),
        "form_response": None if response is None else json.dumps(response, ensure_ascii=False),
        "report_id": report_id,
        "report_url": found.get("fullDownloadLink"),
        "report_name": found.get("mediaDescription"),
        "media_id": None if report_id is None else str(report_id),
        "created_at": wanted["created_at"],
    }


def video_message(event_id: str, event_type: str, video: Row, created_at: str) -> dict[str, Any]:
    """Return the message about a video call.

    Args:
        event_id: The event's id.
        event_type: Its type.
        video: The row found for it.
        created_at: The event's time.
    """
    seconds = video.get("total_time_seconds")
    user = video.get("email_user_name")
    return {
        "trace_id": event_id,
        "event_type": event_type,
        "project_id": video["claim_id"],
        "mfn": video.get("mfn"),
        "ntid": user.partition("@")[0] if user else None,
        "claim_number": video.get("claim_number"),
        "policy_number": video.get("policy_number"),
        "number_of_videos": video.get("number_of_videos"),
        "number_of_photos": video.get("number_of_photos"),
        "total_time_seconds": None if seconds is None else float(seconds),
        "session_count": video.get("session_count"),
        "total_time": video.get("total_time"),
        "created_at": created_at,
    }


def whole(value: Any) -> int | None:
    """Return an id as a number; None if it is none."""
    text = "" if value is None else str(value).strip()
    return int(text) if text.isascii() and text.isdigit() else None


def moment(value: Any) -> str | None:
    """Return a time as ISO 8601; one that has come as JSON is so already."""
    return value.isoformat() if isinstance(value, datetime) else value
