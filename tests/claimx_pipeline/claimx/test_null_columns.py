"""Any column of any table may be null in a whole batch, or in most of one."""

import pytest

from claimx_pipeline.delta.spec import (
    BOOL,
    DATE,
    DOUBLE,
    INT,
    LONG,
    STRING,
    TIMESTAMP,
    TableSpec,
)
from claimx_pipeline.pipeline import Pipeline
from tests.rigs.delta_tables import make_store, stored, write, writer_of

ROWS = 201
"""Those who look at the first rows for a type look at 100, or 200."""

SAMPLES = {
    STRING: "x",
    LONG: 7,
    INT: 7,
    DOUBLE: 1.5,
    BOOL: True,
    TIMESTAMP: "2026-01-12T08:00:00Z",
    DATE: "2026-01-12",
}


def tables() -> dict[str, TableSpec]:
    return dict(Pipeline.load(environ={}).tables)


def row(spec: TableSpec, number: int, *, nulls: frozenset[str]) -> dict:
    """Return a row with a key of its own, and None in the columns of *nulls*."""
    values = {
        column.name: None if column.name in nulls else SAMPLES[column.type]
        for column in spec.columns
    }
    keys = {
        column.name: str(number) if column.type == STRING else number
        for column in spec.columns
        if column.name in spec.key and column.type in (STRING, LONG, INT)
    }
    return {**values, **keys}


def optional(spec: TableSpec) -> frozenset[str]:
    needed = {*spec.key, *spec.partition_by, spec.event_time, spec.bucket_column}
    return frozenset(
        column.name for column in spec.columns if column.nullable and column.name not in needed
    )


@pytest.mark.incident("DEL-01")
@pytest.mark.parametrize("name", list(tables()))
def test_null_columns_keep_their_types_in_every_table(tmp_path, name):
    """Each alone, then all together; in all rows, then in all but the last."""
    spec = tables()[name]
    store = make_store(tmp_path, {name: spec})
    before = store.open(name).schema().to_json()
    writer, number = writer_of(store, name), 0
    groups = [*(frozenset({column}) for column in sorted(optional(spec))), optional(spec)]
    for nulls in groups:
        number += 1
        assert write(writer, row(spec, number, nulls=nulls)).refused == ()
    mostly = [row(spec, number + 1 + n, nulls=optional(spec)) for n in range(ROWS - 1)]
    last = row(spec, number + ROWS, nulls=frozenset())
    assert write(writer, *mostly, last).refused == ()
    assert len(stored(store, name)) == len(groups) + ROWS
    assert store.open(name).schema().to_json() == before
