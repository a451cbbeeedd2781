"""Which keys an append table holds already.

Looking for a thousand keys among a million rows costs a tenth of a second and more,
every batch. So a writer remembers the hashes of all keys from some time on: what is
not among them is new, without a question to the table; what is among them is looked
up to be sure. When another writer has committed in between, only the files that were
added are read.
"""

from __future__ import annotations

from array import array
from collections.abc import Collection, Iterable, Sequence
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from attrs import define, field, frozen
from deltalake import DeltaTable

from claimx_pipeline.delta.querying.reading import Interval, batches, names, within
from claimx_pipeline.delta.spec import TableSpec

Key = tuple[Any, ...]

MAX_KEYS = 2_000_000
"""Hashes remembered per table, about 16 bytes each."""
_FIRST_SLACK, _MOST_SLACK = 60_000_000, 3_600_000_000
"""Read so many microseconds more than asked, so that a slightly older batch finds it there: little
at first, since the first commit waits for it, and twice as much each time it was not enough."""
_REST = 100
"""Batches without an index after it had become too large."""
_MOST_RANGES = 16
"""Time ranges of one query; more are joined into one."""
_MASK = 2**64 - 1


@define
class HashTable:
    """A set of 64-bit hashes in one flat array: a tenth of what a Python set takes."""

    _slots: array[int] = field(factory=lambda: array("Q", bytes(8 * 1024)), init=False)
    _count: int = field(default=0, init=False)

    def __len__(self) -> int:
        return self._count

    def __contains__(self, value: int) -> bool:
        return bool(self.indices_of((value,)))

    def indices_of(self, values: Iterable[int]) -> list[int]:
        """Return the indices of those of *values* that are in the set."""
        slots, mask = self._slots, len(self._slots) - 1
        found: list[int] = []
        for index, given in enumerate(values):
            value = (given & _MASK) or 1
            at = value & mask
            while there := slots[at]:
                if there == value:
                    found.append(index)
                    break
                at = (at + 1) & mask
        return found

    def update(self, values: Iterable[int]) -> None:
        """Add *values*."""
        slots, mask = self._slots, len(self._slots) - 1
        for given in values:
            value = (given & _MASK) or 1
            at = value & mask
            while (there := slots[at]) and there != value:
                at = (at + 1) & mask
            if there:
                continue
            slots[at] = value
            self._count += 1
            if self._count * 5 > mask * 3:
                self._grow()
                slots, mask = self._slots, len(self._slots) - 1

    def _grow(self) -> None:
        old = self._slots
        self._slots = array("Q", bytes(16 * len(old)))
        self._count = 0
        self.update(value for value in old if value)


@frozen
class KeyedRows:
    """The keys of a batch, each with the time range in which an earlier copy may be.

    Times are microseconds since 1970.
    """

    keys: Sequence[Key]
    first: Sequence[int]
    last: Sequence[int]

    def ranges(self, positions: Collection[int]) -> list[Interval]:
        """Return the ranges of the rows at *positions*, overlapping ones joined."""
        pairs = sorted((self.first[position], self.last[position]) for position in positions)
        joined: list[tuple[int, int]] = []
        for first, last in pairs:
            if joined and first <= joined[-1][1]:
                joined[-1] = (joined[-1][0], max(joined[-1][1], last))
            else:
                joined.append((first, last))
        if len(joined) > _MOST_RANGES:
            joined = [(joined[0][0], max(last for _, last in joined))]
        return list(joined)


