"""Copies a former table into ours through the one writer, a slice at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import Any

import pyarrow as pa
from attrs import define, evolve, field, frozen
from deltalake import DeltaTable

from claimx_pipeline.delta.faults import as_table_error
from claimx_pipeline.delta.importing.old_table import OldTable
from claimx_pipeline.delta.importing.progress import Counts, ImportFolder, ImportState
from claimx_pipeline.delta.importing.reading import OldReader, ReadRows, readable
from claimx_pipeline.delta.importing.slices import ROWS, ByDay, ByKey, Cut, Keys, Slices, days_of
from claimx_pipeline.delta.location import TableLocation
from claimx_pipeline.delta.querying.reading import batches, names, read
from claimx_pipeline.delta.rows import ColumnRow, TableRow
from claimx_pipeline.delta.spec import TableSpec
from claimx_pipeline.delta.store import TableStore
from claimx_pipeline.delta.writing.convert import to_arrow
from claimx_pipeline.delta.writing.sink import TableSink, WriteResult
from claimx_pipeline.errors import TableError

GROUP = "claimx-import"
"""Named by the commits of an import, as those of a worker name its group."""
_SHOWN = 200
"""Characters of a value that the report quotes."""


@frozen(kw_only=True)
class Imported:
    """What an import did."""

    version: int
    """Version of the former table that was read."""
    state: ImportState
    left_out: Sequence[str]
    """Columns of the former table that nothing of ours is made from."""


@define
class TableImport:
    """The import of one former table."""

    location: TableLocation
    """The former table."""
    old: OldTable
    store: TableStore
    progress: ImportFolder
    dry_run: bool = False
    on_slice: Callable[[ImportState], None] = field(default=lambda _: None)
    """Called after every slice."""
    _spec: TableSpec = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._spec = self.store.spec(self.old.name)

    async def run(self) -> Imported:
        """Copy every row, or go on where a run that was killed has stopped.

        Raises:
            TableError: There is no former table, it lacks the key, or cannot be read; or ours
                cannot be opened.
            TableWriteError: Ours cannot be written; what is written stays, run it again.
        """
        table = await asyncio.to_thread(opened, self.location)
        source = {
            "location": self.location.uri,
            "id": str(table.metadata().id),
            "version": table.version(),
            "table": self.old.name,
            "ours": None if self.dry_run else self.store.identity(self.old.name),
        }
        reader = reader_of(table, self.old, self._spec)
        state = self.progress.resume(source, same=source)
        slices = Slices(self.progress.rows)
        if not state.cut:
            state = await asyncio.to_thread(self._cut, table, reader, slices, state)
        reader.zoneless.update(state.zoneless)
        if self.dry_run:
            state = await self._each(state, slices, reader, None)
        else:
            sink = self.store.sink(self.old.name, GROUP)
            try:
                await sink.open()
                await sink.acquire(())
                state = await self._each(state, slices, reader, sink)
            finally:
                await sink.close()
        state = self.progress.save(evolve(state, finished=True))
        await asyncio.to_thread(slices.remove)
        return Imported(version=table.version(), state=state, left_out=reader.left_out)

    def _cut(
        self, table: DeltaTable, reader: OldReader, slices: Slices, state: ImportState
    ) -> ImportState:
        """Read the former table once, into slices."""
        # What it counts is counted again when the slices are read.
        keys = OldReader(reader.old, reader.spec, reader.stored)
        with as_table_error(self.old.name, f"cannot be read at {self.location.uri}"):
            cut = self._cutting(table, keys)
            everything = f"SELECT {names(reader.stored)} FROM t"  # noqa: S608 - names of columns
            slices.write(batches(table, everything), cut, lambda rows: self._keys(keys, rows))
            state = self.progress.add(state, _columns_left_out(table, reader.left_out))
        return self.progress.save(evolve(state, cut=True, slices=cut.slices))

    def _cutting(self, table: DeltaTable, reader: OldReader) -> Cut:
        time = self._spec.event_time
        if time is not None and self._spec.mode == "append":
            name = reader.stored_name(time)
            if name is None:
                raise TableError(self.old.name, f"the former table has no column for {time!r}")
            found = batches(table, f"SELECT {names([name])} FROM t")  # noqa: S608 - a column's name
            counted = days_of(
                at for part in found for at in reader.values(time, _chunked(part.column(0)), [])
            )
            return ByDay.of(self._spec.key, time, counted)
        rows = read(table, "SELECT count(*) AS n FROM t")[0]["n"]
        return ByKey.of(self._spec.identity(), self._spec, rows)

    def _keys(self, reader: OldReader, rows: pa.Table) -> Keys:
        return reader.keys(rows, {*self._spec.identity(), *filter(None, [self._spec.event_time])})

    async def _each(
        self, state: ImportState, slices: Slices, reader: OldReader, sink: TableSink | None
    ) -> ImportState:
        for number in range(state.done, state.slices):
            stored = await asyncio.to_thread(slices.read, number)
            if stored is not None:
                state = await self._slice(state, stored, reader, sink)
            state = evolve(state, done=number + 1, zoneless=dict(reader.zoneless))
            # The rows are durable before the state says so: a slice may be written twice, and
            # then changes nothing.
            self.progress.save(state)
            self.on_slice(state)
        return state

    async def _slice(
        self, state: ImportState, stored: pa.Table, reader: OldReader, sink: TableSink | None
    ) -> ImportState:
        found = await asyncio.to_thread(reader.rows, stored)
        refused: dict[int, str] = {}
        written = unchanged = 0
        for part in _parts(found, self._spec):
            result = await self._written(found, part, sink)
            written, unchanged = written + result.written, unchanged + result.skipped
            refused |= {part[at]: why for at, why in result.refused}
        lines = list(_lines(stored, found, refused, self._spec))
        left_out = [each for each in found.unfit if each.row not in refused]
        state = self.progress.add(state, lines)
        counts = Counts(
            rows=found.count,
            written=written,
            unchanged=unchanged,
            doubles=_doubles(found, self._spec),
            refused=len(refused),
            values_left_out=len(left_out),
        )
        return evolve(state, counts=state.counts.plus(counts))

    async def _written(
        self, found: ReadRows, part: Sequence[int], sink: TableSink | None
    ) -> WriteResult:
        columns = {name: [values[at] for at in part] for name, values in found.columns.items()}
        rows = [ColumnRow(columns, at) for at in range(len(part))]
        if sink is not None:
            return await sink.write([TableRow(self.old.name, row) for row in rows], (), {})
        _, refused = await asyncio.to_thread(to_arrow, self._spec, rows)
        return WriteResult(len(rows) - len(refused), tuple(refused))


def opened(location: TableLocation) -> DeltaTable:
    """Open a table of others.

    Raises:
        TableError: There is none, or it cannot be opened.
    """
    if not location.exists():
        raise TableError(
            location.table, f"there is no Delta table at {location.uri}; name its folder or URL"
        )
    return location.open()


def reader_of(table: DeltaTable, old: OldTable, spec: TableSpec) -> OldReader:
    """Return what reads the rows of a former table.

    Raises:
        TableError: It lacks a column of our key.
    """
    reader = OldReader(old, spec, [column.name for column in table.schema().fields])
    for name in spec.identity():
        if reader.stored_name(name) is None:
            theirs = [each for each in old.columns if each.target == name]
            called = [other for each in theirs for other in (each.name, *each.aliases)]
            raise TableError(
                old.name,
                f"the table at {table.table_uri} has no column {' or '.join(called or [name])}, of "
                f"which the key is made; it has {', '.join(reader.stored)}",
            )
    return reader


def _chunked(column: pa.Array) -> pa.ChunkedArray:
    return pa.chunked_array([column])


def _parts(found: ReadRows, spec: TableSpec) -> Iterator[list[int]]:
    """Yield the rows in the order of their times, some at once."""
    time = spec.answer_time or spec.event_time or "created_at"
    times = found.columns.get(time, [None] * found.count)
    known = [at for at in range(found.count) if times[at] is not None]
    order = [at for at in range(found.count) if times[at] is None]
    order += sorted(known, key=times.__getitem__)
    for start in range(0, len(order), ROWS):
        yield order[start : start + ROWS]


def _doubles(found: ReadRows, spec: TableSpec) -> int:
    keys = list(zip(*(found.columns[name] for name in spec.identity()), strict=True))
    return len(keys) - len(set(keys))


def _lines(
    stored: pa.Table, found: ReadRows, refused: Mapping[int, str], spec: TableSpec
) -> Iterator[dict[str, Any]]:
    """Yield what the report says about the rows of a slice."""
    unread: dict[int, list[str]] = {}
    for each in found.unfit:
        quoted = str(each.value)[:_SHOWN]
        if each.row in refused:
            unread.setdefault(each.row, []).append(f"{each.column} is {quoted!r}, {each.reason}")
            continue
        key = {name: found.columns[name][each.row] for name in spec.identity()}
        yield {
            "what": "value left out",
            "key": key,
            "column": each.column,
            "value": quoted,
            "reason": each.reason,
        }
    for at, why in refused.items():
        row = {name: readable(stored.column(name)[at]) for name in stored.column_names}
        yield {
            "what": "row refused",
            "reason": "; ".join([why, *unread.get(at, ())]),
            "row": {name: value for name, value in row.items() if value is not None},
        }


def _columns_left_out(table: DeltaTable, left_out: Sequence[str]) -> list[dict[str, Any]]:
    if not left_out:
        return []
    counts = ", ".join(
        f"count({names([name])}) AS c{number}" for number, name in enumerate(left_out)
    )
    found = read(table, f"SELECT {counts} FROM t")[0]  # noqa: S608 - names of columns
    return [
        {
            "what": "column left out",
            "column": name,
            "values": found[f"c{number}"],
            "reason": "our table has no column for it",
        }
        for number, name in enumerate(left_out)
    ]
