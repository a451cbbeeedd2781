"""Reads a field by its dotted path: ``task.assignees[0].email``."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

PART = re.compile(r"(?P<name>[^.\[\]]+)|\[(?P<index>\d+)\]")


def read_field(data: Any, path: str) -> Any:
    """Return the value at *path* in *data*; None if any step of it is missing."""
    found = data
    for step in PART.finditer(path):
        if step["index"] is not None:
            index = int(step["index"])
            listed = isinstance(found, Sequence) and not isinstance(found, (str, bytes))
            found = found[index] if listed and index < len(found) else None
        else:
            found = found.get(step["name"]) if isinstance(found, Mapping) else None
        if found is None:
            return None
    return found
