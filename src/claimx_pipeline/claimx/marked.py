"""Events that a verification sends: real ones but for their ids."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

import msgspec

TYPES = ("PROJECT_CREATED", "PROJECT_MFN_ADDED")
"""They ask for the whole project, and change nothing in ClaimX."""


def marked_events(key: str, mark: str, now: datetime) -> Sequence[bytes]:
    """Return raw events about project *key*, with ids that begin with *mark*."""
    return [
        msgspec.json.encode(
            {
                "event_id": f"{mark}-{number}",
                "event_type": event_type,
                "project_id": key,
                "ingested_at": now,
            }
        )
        for number, event_type in enumerate(TYPES, start=1)
    ]
