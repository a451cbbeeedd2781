"""What a kind of entity is: a name, a table, and columns that say where their values come from."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from attrs import field, frozen

from claimx_pipeline.delta.spec import TableSpec
from claimx_pipeline.domain.answer_columns import (
    APART,
    AnsweredColumn,
    Field,
    Part,
    Unreadable,
    read_field,
    read_row,
)
from claimx_pipeline.domain.entities import EntityRow


@frozen
class EntityKind:
    """One kind of entity. A domain has one list of them, parents before children."""

    name: str
    """Its attribute of the domain's rows and its name in messages, for example ``tasks``."""
    table: TableSpec
    """Where its rows are kept."""
    survives_filter: bool = field(default=False, kw_only=True)
    """Its rows are stored even if a plugin filters the event that brought them."""
    singular: str = field(default="", kw_only=True)
    """What plugins call the first of an event's rows, for example ``project``; empty for none."""
    plugin: str = field(default="", kw_only=True)
    """The plugin that added it to the domain; empty for one of the domain's own."""
    _fields: Mapping[str, tuple[Field, ...]] = field(init=False, eq=False, repr=False)

    @_fields.default
    def _fields_of_columns(self) -> Mapping[str, tuple[Field, ...]]:
        found: dict[str, tuple[Field, ...]] = {}
        for column in self.table.columns:
            if isinstance(column, AnsweredColumn):
                for part, each in column.fields.items():
                    found[part] = (*found.get(part, ()), each)
        return found

    @property
    def parts(self) -> tuple[str, ...]:
        """Return the names of the parts of answers that it is read from; "" is the answer."""
        return tuple(self._fields)

    @property
    def added(self) -> Mapping[str, str]:
        """Return the columns that plugins added to its table, each with its plugin."""
        return {column.name: column.plugin for column in self.table.columns if column.plugin}

    def added_fields(self) -> Mapping[tuple[str, str], tuple[Field, ...]]:
        """Return what ``Unreadable.added`` holds of this kind."""
        added = self.added
        found = {
            (self.name, part): tuple(each for each in fields if each.column in added)
            for part, fields in self._fields.items()
        }
        return {where: fields for where, fields in found.items() if fields}

    @property
    def count_column(self) -> str:
        """The event log's column with how many rows of this kind an event brought."""
        return f"{self.name}_rows"

    def read(
        self, answer: Mapping[str, Any], unreadable: Unreadable, part: Part | None = None
    ) -> EntityRow:
        """Return the columns that are read from an answer, None for what it does not say.

        Args:
            answer: The answer, or the part of it.
            unreadable: Counts what cannot be read.
            part: Which part it is; None for the answer itself.
        """
        name = part.name if part else ""
        fields = self._fields[name]
        if added := unreadable.added.get((self.name, name)):
            # This kind may be as the domain declares it, without what plugins add.
            known = {each.column for each in fields}
            fields = (*fields, *(each for each in added if each.column not in known))
        return read_row(self.name, fields, answer, unreadable)

    def value(
        self, column: str, answer: Mapping[str, Any], unreadable: Unreadable, part: Part = APART
    ) -> Any:
        """Return one column that is read from a part of an answer, None if it is not there."""
        each = next(each for each in self._fields[part.name] if each.column == column)
        return read_field(self.name, each, answer, unreadable)
