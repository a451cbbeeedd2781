"""Whether two tables say the same about the claims, whenever and however it was written."""

from __future__ import annotations

from collections import Counter
from typing import Any

from deltalake import DeltaTable

from claimx_pipeline.delta.querying.reading import batches, names
from claimx_pipeline.delta.spec import TableSpec

Contents = Counter[tuple[Any, ...]]
"""How often each row occurs, bookkeeping columns left out."""


def content_columns(spec: TableSpec) -> tuple[str, ...]:
    """Return the columns that tell about the claim and not about the processing."""
    return tuple(column.name for column in spec.columns if not column.bookkeeping)


def contents(table: DeltaTable, spec: TableSpec) -> Contents:
    """Return the rows of *table* as a multiset of their content columns.

    Two tables have the same contents if these are equal. Reads the whole table.
    """
    columns = content_columns(spec)
    found: Contents = Counter()
    for batch in batches(table, f"SELECT {names(columns)} FROM t"):  # noqa: S608 - own names
        found.update(zip(*(column.to_pylist() for column in batch.columns), strict=True))
    return found


def same_contents(one: DeltaTable, other: DeltaTable, spec: TableSpec) -> bool:
    """Return whether two tables declared by *spec* have the same contents."""
    return contents(one, spec) == contents(other, spec)
