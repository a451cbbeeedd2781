"""A batch of a keyed table, and what it makes of the rows that are stored."""

from __future__ import annotations

from datetime import timedelta

from attrs import frozen

from claimx_pipeline.clock import EPOCH
from claimx_pipeline.delta.writing.fold import State
from claimx_pipeline.delta.writing.known import Key


@frozen
class KeyedRow:
    """One row of a batch."""

    position: int
    values: State
    content: bytes
    """Hash of what it says about the claim."""


@frozen
class KeyedBatch:
    """A batch, converted and sorted out by key; rows of one key in their order."""

    groups: dict[Key, list[KeyedRow]]
    refused: tuple[tuple[int, str], ...]


@frozen
class Change:
    """What the rows of one key make of what is stored."""

    key: Key
    rows: tuple[KeyedRow, ...]
    state: State
    was_stored: bool
    is_new: bool
    """Whether the table has to be changed."""
    refused: tuple[tuple[int, str], ...] = ()


def not_older(
    groups: dict[Key, list[KeyedRow]], column: str | None, floor: int | None
) -> dict[Key, list[KeyedRow]]:
    """Return *groups* without the rows that retention has deleted, or would at once.

    Args:
        groups: Rows by key.
        column: The column that says how old a row is; None if none does.
        floor: The time before which no row is kept, in microseconds since 1970; None for none.
    """
    if column is None or floor is None:
        return groups
    oldest = EPOCH + timedelta(microseconds=floor)
    found = {}
    for key, rows in groups.items():
        kept = [row for row in rows if (at := row.values[column]) is None or at >= oldest]
        if kept:
            found[key] = kept
    return found
