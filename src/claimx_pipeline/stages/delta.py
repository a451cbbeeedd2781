"""Stage ``delta``: the chain's rows for a table; the runtime writes them before the commit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar, Literal

from attrs import evolve, field, frozen

from claimx_pipeline.delta.rows import TableRow
from claimx_pipeline.delta.spec import (
    BOOL,
    DATE,
    DOUBLE,
    INT,
    LONG,
    STRING,
    TIMESTAMP,
    Column,
    TableSpec,
)
from claimx_pipeline.errors import Problem, SettingsError
from claimx_pipeline.runtime.resources import Resources
from claimx_pipeline.stages.fields import read_field
from claimx_pipeline.stages.protocol import Item, RecordStage

ColumnType = Literal["string", "int", "long", "double", "boolean", "timestamp", "date"]

TYPES: Mapping[str, Any] = {
    "string": STRING,
    "int": INT,
    "long": LONG,
    "double": DOUBLE,
    "boolean": BOOL,
    "timestamp": TIMESTAMP,
    "date": DATE,
}
"""Types of ``extra_columns`` by the names that settings know."""


@frozen(kw_only=True)
class DeltaConfig:
    """Options of ``delta``."""

    RETIRED: ClassVar[Mapping[str, str]] = {
        "batch_size": "set the worker's batch_size",
        "batch_timeout_seconds": "set the worker's linger_seconds",
        "table_location": "set tables.paths.<table>",
    }

    table_name: str
    """A registered table."""

    column_mapping: Mapping[str, str] = field(factory=dict)
    """Column to the dotted path of its field; without, fields called like columns are taken."""

    extra_columns: Mapping[str, ColumnType] = field(factory=dict)
    """Columns that the table gets besides its own, each with its type; nullable."""

    mode: Literal["append", "merge"] | None = None
    """How rows get into the table, to be sure; the table itself declares it."""

    partition_by: tuple[str, ...] | None = None
    """The table's partition columns, to be sure; the table itself declares them."""

    schema_evolution: bool = True
    """False refuses ``extra_columns``."""


class DeltaStage(RecordStage):
    """Makes one row of each record."""

    config_class: ClassVar[type[Any]] = DeltaConfig

    def __init__(self, config: DeltaConfig) -> None:
        self.config = config
        self._columns: tuple[tuple[str, str], ...] = ()

    async def open(self, resources: Resources) -> None:
        """Find the table.

        Raises:
            SettingsError: There is no such table, or the options do not fit it.
        """
        problems = delta_problems(self.config, resources.tables, "stage delta")
        if problems:
            raise SettingsError(problems)
        spec = resources.tables[self.config.table_name]
        own = {column.name: column.name for column in spec.columns}
        extra = {name: name for name in self.config.extra_columns}
        self._columns = tuple({**extra, **(self.config.column_mapping or own)}.items())

    async def process_one(self, item: Item) -> None:
        """Add the record's row."""
        values = {column: read_field(item.data, path) for column, path in self._columns}
        item.rows.append(TableRow(self.config.table_name, values))


def delta_problems(
    config: DeltaConfig, tables: Mapping[str, TableSpec], where: str
) -> list[Problem]:
    """Return what is wrong with *config*, given the declared *tables*."""
    spec = tables.get(config.table_name)
    if spec is None:
        known = ", ".join(sorted(tables))
        what = f"unknown table {config.table_name!r}; known tables are {known}"
        return [Problem(f"{where}, table_name", what)]
    problems = []
    names = {column.name for column in spec.columns} | set(config.extra_columns)
    if unknown := sorted(set(config.column_mapping) - names):
        what = f"table {spec.name!r} has no column {', '.join(unknown)}"
        problems.append(Problem(f"{where}, column_mapping", what))
    if config.mode not in (None, spec.mode):
        what = f"table {spec.name!r} is a table of mode {spec.mode!r}; write that or nothing"
        problems.append(Problem(f"{where}, mode", what))
    if config.partition_by is not None and config.partition_by != spec.partitions():
        parts = ", ".join(spec.partitions()) or "nothing"
        what = f"table {spec.name!r} is partitioned by {parts}; write that or leave it out"
        problems.append(Problem(f"{where}, partition_by", what))
    if config.extra_columns and not config.schema_evolution:
        what = "cannot be added, as schema_evolution is false; remove one of the two"
        problems.append(Problem(f"{where}, extra_columns", what))
    return problems


def widened(spec: TableSpec, config: DeltaConfig, where: str = "stage delta") -> TableSpec:
    """Return *spec* with the extra columns of *config*.

    Raises:
        SettingsError: A column is there already, with another type.
    """
    own = {column.name: column.declared for column in spec.columns}
    added = []
    for name, kind in config.extra_columns.items():
        if name not in own:
            added.append(Column(name, TYPES[kind]))
        elif own[name] != TYPES[kind]:
            what = f"table {spec.name!r} has a column {name!r} of type {own[name]}"
            raise SettingsError([Problem(f"{where}, extra_columns", what)])
    return evolve(spec, columns=(*spec.columns, *added))