@define
class KeyIndex:
    """Hashes of all keys of a table from ``_floor`` on, as of one version."""

    spec: TableSpec
    time: str
    """The column that holds the event's time."""
    reach: int
    """Microseconds below the floor that are worth reading; older rows are looked up."""
    max_keys: int = MAX_KEYS
    _hashes: HashTable = field(factory=HashTable, init=False)
    _floor: int | None = field(default=None, init=False)
    _version: int = field(default=-1, init=False)
    _paths: pa.Array | None = field(default=None, init=False)
    _resting: int = field(default=0, init=False)
    _slack: int = field(default=_FIRST_SLACK, init=False)

    def clear(self) -> None:
        """Forget everything."""
        self._hashes, self._floor, self._paths = HashTable(), None, None

    def duplicates(self, table: DeltaTable, rows: KeyedRows) -> set[int]:
        """Return the positions of the rows whose key *table* holds at its version."""
        self._follow(table)
        self._reach_down(table, rows)
        suspects = self._suspects(rows)
        if not suspects:
            return set()
        asked = {rows.keys[position] for position in suspects}
        found = find_keys(table, self.spec.key, within(self.time, rows.ranges(suspects)), asked)
        return {position for position in suspects if rows.keys[position] in found}

    def _suspects(self, rows: KeyedRows) -> Collection[int]:
        """Return the indices of the rows that may be in the table."""
        floor = self._floor
        if floor is None:
            return range(len(rows.keys))
        known = self._hashes.indices_of(map(hash, rows.keys))
        if min(rows.first, default=floor) >= floor:
            return known
        return {*known, *(at for at, first in enumerate(rows.first) if first < floor)}

    def committed(self, version: int, keys: Iterable[Key]) -> None:
        """Note that this writer has added *keys* and the table is at *version* now."""
        if self._floor is None or version != self._version + 1:
            return  # what came between is read by the next search
        self._version = version
        self._hashes.update(map(hash, keys))
        self._check_size()

    def _follow(self, table: DeltaTable) -> None:
        """Take in what others have committed since."""
        if self._floor is None or table.version() == self._version:
            return
        files = _files(table)
        ranges = _added(files, self._paths, self.time)
        if ranges is None:
            self.clear()
        else:
            # What is below the floor is looked up anyway; of a compacted file that is most.
            floor = self._floor
            ranges = [(max(first, floor), last) for first, last in ranges if _reaches(last, floor)]
            if ranges:
                self._load(table, within(self.time, ranges))
            self._version, self._paths = table.version(), files["path"].combine_chunks()

    def _reach_down(self, table: DeltaTable, rows: KeyedRows) -> None:
        if self._resting:
            self._resting -= 1
            return
        if self._floor is None:
            start = rows.ranges(range(len(rows.keys)))[-1][0] - self._slack
            self._version, self._paths = table.version(), _files(table)["path"].combine_chunks()
            self._floor = start
            self._load(table, within(self.time, [(start, None)]))
            return
        floor = self._floor
        older = [first for first in rows.first if floor - self.reach <= first < floor]
        if older:
            self._slack = min(2 * self._slack, _MOST_SLACK)
            start = min(older) - self._slack
            self._floor = start
            self._load(table, within(self.time, [(start, floor)]))

    def _load(self, table: DeltaTable, condition: str) -> None:
        sql = f"SELECT {names(self.spec.key)} FROM t WHERE {condition}"  # noqa: S608 - own names
        for batch in batches(table, sql):
            self._hashes.update(map(hash, _tuples(batch)))
            if not self._check_size():
                return

    def _check_size(self) -> bool:
        if len(self._hashes) <= self.max_keys:
            return True
        self.clear()
        self._resting = _REST
        return False


def find_keys(
    table: DeltaTable, columns: Sequence[str], condition: str, asked: Collection[Key]
) -> set[Key]:
    """Return which of the keys *asked* for stand in rows of *table* that meet *condition*.

    The keys are compared here and not named in the SQL: planning a list of a thousand
    takes ten times longer than reading the few files that the condition leaves.
    """
    found: set[Key] = set()
    sql = f"SELECT {names(columns)} FROM t WHERE {condition}"  # noqa: S608 - own names
    wanted: pa.Array | None = None
    for batch in batches(table, sql):
        if wanted is None:
            kind = batch.schema.field(0).type
            wanted = pa.array({key[0] for key in asked}, kind)
        alike = batch.filter(pc.is_in(batch.column(0), value_set=wanted))
        found.update(key for key in _tuples(alike) if key in asked)
    return found


def _reaches(last: int | None, floor: int) -> bool:
    return last is None or last >= floor


def _tuples(batch: pa.RecordBatch) -> Iterable[Key]:
    return zip(*(column.to_pylist() for column in batch.columns), strict=True)


def _files(table: DeltaTable) -> pa.Table:
    return pa.table(table.get_add_actions(flatten=True))


def _added(files: pa.Table, known: pa.Array | None, time: str) -> list[Interval] | None:
    """Return the time ranges of the files that are not *known*; None if they do not tell."""
    fresh = files.filter(pc.invert(pc.is_in(files["path"], value_set=known)))
    if not fresh.num_rows:
        return []
    if f"min.{time}" not in files.column_names:
        return None
    least, most = (fresh[f"{end}.{time}"].cast(pa.int64()).to_pylist() for end in ("min", "max"))
    if None in least or None in most:
        return None
    return list(KeyedRows((), least, most).ranges(range(len(least))))
