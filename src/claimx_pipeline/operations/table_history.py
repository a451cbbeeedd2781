"""The newest versions of a table, as its log has them."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Any

from attrs import frozen

from claimx_pipeline.clock import published_at

if TYPE_CHECKING:
    from claimx_pipeline.pipeline import Pipeline

_WRITTEN = ("num_added_rows", "num_target_rows_inserted", "numOutputRows")
_DELETED = ("num_deleted_rows", "num_target_rows_deleted", "numDeletedRows")
"""What writers call the numbers of rows, in the metrics of a commit."""


@frozen(kw_only=True)
class TableVersion:
    """One commit of a table."""

    version: int
    """Its number."""
    committed: datetime | None
    """When it was committed; None if its writer did not say."""
    operation: str
    """What was done: ``WRITE``, ``MERGE``, ``OPTIMIZE``, ``RESTORE`` and so on."""
    rows_written: int | None
    """Rows that it wrote; None if its writer did not count them."""
    rows_deleted: int | None
    """Rows that it deleted; None if its writer did not count them."""


async def table_versions(pipeline: Pipeline, name: str, *, limit: int = 20) -> list[TableVersion]:
    """Return the newest versions of a table that its log still has, the newest first.

    Args:
        pipeline: The pipeline.
        name: The table.
        limit: How many at most.

    Raises:
        TableError: It is not declared, does not exist, or cannot be opened.
    """
    store = pipeline.table_store
    store.spec(name)
    entries = await asyncio.to_thread(lambda: store.open(name).history(limit))
    return [_version(entry) for entry in entries]


def _version(entry: Mapping[str, Any]) -> TableVersion:
    metrics = entry.get("operationMetrics") or {}
    return TableVersion(
        version=int(entry["version"]),
        committed=published_at(int(entry.get("timestamp", -1))),
        operation=str(entry.get("operation", "")),
        rows_written=_first(metrics, _WRITTEN),
        rows_deleted=_first(metrics, _DELETED),
    )


def _first(metrics: Mapping[str, Any], names: tuple[str, ...]) -> int | None:
    found = next((metrics[name] for name in names if metrics.get(name) is not None), None)
    return None if found is None else int(found)
