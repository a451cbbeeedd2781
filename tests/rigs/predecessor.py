"""Makes tables as the predecessor left them: its columns, its types, its doubles, odd values.

``python -m tests.rigs.predecessor FOLDER [ROWS]`` writes them. All values are invented.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
from deltalake import write_deltalake

TYPES = {
    "string": pa.string(),
    "long": pa.int64(),
    "int": pa.int32(),
    "bool": pa.bool_(),
    "timestamp": pa.timestamp("us", tz="UTC"),
    "date": pa.date32(),
}
SCHEMAS: Mapping[str, Mapping[str, str]] = {
    "claimx_events": {
        "string": "trace_id event_type project_id media_id task_assignment_id "
        "video_collaboration_id master_file_name",
        "timestamp": "ingested_at created_at",
        "date": "event_date",
    },
    "claimx_projects": {
        "string": "project_id project_number master_file_name secondary_number status "
        "created_date date_of_loss type_of_loss cause_of_loss loss_description "
        "customer_first_name customer_last_name street1 city state_province zip_postcode "
        "primary_email primary_phone custom_attribute1 custom_attribute2 custom_attribute3 "
        "coverages trace_id",
        "bool": "contents_task_sent xa_autolink_fail",
        "timestamp": "contents_task_at xa_autolink_fail_at created_at updated_at last_enriched_at",
    },
    "claimx_contacts": {
        "string": "project_id contact_email contact_type first_name last_name phone_number "
        "master_file_name video_collaboration_id trace_id updated_at",
        "long": "phone_country_code",
        "bool": "is_primary_contact",
        "int": "task_assignment_id",
        "timestamp": "created_at last_enriched_at",
        "date": "created_date",
    },
    "claimx_attachment_metadata": {
        "string": "media_id project_id task_assignment_id file_type file_name media_description "
        "media_comment latitude longitude gps_source taken_date full_download_link expires_at "
        "trace_id created_at updated_at last_enriched_at",
    },
    "claimx_tasks": {
        "long": "assignment_id task_id assignee_id assignor_id",
        "string": "project_id date_assigned date_completed status mfn trace_id",
        "bool": "stp_enabled",
        "timestamp": "created_at updated_at last_enriched_at",
    },
    "claimx_task_templates": {
        "long": "task_id comp_id modified_by_id",
        "string": "name description form_id form_name notify_assigned_subject "
        "notify_completed_subject modified_by modified_date trace_id",
        "bool": "enabled is_default is_manual_delivery is_external_link_delivery "
        "provide_portal_access notify_assigned_send_recipient "
        "notify_assigned_send_recipient_sms notify_task_completed allow_resubmit "
        "auto_generate_pdf",
        "timestamp": "created_at updated_at last_enriched_at",
    },
    "claimx_external_links": {
        "long": "link_id assignment_id country_id state_id accessed_count",
        "string": "project_id link_code url notification_access_method created_date "
        "last_accessed trace_id created_at updated_at",
    },
    "claimx_video_collab": {
        "long": "video_collaboration_id claim_id number_of_videos number_of_photos "
        "number_of_viewers session_count company_id",
        "string": "mfn claim_number policy_number email_user_name claim_rep_first_name "
        "claim_rep_last_name claim_rep_full_name total_time_seconds total_time created_date "
        "live_call_first_session live_call_last_session company_name guid trace_id",
        "timestamp": "created_at updated_at last_enriched_at",
    },
    "claimx_attachments": {
        "string": "media_id project_id file_name file_type blob_path trace_id",
        "long": "bytes",
        "timestamp": "created_at updated_at",
    },
}
"""The predecessor's columns, by type."""

PARTITIONS = {
    "claimx_events": ["event_date"],
    "claimx_projects": ["project_id"],
    "claimx_attachment_metadata": ["project_id"],
    "claimx_attachments": ["project_id"],
}
START = datetime(2026, 1, 5, 9, tzinfo=UTC)
CLAIMS = 40

Row = dict[str, Any]


