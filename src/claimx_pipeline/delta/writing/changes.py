"""A batch of a keyed table, and what it makes of the rows that are stored."""

from __future__ import annotations

from attrs import frozen

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
