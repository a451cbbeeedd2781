"""Asking the engine about rows that are in no table yet.

The engine reads Delta tables only, so the rows are put into one of their own, in a folder
that is removed afterwards: a few milliseconds, for tables that have rules.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
from attrs import frozen
from deltalake import DeltaTable, write_deltalake

from claimx_pipeline.delta.faults import TableUnusableError, as_table_error, one_line
from claimx_pipeline.delta.querying.reading import batches
from claimx_pipeline.errors import TableError

_ROW = "__claimx_row"

Failed = Sequence[tuple[int, str]]
"""Rows for which an expression has no value, each with the engine's reason."""


@frozen
class Scratch:
    """Rows that the engine can be asked about."""

    table: str
    """Of which table the rows are to become, for messages."""
    count: int
    _rows: DeltaTable

    def untrue(self, title: str, condition: str) -> tuple[list[int], Failed]:
        """Return the rows for which *condition* is not true, and those where it has no value.

        Args:
            title: What the condition is, for messages.
            condition: SQL.

        Raises:
            TableUnusableError: The engine cannot evaluate it for any row, not even for none.
        """
        with as_table_error(self.table, f"{title} cannot be evaluated"):
            self._select(condition, 0, 0)
        failed: list[tuple[int, str]] = []
        return self._search(condition, 0, self.count, failed), failed

    def values(self, expression: str, kind: pa.DataType) -> pa.ChunkedArray:
        """Return the value of *expression* for each row, in their order.

        Raises:
            TableUnusableError: The engine cannot evaluate it.
        """
        sql = f'SELECT ({expression}) AS made FROM t ORDER BY "{_ROW}"'  # noqa: S608 - the table's own
        with as_table_error(self.table, f"{expression} cannot be evaluated"):
            found = [batch.column(0).cast(kind) for batch in batches(self._rows, sql)]
        return pa.chunked_array(found, kind)

    def _search(
        self, condition: str, first: int, end: int, failed: list[tuple[int, str]]
    ) -> list[int]:
        """Return the rows from *first* to before *end* that are not *condition*.

        Where the engine fails, half of the rows are tried at a time until one is left.
        """
        try:
            with as_table_error(self.table, "rows cannot be compared"):
                return self._select(condition, first, end)
        except TableUnusableError as error:
            if end - first <= 1:
                failed.append((first, one_line(error.__cause__ or error)))
                return []
        middle = (first + end) // 2
        found = self._search(condition, first, middle, failed)
        return found + self._search(condition, middle, end, failed)

    def _select(self, condition: str, first: int, end: int) -> list[int]:
        # The condition is kept from being evaluated for other rows.
        sql = (
            f'SELECT "{_ROW}" FROM t WHERE CASE WHEN "{_ROW}" >= {first} AND "{_ROW}" < {end} '  # noqa: S608
            f'THEN ({condition}) IS NOT TRUE ELSE false END ORDER BY "{_ROW}"'
        )
        return [row for batch in batches(self._rows, sql) for row in batch.column(0).to_pylist()]


@contextmanager
def scratch(table: str, rows: pa.Table) -> Iterator[Scratch]:
    """Offer *rows*, which are to go into *table*, to the engine.

    Raises:
        TableUnusableError: There is no room for them on the disk.
        TableError: A column has the name that rows are counted by.
    """
    if _ROW in rows.column_names:
        raise TableError(table, f"a column is called {_ROW!r}, by which rows are counted")
    numbered = pa.table(
        {
            **{name: rows.column(name) for name in rows.column_names},
            _ROW: pa.array(range(rows.num_rows), pa.int64()),
        }
    )
    with tempfile.TemporaryDirectory(prefix="claimx-rules-") as folder:
        where = Path(folder) / "rows"
        with as_table_error(table, f"rows cannot be put into {folder} to compare them"):
            write_deltalake(str(where), numbered)
            stored = DeltaTable(str(where))
        yield Scratch(table, rows.num_rows, stored)
