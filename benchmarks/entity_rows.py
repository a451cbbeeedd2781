"""Rows for the seven entity tables, and tables that hold many of them already."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pyarrow as pa
from deltalake import DeltaTable, Schema, write_deltalake

from claimx_pipeline.claimx.tables import ENTITY_TABLES
from claimx_pipeline.delta.location import TableLocation
from claimx_pipeline.delta.maintenance import Maintenance
from claimx_pipeline.delta.schemas import configuration
from claimx_pipeline.delta.spec import Column, TableSpec, bucket_of

START = datetime(2026, 8, 22, 10, tzinfo=UTC)
SPECS: tuple[TableSpec, ...] = tuple(ENTITY_TABLES.values())


def values(spec: TableSpec, numbers: Sequence[int], turn: int = 0) -> dict[str, list[Any]]:
    """Return rows *numbers* by column; a later *turn* changes one column and the answer's time."""
    changing = next(name for name in map(_plain_text(spec), spec.columns) if name)
    made = {column.name: _column(spec, column, numbers) for column in spec.columns}
    made[changing] = [f"turn {turn}"] * len(numbers)
    made[spec.answer_time or ""] = [START + timedelta(minutes=turn)] * len(numbers)
    return {column.name: made[column.name] for column in spec.columns}


def rows(spec: TableSpec, numbers: Sequence[int], turn: int = 0) -> list[dict[str, Any]]:
    """Return the same as rows."""
    found = values(spec, numbers, turn)
    return [dict(zip(found, row, strict=True)) for row in zip(*found.values(), strict=True)]


def source(spec: TableSpec, numbers: Sequence[int], turn: int = 0) -> pa.Table:
    """Return the same as it lies in the table, with the writer's own columns."""
    found = values(spec, numbers, turn)
    found["_row_hash"] = [f"{number:032x}{turn}" for number in numbers]
    if spec.bucket_column:
        found["_bucket"] = [bucket_of(value) for value in found[spec.bucket_column]]
    return pa.table(found, schema=spec.schema())


def make_table(folder: Path, spec: TableSpec, count: int) -> DeltaTable:
    """Return a new table of *count* rows, as the product lays it out."""
    table = DeltaTable.create(
        str(folder / spec.name),
        schema=Schema.from_arrow(spec.schema()),
        partition_by=list(spec.partitions()) or None,
        configuration=configuration(spec),
    )
    for start in range(0, count, 100_000):
        numbers = range(start, min(count, start + 100_000))
        write_deltalake(table, source(spec, numbers), mode="append")
    Maintenance(TableLocation(spec.name, str(folder / spec.name)), spec=spec).compact()
    return DeltaTable(str(folder / spec.name))


def in_one_bucket(count: int) -> list[int]:
    """Return *count* numbers whose rows lie in one bucket."""
    found = (number for number in range(10**6) if bucket_of(_project(number)) == 3)  # noqa: PLR2004
    return [next(found) for _ in range(count)]


def _project(number: int) -> str:
    return str(700_000 + number)


def _plain_text(spec: TableSpec) -> Callable[[Column], str]:
    apart = {*spec.identity(), *spec.event_columns, *spec.event_columns.values(), "event_id"}
    return lambda column: (
        column.name if pa.types.is_string(column.type) and column.name not in apart else ""
    )


def _column(spec: TableSpec, column: Column, numbers: Sequence[int]) -> list[Any]:
    if column.name == spec.bucket_column:
        return [_project(number) for number in numbers]
    if pa.types.is_string(column.type):
        return [f"{column.name} {number}" for number in numbers]
    if pa.types.is_integer(column.type):
        return list(numbers)
    fixed: Any = 1.5
    if pa.types.is_boolean(column.type):
        fixed = True
    elif pa.types.is_timestamp(column.type):
        fixed = START
    elif pa.types.is_date(column.type):
        fixed = START.date()
    return [fixed] * len(numbers)
