"""What every peer does with an event, as short as it can be: check it, make its id, describe it."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from typing import Any

import orjson


def task_of(event: dict[str, Any]) -> dict[str, Any]:
    """Return the message about a decoded event: that of the worker ``ingest``.

    Raises:
        ValueError: It is not a valid event.
    """
    kind, project, at = event.get("eventType"), event.get("projectId"), event.get("ingestedAt")
    if not isinstance(kind, str) or project is None or not isinstance(at, str):
        raise ValueError("the event lacks its type, its project or its time")
    moment = datetime.fromisoformat(at).astimezone(UTC).isoformat()
    media, task = event.get("mediaId"), event.get("taskAssignmentId")
    file = event.get("masterFileName")
    named = f"{project}|{kind}|{moment}"
    for name, value in (("media", media), ("task", task), ("file", file)):
        if value is not None:
            named += f"|{name}:{value}"
    return {
        "event_id": hashlib.sha256(named.encode()).hexdigest(),
        "event_type": kind,
        "id_has_time": True,
        "ingested_at": moment,
        "master_file_name": file,
        "media_id": None if media is None else str(media),
        "media_ids": [],
        "payload": event,
        "project_id": str(project),
        "task_assignment_id": None if task is None else str(task),
        "video_collaboration_id": None,
        "created_at": datetime.now(UTC).isoformat(),
    }


def row_of(value: bytes) -> dict[str, Any]:
    """Return the row about an event: that of the worker ``events``.

    Raises:
        ValueError: It is not a valid event.
    """
    event = orjson.loads(value)
    task = task_of(event)
    moment = datetime.fromisoformat(task["ingested_at"])
    return {
        "event_id": task["event_id"],
        "event_type": task["event_type"],
        "project_id": task["project_id"],
        "media_id": task["media_id"],
        "task_assignment_id": event.get("taskAssignmentId"),
        "video_collaboration_id": None,
        "master_file_name": task["master_file_name"],
        "ingested_at": moment,
        "created_at": datetime.now(UTC),
        "event_date": moment.date(),
        "raw_data": value.decode(),
    }
