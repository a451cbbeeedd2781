"""Compares a former table with ours, or any two tables, key by key and in bounded memory."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import pyarrow as pa
from attrs import define, field, frozen
from deltalake import DeltaTable

from claimx_pipeline.delta.faults import as_table_error
from claimx_pipeline.delta.importing.reading import OldReader
from claimx_pipeline.delta.importing.slices import ByKey, Keys, Slices
from claimx_pipeline.delta.querying.reading import batches, names, read
from claimx_pipeline.delta.spec import TableSpec
from claimx_pipeline.delta.writing.fold import Rules, State
from claimx_pipeline.errors import UsageError
from claimx_pipeline.times import in_utc

Key = tuple[Any, ...]


@frozen(kw_only=True)
class Difference:
    """One key that is not the same in both tables."""

    what: str
    """``only in old``, ``only in new`` or ``different``."""
    key: Mapping[str, Any]
    """Key of the row."""
    old: Mapping[str, Any] = field(factory=dict)
    """The columns that differ, as they are in the old table; all of its columns if only there."""
    new: Mapping[str, Any] = field(factory=dict)
    """The same of the new table."""


@define(kw_only=True)
class Comparison:
    """What two tables have in common, and what not."""

    key: Sequence[str]
    """Columns by which rows are compared."""
    columns: Sequence[str]
    """Those compared."""
    old_rows: int = 0
    """Rows of the old table."""
    new_rows: int = 0
    """Rows of the new one."""
    old_doubles: int = 0
    """Rows of the old table whose key it has more than once; they count as one."""
    new_doubles: int = 0
    """Keys that the new one has more than once."""
    old_unreadable: int = 0
    """Values of the old table that our columns cannot hold; they count as missing."""
    equal: int = 0
    """Keys that both have, with equal columns."""
    different: int = 0
    """Keys that both have, with columns that differ."""
    only_old: int = 0
    """Keys that only the old one has."""
    only_new: int = 0
    """Keys that only the new one has."""
    by_column: Counter[str] = field(factory=Counter)
    """How many keys differ in each column."""
    samples: list[Difference] = field(factory=list)
    """Some of the differences."""

    @property
    def same(self) -> bool:
        """Whether no key is in one table only, and none differs."""
        return not (self.different or self.only_old or self.only_new)


@define
class Side:
    """One of the two tables."""

    name: str
    """For messages: how it was named."""
    table: DeltaTable
    reader: OldReader | None = None
    """Reads it, if its columns are not called as ours."""
    unreadable: int = field(default=0, init=False)

    @property
    def stored(self) -> list[str]:
        """Names of its columns as they are stored."""
        return [column.name for column in self.table.schema().fields]

    @property
    def columns(self) -> list[str]:
        """Names of its columns as they are compared."""
        return self.stored if self.reader is None else self.reader.targets

    def count(self) -> int:
        """Return how many rows it has."""
        with as_table_error(self.name, "cannot be read"):
            return int(read(self.table, "SELECT count(*) AS n FROM t")[0]["n"])

    def all(self) -> Iterator[pa.RecordBatch]:
        """Yield its rows."""
        with as_table_error(self.name, "cannot be read"):
            yield from batches(self.table, f"SELECT {names(self.stored)} FROM t")  # noqa: S608 - names of columns

    def keys(self, rows: pa.Table, key: Sequence[str]) -> Keys:
        """Return the key columns of *rows*."""
        if self.reader is None:
            return {name: _plain(rows.column(name)) for name in key}
        return self.reader.keys(rows, key)

    def rows(self, stored: pa.Table | None, wanted: Sequence[str]) -> list[State]:
        """Return rows as they are compared, with the columns *wanted*."""
        if stored is None:
            return []
        if self.reader is None:
            columns = {name: _plain(stored.column(name)) for name in wanted if name in self.stored}
        else:
            found = self.reader.rows(stored)
            self.unreadable += len(found.unfit)
            columns = {name: found.columns[name] for name in wanted if name in found.columns}
        return [dict(zip(columns, row, strict=True)) for row in zip(*columns.values(), strict=True)]


@frozen
class Comparing:
    """A comparison to be made."""

    old: Side
    new: Side
    key: Sequence[str]
    columns: Sequence[str]
    spec: TableSpec | None = None
    """By whose rules several rows of one key are one; without, the last one counts."""
    samples: int = 10
    """Differences of each kind that are shown, and of each column."""

    def __attrs_post_init__(self) -> None:
        for side in (self.old, self.new):
            missing = [name for name in (*self.key, *self.columns) if name not in side.columns]
            if missing:
                raise UsageError(
                    f"{side.name} has no column {missing[0]!r}; it has {', '.join(side.columns)}"
                )

    def run(self, work: Path | None = None) -> Comparison:
        """Compare. Blocks, and writes both tables into a folder meanwhile.

        Args:
            work: Where that folder is made; where the machine has such folders if None.

        Raises:
            TableError: A table cannot be read.
        """
        found = Comparison(key=tuple(self.key), columns=tuple(self.columns))
        with TemporaryDirectory(dir=work) as folder:
            cut = ByKey.of(tuple(self.key), None, max(self.old.count(), self.new.count()))
            slices = []
            for side, name in ((self.old, "old"), (self.new, "new")):
                slices.append(Slices(Path(folder) / name))
                slices[-1].write(side.all(), cut, lambda rows, side=side: side.keys(rows, self.key))  # type: ignore[misc]
            for number in range(cut.slices):
                self._slice(found, *(each.read(number) for each in slices))
        found.old_unreadable = self.old.unreadable
        return found

    def _slice(
        self, found: Comparison, old_rows: pa.Table | None, new_rows: pa.Table | None
    ) -> None:
        wanted = list(dict.fromkeys([*self.key, *self.columns, *self._ruling()]))
        old = self.old.rows(old_rows, wanted)
        new = self.new.rows(new_rows, wanted)
        before, after = self._by_key(old), self._by_key(new)
        found.old_rows, found.new_rows = found.old_rows + len(old), found.new_rows + len(new)
        found.old_doubles += len(old) - len(before)
        found.new_doubles += len(new) - len(after)
        for key, row in before.items():
            other = after.get(key)
            if other is None:
                found.only_old += 1
                self._show(found, "only in old", key, {"old": self._known(row)})
                continue
            unlike = [name for name in self.columns if row.get(name) != other.get(name)]
            if not unlike:
                found.equal += 1
                continue
            found.different += 1
            fresh = any(found.by_column[name] < self.samples for name in unlike)
            found.by_column.update(unlike)
            if fresh:
                sides = {"old": row, "new": other}
                shown = {
                    side: {name: values.get(name) for name in unlike}
                    for side, values in sides.items()
                }
                found.samples.append(Difference(what="different", key=self._named(key), **shown))
        for key in after.keys() - before.keys():
            found.only_new += 1
            self._show(found, "only in new", key, {"new": self._known(after[key])})

    def _show(
        self, found: Comparison, what: str, key: Key, sides: Mapping[str, Mapping[str, Any]]
    ) -> None:
        if sum(each.what == what for each in found.samples) < self.samples:
            found.samples.append(Difference(what=what, key=self._named(key), **sides))

    def _ruling(self) -> list[str]:
        """Return the columns that decide which of several rows of a key counts."""
        if self.spec is None:
            return []
        times = [self.spec.answer_time, *self.spec.event_columns.values(), "created_at"]
        return [name for name in times if name]

    def _by_key(self, rows: Sequence[State]) -> dict[Key, State]:
        """Return one row for each key, as the writer of the table would have it."""
        found: dict[Key, State] = {}
        if self.spec is None or self.spec.mode == "append":
            for row in rows:
                key = tuple(row[name] for name in self.key)
                if self.spec is None or key not in found:
                    found[key] = row
            return found
        rules = Rules(self.spec)
        time = self.spec.answer_time or "created_at"
        for row in sorted(rows, key=lambda each: _order(each.get(time))):
            rules.apply(found.setdefault(tuple(row[name] for name in self.key), {}), row)
        return found

    def _known(self, row: State) -> dict[str, Any]:
        return {name: row[name] for name in self.columns if row.get(name) is not None}

    def _named(self, key: Key) -> dict[str, Any]:
        return dict(zip(self.key, key, strict=True))


def _order(time: Any) -> tuple[bool, Any]:
    return (time is not None, time or 0)


def _plain(column: pa.ChunkedArray) -> list[Any]:
    """Return values as they are compared: times in UTC."""
    values: list[Any] = column.to_pylist()
    if pa.types.is_timestamp(column.type):
        return [in_utc(value) if isinstance(value, datetime) else value for value in values]
    return values
