"""Rows on their way into a table: one by one, or as columns."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from attrs import define

Row = Mapping[str, Any]
"""Column name to value. Missing and None mean the same: nothing is known."""


Columns = Mapping[str, list[Any]]
"""Column name to the values of some rows: lists of one length, never changed."""


class ColumnRow(Row):
    """One of the rows kept in columns, seen as a row.

    A dict per row costs more than all the rest of an append. A processor of many alike
    records makes columns, and the table that gets all their rows takes these as they are.
    """

    __slots__ = ("at", "columns")

    def __init__(self, columns: Columns, at: int) -> None:
        """Be row *at* of *columns*."""
        self.columns = columns
        self.at = at

    def __getitem__(self, name: str) -> Any:
        return self.columns[name][self.at]

    def __iter__(self) -> Iterator[str]:
        return iter(self.columns)

    def __len__(self) -> int:
        return len(self.columns)


@define
class TableRow:
    """One row on its way into a table."""

    table: str
    """Name of the table."""
    values: Row
    """Column to value; a column that is left out is empty."""
    time_in_key: bool = False
    """The row's key was derived from its event time, so equal keys have equal times.

    Lets an append table look for an earlier copy in the batch's own time range only.
    """