def schema(table: str) -> pa.Schema:
    """Return the Arrow schema of a table of the predecessor."""
    by_type = SCHEMAS[table].items()
    return pa.schema([(name, TYPES[kind]) for kind, names in by_type for name in names.split()])


def _made(at: int) -> Row:
    made = START + timedelta(minutes=at)
    return {"trace_id": f"{at:064x}", "created_at": made, "updated_at": made}


def _enriched(at: int) -> Row:
    made = _made(at)
    return {**made, "last_enriched_at": made["created_at"]}


def _text(row: Row, *names: str) -> Row:
    return {**row, **{name: row[name].isoformat() for name in names}}


def _claim(at: int) -> str:
    return str(700_000 + at % CLAIMS)


def events(at: int) -> Row:
    when = START + timedelta(hours=at % 72, seconds=at)
    return {
        "trace_id": f"{at:064x}",
        "event_type": "PROJECT_FILE_ADDED" if at % 3 else "CUSTOM_TASK_COMPLETED",
        "project_id": _claim(at),
        "media_id": str(500_000 + at) if at % 3 else None,
        "task_assignment_id": None if at % 3 else str(300_000 + at),
        "master_file_name": "",
        "ingested_at": when,
        "created_at": when + timedelta(seconds=2),
        "event_date": when.date(),
    }


def projects(at: int) -> Row:
    return {
        **_made(at),
        "project_id": str(700_000 + at),
        "project_number": f"CLM-{at:06}",
        "status": "Active",
        "created_date": "2026-01-05T09:00:00+00:00",
        "date_of_loss": "2026-01-02T00:00:00+00:00",
        "customer_first_name": "Hölder",
        "city": "Testville",
        "primary_email": f"holder{at}@example.test",
        "xa_autolink_fail": True if at % 7 == 0 else None,
        "xa_autolink_fail_at": START if at % 7 == 0 else None,
    }


def contacts(at: int) -> Row:
    return {
        **_text(_enriched(at), "updated_at"),
        "project_id": _claim(at),
        "contact_email": f"person{at}@example.test",
        "contact_type": "CLAIM_REP" if at % 2 else "POLICYHOLDER",
        "first_name": "Pat",
        "phone_country_code": 1,
        "is_primary_contact": at % 2 == 0,
        "task_assignment_id": 300_000 + at if at % 5 == 0 else None,
        "created_date": START.date(),
    }


def media(at: int) -> Row:
    return {
        **_text(_enriched(at), "created_at", "updated_at", "last_enriched_at"),
        "media_id": str(500_000 + at),
        "project_id": _claim(at),
        "task_assignment_id": str(300_000 + at),
        "file_type": "jpg",
        "file_name": f"photo_{at}.jpg",
        "latitude": "40.125",
        "longitude": "-105.5",
        "taken_date": "2026-01-05T10:00:00",
        "full_download_link": f"https://files.example.test/{at}?signature=x",
        "expires_at": "2026-01-06T10:00:00.5Z",
    }


def tasks(at: int) -> Row:
    return {
        **_enriched(at),
        "assignment_id": 300_000 + at,
        "task_id": 4_001,
        "project_id": _claim(at),
        "assignee_id": 11,
        "date_assigned": "2026-01-05T10:00:00+00:00",
        "status": "COMPLETED" if at % 2 else "ASSIGNED",
        "stp_enabled": False,
        "mfn": f"MFN-{at}",
    }


def templates(at: int) -> Row:
    return {
        **_enriched(at),
        "task_id": 4_000 + at,
        "comp_id": 9,
        "name": "Photo request",
        "enabled": True,
        "is_default": False,
        "modified_date": "2025-12-01T00:00:00+00:00",
    }


def links(at: int) -> Row:
    return {
        **_text(_made(at), "created_at", "updated_at"),
        "link_id": 800_000 + at,
        "assignment_id": 300_000 + at,
        "project_id": _claim(at),
        "url": f"https://example.test/l/{at}",
        "accessed_count": 0,
    }


