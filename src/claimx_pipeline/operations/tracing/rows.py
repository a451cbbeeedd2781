"""Finds the rows of the tables that name something, and the versions that have them."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from claimx_pipeline.clock import published_at
from claimx_pipeline.delta.querying.query import run_query
from claimx_pipeline.delta.spec import STRING, TableSpec
from claimx_pipeline.errors import TableError, UsageError
from claimx_pipeline.operations.tracing.views import Station

if TYPE_CHECKING:
    from claimx_pipeline.delta.store import TableStore
    from claimx_pipeline.pipeline import Pipeline

MOST = 50
"""Rows of one table that are shown."""
COMMITS = 200
"""Commits that are looked at for the version of a row."""
_MADE = ("created_at", "enriched_at", "last_enriched_at", "updated_at", "ingested_at")
"""Columns that tell when a row was made, the best first."""


def rows_of(
    pipeline: Pipeline, names: Collection[str], keys: Collection[str]
) -> tuple[list[Station], list[str]]:
    """Return the rows that name one of *names*, and what could not be looked at. Blocks.

    Args:
        pipeline: The pipeline.
        names: Ids of events, files, tasks or whatever.
        keys: Keys of the events, if they are known: a table that is partitioned by them is
            read in these partitions alone.
    """
    store = pipeline.table_store
    by_key = {domain.key_name for domain in pipeline.domains.values()}
    found: list[Station] = []
    notes: list[str] = []
    for name, spec in sorted(store.specs.items()):
        try:
            if store.exists(name):
                known = keys if spec.bucket_column in by_key else ()
                found += _of_table(store, spec, names, known)
        except (TableError, UsageError) as error:
            notes.append(f"table {name} was not looked at: {error}")
    return found, notes


def _of_table(
    store: TableStore, spec: TableSpec, names: Collection[str], keys: Collection[str]
) -> list[Station]:
    columns = [column.name for column in spec.columns if _names_something(column.name)]
    texts = {column.name for column in spec.columns if column.type == STRING}
    if not columns:
        return []
    ids = sorted(names)
    conditions = [part for each in columns if (part := _among(each, ids, text=each in texts))]
    if not conditions:
        return []
    bound = ""
    if keys and spec.bucket_column:
        buckets = ", ".join(str(each) for each in sorted({spec.bucket_of(key) for key in keys}))
        bound = f"_bucket IN ({buckets}) AND "
    made = next((each for each in _MADE if any(each == c.name for c in spec.columns)), None)
    wanted = list(dict.fromkeys([*spec.key, *columns, *([made] if made else []), *_outcome(spec)]))
    sql = (
        f"SELECT {', '.join(wanted)} FROM {spec.name} "  # noqa: S608 - names that tables declare
        f"WHERE {bound}({' OR '.join(conditions)}) LIMIT {MOST}"
    )
    rows = run_query(store, sql).to_pylist()
    commits = _commits(store, spec.name) if rows else []
    return [_station(spec, row, made, commits) for row in rows]


def _names_something(column: str) -> bool:
    return column.endswith("_id") and not column.startswith("_")


def _among(column: str, ids: Sequence[str], *, text: bool) -> str:
    """Return the condition that a column has one of *ids*; empty if it can have none."""
    if text:
        quoted = ", ".join("'" + each.replace("'", "''") + "'" for each in ids)
        return f"{column} IN ({quoted})"
    numbers = [each for each in ids if each.isascii() and each.isdigit() and len(each) < 19]  # noqa: PLR2004 - digits of 64 bits
    return f"{column} IN ({', '.join(numbers)})" if numbers else ""


def _outcome(spec: TableSpec) -> list[str]:
    known = {column.name for column in spec.columns}
    return [each for each in ("event_type", "outcome", "reason", "status") if each in known]


def _commits(store: TableStore, name: str) -> list[tuple[datetime, int]]:
    """Return time and version of the last commits, the oldest first."""
    history = store.open(name).history(COMMITS)
    found = [(published_at(int(each["timestamp"])), each["version"]) for each in history]
    return sorted((at, version) for at, version in found if at is not None)


def _station(
    spec: TableSpec,
    row: dict[str, Any],
    made: str | None,
    commits: Sequence[tuple[datetime, int]],
) -> Station:
    at = row.get(made) if made else None
    at = at.replace(tzinfo=at.tzinfo or UTC) if isinstance(at, datetime) else None
    version = next((version for when, version in commits if at and when >= at), None)
    whole = len(commits) < COMMITS or (at is not None and bool(commits) and commits[0][0] < at)
    where = spec.name if version is None or not whole else f"{spec.name}@{version}"
    key = ", ".join(f"{name}={row[name]}" for name in spec.key)
    said = [str(row[each]) for each in _outcome(spec) if row.get(each)]
    return Station(
        kind="row",
        at=at,
        where=where,
        about=" ".join([key, *(f"[{each}]" for each in said)]),
        event_id=str(row.get("event_id") or ""),
        facts={name: value for name, value in row.items() if not isinstance(value, datetime)},
    )
