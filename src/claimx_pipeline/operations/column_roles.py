"""What the columns of a table are for."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from claimx_pipeline.delta.store import TableStore

WRITTEN_BY_THE_STORE = frozenset({"_bucket", "_row_hash"})
"""Columns that no worker fills."""


def roles_of(store: TableStore, name: str, column: str) -> list[str]:
    """Return the roles of a column, as ``DescribedColumn`` names them."""
    spec = store.spec(name)
    roles = {
        "key": column in spec.key,
        "partition": column in spec.partitions(),
        "event time": column == spec.event_time or column in spec.event_columns.values(),
        "answer time": column == spec.answer_time,
        "set by events": column in spec.event_columns,
        "bookkeeping": column in WRITTEN_BY_THE_STORE or spec.column(column).bookkeeping,
    }
    return [role for role, has in roles.items() if has]
