"""Rows of a table cut into slices on disk, so that rows of one key are in memory together.

The engine yields rows in any order. Cut by key (and by bucket or day, as our table is
partitioned), a slice has all rows of its keys and is small, however large the table is.
"""

from __future__ import annotations

import shutil
import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from datetime import date
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from attrs import define, field, frozen

from claimx_pipeline.delta.spec import TableSpec, bucket_of

ROWS = 20_000
"""Rows that a slice should have."""
MOST_SLICES = 400
"""Files that are written at once; beyond them slices become larger."""
_GATHERED_ROWS, _GATHERED_BYTES = 65_536, 64 * 1024 * 1024
"""What is gathered before it is cut: many small pieces would cost more than the rows."""

Keys = Mapping[str, list[Any]]
"""Our columns by which rows are cut."""


@frozen
class ByKey:
    """Slices by key; with buckets a slice is of one bucket, or of a few whole ones."""

    key: tuple[str, ...]
    bucket_column: str | None
    slices: int
    buckets: int

    @classmethod
    def of(cls, key: tuple[str, ...], spec: TableSpec | None, rows: int) -> ByKey:
        """Return slices for a table of so many rows, of whole buckets if *spec* has them."""
        wanted = max(1, min(-(-rows // ROWS), MOST_SLICES))
        if spec is None or spec.bucket_column is None:
            return cls(key, None, wanted, 1)
        if wanted > spec.buckets:
            wanted -= wanted % spec.buckets
        return cls(key, spec.bucket_column, wanted, spec.buckets)

    def numbers(self, keys: Keys) -> list[int]:
        """Return the slice of each row."""
        hashes = _hashes(keys, self.key)
        if self.bucket_column is None:
            return [each % self.slices for each in hashes]
        buckets = [bucket_of(str(owner), self.buckets) for owner in keys[self.bucket_column]]
        if self.slices < self.buckets:
            return [each * self.slices // self.buckets for each in buckets]
        parts = self.slices // self.buckets
        return [bucket * parts + each % parts for bucket, each in zip(buckets, hashes, strict=True)]


@frozen
class ByDay:
    """Slices of neighbouring days; the rows of a busy day are cut by key."""

    key: tuple[str, ...]
    time: str
    """Our column with the row's time."""
    days: Mapping[date | None, tuple[int, int]]
    """The first slice of each day, and how many it has."""
    slices: int

    @classmethod
    def of(cls, key: tuple[str, ...], time: str, counted: Mapping[date | None, int]) -> ByDay:
        """Return slices for a table with so many rows on each day; None is for no time."""
        size = max(ROWS, -(-sum(counted.values()) // MOST_SLICES))
        days: dict[date | None, tuple[int, int]] = {}
        at, filled = 0, 0
        for day in sorted(counted, key=lambda each: each or date.min):
            rows = counted[day]
            if filled and filled + rows > size:
                at, filled = at + 1, 0
            parts = max(1, -(-rows // size))
            days[day] = at, parts
            filled += rows
            if parts > 1:
                at, filled = at + parts, 0
        return cls(key, time, days, at + 1)

    def numbers(self, keys: Keys) -> list[int]:
        """Return the slice of each row."""
        times = [None if at is None else at.date() for at in keys[self.time]]
        return [
            first + each % parts
            for (first, parts), each in zip(
                (self.days[day] for day in times), _hashes(keys, self.key), strict=True
            )
        ]


Cut = ByKey | ByDay


def days_of(times: Iterable[Any]) -> Counter[date | None]:
    """Return how many of *times* are on each day."""
    return Counter(None if at is None else at.date() for at in times)


@define
class Slices:
    """Slices in a folder."""

    folder: Path
    _writers: dict[int, pa.ipc.RecordBatchStreamWriter] = field(factory=dict, init=False)

    def write(
        self,
        batches: Iterable[pa.RecordBatch],
        cut: Cut,
        keys_of: Callable[[pa.Table], Keys],
    ) -> int:
        """Write *batches* into slices, replacing what the folder has; return how many rows."""
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        rows = 0
        with ExitStack() as files:
            for gathered in _gathered(batches):
                rows += gathered.num_rows
                for number, part in _parted(gathered, cut.numbers(keys_of(gathered))):
                    self._writer(files, number, part.schema).write_table(part)
        self._writers.clear()
        return rows

    def read(self, number: int) -> pa.Table | None:
        """Return the rows of a slice; None if it has none."""
        path = self._path(number)
        if not path.exists():
            return None
        with pa.OSFile(str(path)) as file, pa.ipc.open_stream(file) as reader:
            return reader.read_all()

    def remove(self) -> None:
        """Remove the folder."""
        shutil.rmtree(self.folder, ignore_errors=True)

    def _writer(
        self, files: ExitStack, number: int, schema: pa.Schema
    ) -> pa.ipc.RecordBatchStreamWriter:
        found = self._writers.get(number)
        if found is None:
            file = files.enter_context(pa.OSFile(str(self._path(number)), "wb"))
            options = pa.ipc.IpcWriteOptions(compression="lz4")
            found = files.enter_context(pa.ipc.new_stream(file, schema, options=options))
            self._writers[number] = found
        return found

    def _path(self, number: int) -> Path:
        return self.folder / f"slice-{number:05}.arrow"


def _gathered(batches: Iterable[pa.RecordBatch]) -> Iterator[pa.Table]:
    waiting: list[pa.RecordBatch] = []
    rows = size = 0
    for batch in batches:
        waiting.append(batch)
        rows, size = rows + batch.num_rows, size + batch.nbytes
        if rows >= _GATHERED_ROWS or size >= _GATHERED_BYTES:
            yield pa.Table.from_batches(waiting)
            waiting, rows, size = [], 0, 0
    if rows:
        yield pa.Table.from_batches(waiting)


def _parted(rows: pa.Table, numbers: Sequence[int]) -> Iterator[tuple[int, pa.Table]]:
    counted = Counter(numbers)
    order = pc.sort_indices(pa.array(numbers, pa.int32()))
    ordered = rows.take(order).combine_chunks()
    at = 0
    for number in sorted(counted):
        yield number, ordered.slice(at, counted[number])
        at += counted[number]


def _hashes(keys: Keys, key: Sequence[str]) -> list[int]:
    if len(key) == 1:
        return [zlib.crc32(str(value).encode(errors="replace")) >> 4 for value in keys[key[0]]]
    rows = zip(*(keys[name] for name in key), strict=True)
    return [zlib.crc32("\0".join(map(str, row)).encode(errors="replace")) >> 4 for row in rows]