def videos(at: int) -> Row:
    return {
        **_enriched(at),
        "video_collaboration_id": 900_000 + at,
        "claim_id": 700_000 + at % CLAIMS,
        "number_of_videos": 1,
        "total_time_seconds": "123.456",
        "total_time": "00:02:03",
        "created_date": "2026-01-05T10:00:00+00:00",
        "live_call_first_session": "2026-01-05T10:01:00+00:00",
    }


def attachments(at: int) -> Row:
    return {
        **_made(at),
        "media_id": str(500_000 + at),
        "project_id": _claim(at),
        "file_name": f"photo_{at}.jpg",
        "file_type": "jpg",
        "blob_path": f"{_claim(at)}/media/photo_{at}.jpg",
        "bytes": 1_000 + at,
    }


ROWS: Mapping[str, Callable[[int], Row]] = {
    "claimx_events": events,
    "claimx_projects": projects,
    "claimx_contacts": contacts,
    "claimx_attachment_metadata": media,
    "claimx_tasks": tasks,
    "claimx_task_templates": templates,
    "claimx_external_links": links,
    "claimx_video_collab": videos,
    "claimx_attachments": attachments,
}

LATER = {"updated_at": START + timedelta(days=2), "last_enriched_at": START + timedelta(days=2)}

ODD: Mapping[str, Sequence[Row]] = {
    # The same event three times; an id that is not a number; an event without a project.
    "claimx_events": [
        events(1),
        events(1),
        {**events(9_001), "task_assignment_id": "n/a"},
        {**events(9_002), "project_id": None},
        {**events(9_003), "trace_id": None},
    ],
    # A later row that has nulls where the first has values, and a time that is none.
    "claimx_projects": [
        {
            "project_id": "700001",
            "trace_id": "f" * 64,
            "master_file_name": "MFN-9",
            **LATER,
            "created_at": LATER["updated_at"],
            "last_enriched_at": None,
        },
        {**projects(9_001), "date_of_loss": "last Tuesday", "coverages": "  "},
    ],
    "claimx_contacts": [
        {**contacts(2), **LATER, "updated_at": "2026-01-07T09:00:00+00:00", "first_name": "Sam"},
        {**contacts(9_001), "contact_email": None},
        {**contacts(9_002), "video_collaboration_id": "900001"},
    ],
    "claimx_attachment_metadata": [
        media(3),
        {**media(9_001), "latitude": "", "longitude": "NaN", "expires_at": "1767693600000"},
        {**media(9_002), "task_assignment_id": "task-12", "taken_date": "0000-00-00"},
    ],
    # A null key never matched there, so each such row was inserted again.
    "claimx_tasks": [{**tasks(9_001), "project_id": None}, {**tasks(9_002), "assignment_id": None}],
    "claimx_video_collab": [{**videos(9_001), "total_time_seconds": "1E+2"}],
    "claimx_attachments": [{**attachments(9_001), "bytes": None}],
}
"""What else is in the tables."""


def make(folder: Path, rows: int = 120, tables: Sequence[str] = tuple(ROWS)) -> None:
    """Write the predecessor's tables into *folder*, each with *rows* rows and the odd ones.

    Projects and templates are fewer in life; here all have as many, projects at most as many
    as there are claims, since each of them was a partition there.
    """
    for table in tables:
        count = min(rows, CLAIMS) if table == "claimx_projects" else rows
        for part in _parts(table, count):
            write_deltalake(
                folder / table,
                pa.Table.from_pylist(part, schema=schema(table)),
                mode="append",
                partition_by=PARTITIONS.get(table),
            )


def _parts(table: str, count: int) -> Iterator[list[Row]]:
    made = ROWS[table]
    for start in range(0, count, 50_000):
        yield [made(at) for at in range(start, min(count, start + 50_000))]
    if odd := ODD.get(table):
        yield list(odd)


if __name__ == "__main__":
    make(Path(sys.argv[1]), int(sys.argv[2]) if sys.argv[2:] else 120)
