"""What a store knows of a file."""

from __future__ import annotations

from datetime import datetime

from attrs import frozen


@frozen
class StoredFile:
    """One file in a store."""

    path: str
    """Relative to the store's root."""
    size: int
    """Bytes."""
    modified: datetime
    """When it was written, UTC."""
