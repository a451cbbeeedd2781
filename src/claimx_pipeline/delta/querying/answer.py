"""An answer of the engine as rows of Python, whatever it holds."""

from __future__ import annotations

from typing import Any

import pyarrow as pa

from claimx_pipeline.errors import UsageError

_UNSHOWABLE = (pa.ArrowException, ValueError, OverflowError, TypeError)
"""What Arrow raises for a value that Python has no type for: nanoseconds, the year 20000."""


def shown_rows(answer: pa.Table) -> list[dict[str, Any]]:
    """Return the rows of *answer*; a column that Python cannot hold is given as text.

    Raises:
        UsageError: A column can be shown neither as it is nor as text.
    """
    try:
        rows: list[dict[str, Any]] = answer.to_pylist()
    except _UNSHOWABLE:
        columns = [_values(column, answer.column(column.name)) for column in answer.schema]
        names = answer.column_names
        return [dict(zip(names, values, strict=True)) for values in zip(*columns, strict=True)]
    return rows


def _values(column: pa.Field, values: pa.ChunkedArray) -> list[Any]:
    try:
        return list(values.to_pylist())
    except _UNSHOWABLE:
        pass
    try:
        return list(values.cast(pa.string()).to_pylist())
    except _UNSHOWABLE as error:
        raise UsageError(
            f"column {column.name!r} ({column.type}) holds values that cannot be shown; cast it "
            "in the query to a type that can"
        ) from error
