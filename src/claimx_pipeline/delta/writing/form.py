"""What a stored table has beside its declaration: columns and rules that others have added.

Rows are judged by a table's rules before they are written, by the same engine that would
refuse the whole batch, so that one row's violation is that row's outcome.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pyarrow as pa
from attrs import field, frozen
from deltalake import DeltaTable

from claimx_pipeline.delta.querying.reading import names
from claimx_pipeline.delta.spec import TableSpec
from claimx_pipeline.delta.writing.scratch import Scratch, scratch

_CONSTRAINT = "delta.constraints."
_INVARIANT = "delta.invariants"
_GENERATED = "delta.generationExpression"


@frozen
class Rule:
    """What must be true of every row of a table."""

    title: str
    """For messages: what it is, and its name."""
    sql: str


@frozen
class StoredForm:
    """What a table has that was not declared."""

    table: str
    extra: tuple[pa.Field, ...] = ()
    """Columns; null in the rows that are written here, unless generated."""
    generated: Mapping[str, str] = field(factory=dict)
    """Those of them that are made from others, each with its expression."""
    rules: tuple[Rule, ...] = ()

    @classmethod
    def of(cls, spec: TableSpec, table: DeltaTable) -> StoredForm:
        """Return the form of *table*, declared by *spec*."""
        declared = {column.name for column in spec.stored_columns()}
        stored = pa.schema(table.schema().to_arrow())
        generated = generated_columns(table)
        extra = tuple(column.remove_metadata() for column in stored if column.name not in declared)
        rules = [*_constraints(table), *_invariants(table)]
        rules += [
            Rule(f"generated column {name!r}", f"{names([name])} IS NOT DISTINCT FROM ({sql})")
            for name, sql in generated.items()
            if name in declared
        ]
        undeclared = {name: sql for name, sql in generated.items() if name not in declared}
        return cls(spec.name, extra, undeclared, tuple(rules))

    @property
    def is_as_declared(self) -> bool:
        """Whether there is nothing that was not declared."""
        return not (self.extra or self.rules)

    def fitted(self, rows: pa.Table) -> tuple[pa.Table, dict[int, str]]:
        """Return the *rows* that the table takes, all its columns filled, and the others.

        Args:
            rows: Declared columns, and any of the extra ones.

        Returns:
            The rows taken, in their order, and the index and reason of each that is not.

        Raises:
            TableUnusableError: A rule cannot be evaluated at all.
        """
        rows = rows.drop_columns([name for name in self.generated if name in rows.column_names])
        for column in self.extra:
            if column.name not in {*rows.column_names, *self.generated}:
                rows = rows.append_column(column, pa.nulls(rows.num_rows, column.type))
        kept = list(range(rows.num_rows))
        refused: dict[int, str] = {}
        for rules, made in ((self._making(), self._made), (self.rules, None)):
            if not rules or not rows.num_rows:
                continue
            with scratch(self.table, rows) as at:
                broken: dict[int, str] = {}
                for rule in rules:
                    broken = _broken(at, rule) | broken
            refused |= {kept[row]: why for row, why in broken.items()}
            left = [row for row in range(rows.num_rows) if row not in broken]
            rows, kept = rows.take(pa.array(left, pa.int64())), [kept[row] for row in left]
            if made is not None:
                rows = made(rows)
        return rows, refused

    def _making(self) -> Sequence[Rule]:
        """Return rules that are true unless a generated value cannot be made of a row."""
        return [
            Rule(f"generated column {name!r} ({sql})", f"({sql}) IS NULL OR true")
            for name, sql in self.generated.items()
        ]

    def _made(self, rows: pa.Table) -> pa.Table:
        with scratch(self.table, rows) as at:
            for column in self.extra:
                if sql := self.generated.get(column.name):
                    rows = rows.append_column(column, at.values(sql, column.type))
        return rows


def generated_columns(table: DeltaTable) -> dict[str, str]:
    """Return the columns of *table* that are made from others, each with its expression."""
    found = ((column.name, column.metadata.get(_GENERATED)) for column in table.schema().fields)
    return {name: str(sql) for name, sql in found if sql}


def _constraints(table: DeltaTable) -> Iterator[Rule]:
    for key, sql in sorted(table.metadata().configuration.items()):
        if key.startswith(_CONSTRAINT) and sql:
            yield Rule(f"constraint {key.removeprefix(_CONSTRAINT)!r} ({sql})", sql)


def _invariants(table: DeltaTable) -> Iterator[Rule]:
    for column in _with_nested(json.loads(table.schema().to_json())["fields"]):
        text = column.get("metadata", {}).get(_INVARIANT)
        if text:
            sql = str(json.loads(text)["expression"]["expression"])
            yield Rule(f"invariant of column {column['name']!r} ({sql})", sql)


def _with_nested(fields: Sequence[Mapping[str, Any]]) -> Iterator[Mapping[str, Any]]:
    for column in fields:
        yield column
        kind = column["type"]
        if isinstance(kind, dict) and kind.get("type") == "struct":
            yield from _with_nested(kind["fields"])


def _broken(at: Scratch, rule: Rule) -> dict[int, str]:
    """Return the rows that break *rule*, each with the reason."""
    broken, failed = at.untrue(rule.title, rule.sql)
    found = dict.fromkeys(broken, f"it breaks {rule.title}")
    return found | {row: f"{rule.title} cannot be evaluated for it: {why}" for row, why in failed}
