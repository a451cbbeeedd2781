"""Questions to the tables in SQL."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from claimx_pipeline.delta.querying.hiding import Hidden
from claimx_pipeline.delta.querying.query import Limits, run_query
from claimx_pipeline.errors import UsageError
from claimx_pipeline.settings.nearest import meant

if TYPE_CHECKING:
    import pyarrow as pa

    from claimx_pipeline.pipeline import Pipeline


def query(
    pipeline: Pipeline, sql: str, *, limits: Limits = None, hidden: Hidden = None
) -> pa.Table:
    """Return the answer to *sql*, one statement that reads tables. Blocks.

    Args:
        pipeline: The pipeline.
        sql: One statement.
        limits: How much the answer may be.
        hidden: Gets a table's columns, returns those read as dots.

    Raises:
        UsageError: The statement does more than read tables, cannot be run, or answers more than
            *limits* allow.
        TableError: A table it names has not been created.
    """
    return run_query(pipeline.table_store, sql, limits, hidden)


def named_query(
    pipeline: Pipeline, name: str, parameters: Mapping[str, str | int | float] | None = None
) -> pa.Table:
    """Return the answer to a query that the pipeline or a plugin offers by name. Blocks.

    Raises:
        UsageError: There is no such query, or a parameter is missing or not declared.
        TableError: A table it names has not been created.
    """
    found = pipeline.queries.get(name)
    if found is None:
        known = ", ".join(sorted(pipeline.queries)) or "none"
        hint = meant(name, pipeline.queries)
        raise UsageError(f"there is no query {name!r}; {hint}there are {known}")
    return run_query(pipeline.table_store, found.render(parameters))
