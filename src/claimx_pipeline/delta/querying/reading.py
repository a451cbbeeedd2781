"""Reading a table through deltalake's own query engine.

Never ``to_pyarrow_table``: on partitioned tables it aborted the process at exit in
most runs, and it returns nulls for column-mapped tables of other writers.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, TypeVar

import pyarrow as pa
from deltalake import DeltaTable, QueryBuilder

from claimx_pipeline.delta.faults import engine_errors

Column = TypeVar("Column", pa.Array, pa.ChunkedArray)

Interval = tuple[int, int | None]
"""First and last instant in microseconds since 1970, both included; None is open at the end."""

_ROUNDING = 1000
"""File statistics hold milliseconds, columns hold microseconds."""


def batches(table: DeltaTable, sql: str) -> Iterator[pa.RecordBatch]:
    """Yield the answer to *sql*, in which *table* is called ``t``; text as plain strings.

    Raises:
        DeltaError: The table cannot be read.
    """
    with engine_errors():
        for batch in QueryBuilder().register("t", table).execute(sql):
            yield _plain_batch(pa.record_batch(batch))


def read(table: DeltaTable, sql: str) -> list[dict[str, Any]]:
    """Return the rows that *sql* selects from *table*, which it calls ``t``."""
    return [row for batch in batches(table, sql) for row in batch.to_pylist()]


def names(columns: Sequence[str]) -> str:
    """Return a list of column names for SQL."""
    return ", ".join('"' + column.replace('"', '""') + '"' for column in columns)


def literal(value: Any) -> str:
    """Return *value*, text or an integer, as SQL."""
    if isinstance(value, str):
        return "'" + value.replace("'", "''") + "'"
    return str(int(value))


def within(column: str, intervals: Sequence[Interval]) -> str:
    """Return the condition that *column* is in one of *intervals*, a millisecond wider."""
    found = []
    for first, last in intervals:
        condition = f"{names([column])} >= {_instant(first - _ROUNDING)}"
        if last is not None:
            condition += f" AND {names([column])} <= {_instant(last + _ROUNDING)}"
        found.append(f"({condition})")
    return " OR ".join(found)


def micros_in(column: pa.Array | pa.ChunkedArray) -> list[int]:
    """Return the microseconds from 1970 to each of the times in *column*."""
    found: list[int] = column.cast(pa.int64()).to_pylist()
    return found


def _instant(micros: int) -> str:
    # A TIMESTAMP literal is held in nanoseconds and ends in the year 2262.
    return f"arrow_cast({micros}, 'Timestamp(Microsecond, Some(\"UTC\"))')"


def _plain_batch(batch: pa.RecordBatch) -> pa.RecordBatch:
    """Return *batch* with text as plain strings; Arrow can filter no views.

    No other column is touched: Arrow cannot cast all types that the engine knows.
    """
    return pa.RecordBatch.from_arrays(list(map(_plain, batch.columns)), names=batch.schema.names)


def plain_table(answer: pa.Table) -> pa.Table:
    """Return *answer* with text as plain strings."""
    return pa.Table.from_arrays(list(map(_plain, answer.columns)), names=answer.column_names)


def _plain(column: Column) -> Column:
    return column.cast(pa.string()) if pa.types.is_string_view(column.type) else column
