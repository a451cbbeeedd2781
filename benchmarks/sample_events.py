"""Claim events of the size that sources send, for benchmarks."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import msgspec

START = datetime(2026, 8, 22, 10, tzinfo=UTC)


def value(number: int, run: int = 0) -> bytes:
    """Return event *number* of a run: about 490 bytes of JSON."""
    return msgspec.json.encode(
        {
            "eventType": "PROJECT_FILE_ADDED" if number % 3 else "CUSTOM_TASK_COMPLETED",
            "projectId": 100_000 + number % 997,
            "mediaId": 5_000_000 + number,
            "taskAssignmentId": None if number % 3 else 70_000 + number % 5000,
            "ingestedAt": (START + timedelta(milliseconds=number * 7 + run)).isoformat(),
            "masterFileName": f"CLM-{number:08d}",
            "details": {
                "claimNumber": f"CN{number:09d}",
                "policyNumber": f"PN{number:09d}",
                "adjuster": {"name": "Adjuster Name", "email": f"a{number % 50}@example.test"},
                "tags": ["water", "roof", "interior"],
                "note": "x" * 110,
            },
        }
    )


def key(number: int) -> bytes:
    """Return the key of event *number*: its project."""
    return str(100_000 + number % 997).encode()
