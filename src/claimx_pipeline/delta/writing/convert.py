"""Rows to Arrow: typed by the declaration, never by what the rows happen to hold.

Columns are built whole; only where that fails are rows looked at one by one, and a
row that does not fit is refused alone.
"""

from __future__ import annotations

import logging
from collections import Counter
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from attrs import define, field, frozen

from claimx_pipeline.delta.rows import ColumnRow, Row
from claimx_pipeline.delta.spec import Column, TableSpec
from claimx_pipeline.delta.writing.values import UnfitError, kind_of

log = logging.getLogger(__name__)

Refused = list[tuple[int, str]]
"""Position of a row in its batch and why it was refused."""

NULL = type(None)
_SHOWN = 60
"""Characters of a wrong value that a reason quotes."""
_REMEMBERED = 200
"""Unknown keys counted per table; rows come from outside and may make up any number."""


@frozen
class Converted:
    """Rows, typed."""

    table: pa.Table
    """The declared columns in declared order."""
    values: dict[str, list[Any]]
    """The same by column, as Python has them: times are aware and in UTC."""
    positions: list[int]
    """For each row where it stood among those given."""
    refused: Refused

    def without(self, more: Mapping[int, str]) -> Converted:
        """Return this with some rows refused as well, named by their index among the others."""
        if not more:
            return self
        kept = [at for at in range(len(self.positions)) if at not in more]
        refused = [*self.refused, *((self.positions[at], why) for at, why in more.items())]
        return Converted(
            self.table.take(pa.array(kept, pa.int64())),
            {name: [values[at] for at in kept] for name, values in self.values.items()},
            [self.positions[at] for at in kept],
            sorted(refused),
        )


@define
class Converter:
    """Turns rows of one table into Arrow, and remembers what it had to leave out."""

    spec: TableSpec
    required: Collection[str] | None = None
    """Columns that must not be null; None means all that are declared so."""
    dropped: Counter[str] = field(factory=Counter, init=False)
    """Row keys that are no column: how many values were left out."""
    _known: frozenset[str] = field(init=False)
    _required: frozenset[str] = field(init=False)

    def __attrs_post_init__(self) -> None:
        columns = self.spec.columns
        self._known = frozenset(column.name for column in columns)
        declared = (column.name for column in columns if not column.nullable)
        self._required = frozenset(declared if self.required is None else self.required)

    def convert(self, rows: Sequence[Row]) -> Converted:
        """Return *rows* typed as declared, the refused set apart.

        Text, int, bool and time values keep their meaning or the row is refused.
        """
        columns = self._values(rows)
        positions = list(range(len(rows)))
        reasons: dict[int, str] = {}
        built = [
            self._column(column, columns[column.name], reasons) for column in self.spec.columns
        ]
        if reasons:
            positions = [position for position in positions if position not in reasons]
            good = {name: [values[at] for at in positions] for name, values in columns.items()}
            built = [self._column(column, good[column.name], {}) for column in self.spec.columns]
        schema = pa.schema([pa.field(column.name, column.type) for column in self.spec.columns])
        table = pa.Table.from_arrays([array for array, _ in built], schema=schema)
        values = {
            column.name: values
            for column, (_, values) in zip(self.spec.columns, built, strict=True)
        }
        return Converted(table, values, positions, sorted(reasons.items()))

    def _values(self, rows: Sequence[Row]) -> dict[str, list[Any]]:
        """Return what *rows* have in each declared column."""
        names = [column.name for column in self.spec.columns]
        first = rows[0] if rows else {}
        if isinstance(first, ColumnRow) and all(
            type(row) is ColumnRow and row.columns is first.columns for row in rows
        ):
            self._note_unknown(first, len(rows))
            at = [row.at for row in rows if isinstance(row, ColumnRow)]
            whole = at == list(range(len(next(iter(first.columns.values())))))
            missing = [None] * len(rows)
            found = {name: first.columns.get(name) for name in names}
            return {
                name: missing if values is None else values if whole else [values[i] for i in at]
                for name, values in found.items()
            }
        for row in rows:
            if not row.keys() <= self._known:
                self._note_unknown(row, 1)
        return {name: [row.get(name) for row in rows] for name in names}

    def _column(
        self, column: Column, values: list[Any], reasons: dict[int, str]
    ) -> tuple[pa.Array, list[Any]]:
        """Return the column, and its values as Python has them."""
        kinds = set(map(type, values))
        missing = NULL in kinds and column.name in self._required
        kind = kind_of(column.type)
        if not missing and kinds - {NULL} <= kind.plain and kind.all_fit(values):
            array = _built(values, column.type)
            if array is not None:
                return array, values
        # Each value is converted; only if the column then does not fit as a whole is
        # every value tried alone, which is slow.
        typed = self._one_by_one(column, values, reasons, alone=False)
        array = _built(typed, column.type)
        if array is None:
            typed = self._one_by_one(column, values, reasons, alone=True)
            array = pa.array(typed, column.type)
        return array, typed

    def _one_by_one(
        self, column: Column, values: list[Any], reasons: dict[int, str], *, alone: bool
    ) -> list[Any]:
        convert = kind_of(column.type).convert
        out: list[Any] = [None] * len(values)
        for position, value in enumerate(values):
            if value is None:
                if column.name in self._required:
                    reasons.setdefault(position, self._reason(column, "is missing"))
                continue
            try:
                found = convert(value)
                if alone:
                    pa.scalar(found, column.type)
            except Exception as error:  # noqa: BLE001 - a row's value may be anything; its row is refused alone
                what = f"is {_quoted(value)}, which {_why(error, column)}"
                reasons.setdefault(position, self._reason(column, what))
            else:
                out[position] = found
        return out

    def _reason(self, column: Column, what: str) -> str:
        return f"table {self.spec.name!r}: column {column.name!r} ({column.type}) {what}"

    def _note_unknown(self, row: Row, count: int) -> None:
        """Count what *count* rows like *row* have and the table has not; warn of it once."""
        for key in row.keys() - self._known:
            if key not in self.dropped:
                if len(self.dropped) >= _REMEMBERED:
                    continue
                log.warning(
                    "table %r has no column %r; its values are left out", self.spec.name, key
                )
            self.dropped[key] += count


def to_arrow(spec: TableSpec, rows: Sequence[Row]) -> tuple[pa.Table, Refused]:
    """Return *rows* as an Arrow table of *spec*'s columns, and the rows refused."""
    found = Converter(spec).convert(rows)
    return found.table, found.refused


def _built(values: list[Any], kind: pa.DataType) -> pa.Array | None:
    """Return the column, or None if some value does not fit."""
    try:
        array = pa.array(values, kind)
    except Exception:  # noqa: BLE001 - whatever a value in it raises; each is then tried alone
        return None
    if pa.types.is_floating(kind) and not pc.all(pc.is_finite(array), min_count=0).as_py():
        return None
    return array


def _why(error: Exception, column: Column) -> str:
    if isinstance(error, UnicodeError):
        return "cannot be stored as UTF-8"
    if isinstance(error, (pa.ArrowException, OverflowError, TypeError)):
        return f"does not fit {column.type}"
    return str(error) if isinstance(error, UnfitError) else "cannot be read"


def _quoted(value: Any) -> str:
    try:
        shown = repr(value)
    except Exception:  # noqa: BLE001 - an int of thousands of digits, or a stranger's __repr__
        return f"a huge {type(value).__name__}"
    return shown if len(shown) <= _SHOWN else f"{shown[:_SHOWN]}… ({type(value).__name__})"
