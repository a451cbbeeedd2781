"""An event for tests of plugins: what is not said of it is filled in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any


def made(event_type: str, fields: Mapping[str, Any]) -> dict[str, Any]:
    """Return the JSON object of an event with *fields*, in either spelling."""
    return {"event_type": event_type or "PROJECT_CREATED", "project_id": "100", **fields}
