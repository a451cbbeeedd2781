"""What commits say about their writer, and what is kept of that when a log is cut."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from deltalake import DeltaTable

GROUP = "claimx-group"
"""Key in a commit's information that names the group whose rows it brings."""
VERIFIED = "claimx-verified"
"""Key that names the version up to which its writer had looked for what others did.

Without it that is the commit's own: it would have failed had any other come first.
"""
MAINTENANCE = "claimx-maintenance"
"""Group that commits of maintenance name: none that reads a topic."""

RESTORED = "claimx-log/restored"
"""Transaction of a table: the version of the latest RESTORE that is not in its log any more."""


FLOOR = "claimx-retention/floor"
"""Transaction of a table: the time, in microseconds since 1970, before which retention has
deleted its rows. Writers add no older one, so that a late repetition does not come back."""


def floor_of(table: DeltaTable) -> int | None:
    """Return the time before which no row is written any more; None if any is."""
    found: int | None = table.transaction_version(FLOOR)
    return found or None


def seen_id(group: str) -> str:
    """Return the transaction that says up to which version *group* had looked."""
    return f"claimx-log/seen/{group}"


def restored_mark(table: DeltaTable) -> int | None:
    """Return the version of the latest RESTORE that was deleted from the log, if any was."""
    found: int | None = table.transaction_version(RESTORED)
    return found


def seen_mark(table: DeltaTable, group: str) -> int:
    """Return up to which version *group* had looked in commits not in the log any more, or -1."""
    found: int | None = table.transaction_version(seen_id(group))
    return -1 if found is None else found
