"""Stage ``delta``: the chain's rows for a table; the runtime writes them before the commit."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from attrs import field, frozen

from claimx_pipeline.errors import Problem, SettingsError
from claimx_pipeline.runtime.outcome import TableRow
from claimx_pipeline.runtime.resources import Resources
from claimx_pipeline.stages.fields import read_field
from claimx_pipeline.stages.protocol import Item, RecordStage


@frozen(kw_only=True)
class DeltaConfig:
    """Options of ``delta``."""

    table_name: str
    """A registered table."""

    column_mapping: Mapping[str, str] = field(factory=dict)
    """Column to the dotted path of its field; without, fields called like columns are taken."""


class DeltaStage(RecordStage):
    """Makes one row of each record."""

    config_class: ClassVar[type[Any]] = DeltaConfig

    def __init__(self, config: DeltaConfig) -> None:
        self.config = config
        self._columns: tuple[tuple[str, str], ...] = ()

    async def open(self, resources: Resources) -> None:
        """Find the table.

        Raises:
            SettingsError: There is no such table, or it lacks a mapped column.
        """
        spec = resources.tables.get(self.config.table_name)
        if spec is None:
            known = ", ".join(sorted(resources.tables))
            what = f"unknown table {self.config.table_name!r}; known tables are {known}"
            raise SettingsError([Problem("stage delta, table_name", what)])
        names = [column.name for column in spec.columns]
        mapping = self.config.column_mapping or {name: name for name in names}
        unknown = sorted(set(mapping) - set(names))
        if unknown:
            what = f"table {spec.name!r} has no column {', '.join(unknown)}"
            raise SettingsError([Problem("stage delta, column_mapping", what)])
        self._columns = tuple(mapping.items())

    async def process_one(self, item: Item) -> None:
        """Add the record's row."""
        values = {column: read_field(item.data, path) for column, path in self._columns}
        item.rows.append(TableRow(self.config.table_name, values))
