"""Rows of a keyed table replaced by copy-on-write: exactly the files hit are written again.

From the log's statistics the files are chosen that may hold a key, and their key columns are
read. Of those that do hold one the rows are read, and once it is known what changes, they
are rewritten one by one: rows of the keys replaced, new keys of their range among them. Other
new keys become a small file of their bucket; when there are many small ones, they are joined
in the same commit.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

import pyarrow as pa
import pyarrow.compute as pc
from attrs import define, field, frozen
from deltalake import DeltaTable
from deltalake.transaction import AddAction, RemoveAction

from claimx_pipeline.delta.location import TableLocation
from claimx_pipeline.delta.spec import TableSpec
from claimx_pipeline.delta.writing.file_commit import FileCommit, combined
from claimx_pipeline.delta.writing.files import TableFiles, removed
from claimx_pipeline.delta.writing.fold import State
from claimx_pipeline.delta.writing.known import Key
from claimx_pipeline.delta.writing.layout import (
    Bucket,
    DataFile,
    Layout,
    why_not_rewritten,
)

T = TypeVar("T")

THREADS = 4
"""Files read or written at the same time: so many are in memory at once."""
MOST_SMALL = 8
"""Small files of a bucket from which on they are joined by the next commit with new keys."""


KEPT_BYTES = 48 * 2**20
"""Rows of files hit that are kept in memory until they are written; others are read again."""
_MOST_JOINED = 4 * MOST_SMALL


@frozen
class _Hit:
    """A file that holds keys of the batch."""

    file: DataFile
    states: Mapping[Key, State]
    rows: pa.Table | None
    """All its rows; None if there was no room for them."""


@frozen
class _Task:
    """Files that become others of one bucket."""

    bucket: Bucket
    hit: _Hit | None = None
    """Some of its rows are replaced."""
    joined: Sequence[DataFile] = ()
    """None of their rows is."""
    inserted: Sequence[int] = ()
    """Rows of the batch whose keys are new."""


@define
class Rewriting:
    """What one batch reads of a table, and makes of its files."""

    spec: TableSpec
    files: TableFiles
    layout: Layout
    _hits: list[_Hit] = field(factory=list, init=False)
    _kept: int = field(default=0, init=False)
    _identity: Sequence[str] = field(init=False)
    _buckets: dict[Key, Bucket] = field(factory=dict, init=False)
    """Of the keys that were read."""

    def __attrs_post_init__(self) -> None:
        self._identity = self.spec.identity()

    @classmethod
    def of(cls, spec: TableSpec, table: DeltaTable, location: TableLocation) -> Rewriting:
        """Return a beginning, at the version of the handle."""
        files = TableFiles.of(table, location, spec.identity())
        return cls(spec, files, Layout.of(spec, table))

    def read(self, keys: Collection[Key], columns: Sequence[str]) -> dict[Key, State]:
        """Return what is stored under *keys*: *columns* of the rows.

        Raises:
            TableUnusableError: A file cannot be read.
        """
        self._buckets = self._by_key(keys)
        wanted: defaultdict[Bucket, set[Key]] = defaultdict(set)
        for key, bucket in self._buckets.items():
            wanted[bucket].add(key)
        firsts = {bucket: sorted({key[0] for key in each}) for bucket, each in wanted.items()}

        def look(file: DataFile) -> _Hit | None:
            return self._look(file, wanted[file.bucket], columns)

        self._hits = [hit for hit in _in_threads(look, self.layout.holding(firsts)) if hit]
        return {key: state for hit in self._hits for key, state in hit.states.items()}

    def why_not(self, keys: Collection[Key]) -> str:
        """Return why rows of *keys*, all read before, are not replaced here; empty if they can."""
        return why_not_rewritten(hit.file for hit in self._hits if _shared(hit, keys))

    def write(self, keys: Sequence[Key], rows: pa.Table) -> FileCommit:
        """Write the files that hold *rows*, one for each of *keys*, all read before.

        Raises:
            TableUnusableError: A file cannot be read or written.
        """
        at = {key: index for index, key in enumerate(keys)}

        def rewrite(task: _Task) -> tuple[list[RemoveAction], list[AddAction]]:
            return self._rewrite(task, at, rows)

        less, more = combined(_in_threads(rewrite, list(self._tasks(at))))
        buckets = frozenset(self._buckets[key] for key in keys)
        return FileCommit(
            table=self.spec.name,
            removed=less,
            added=more,
            unchanged=self.layout.unchanged(self.spec, buckets),
        )

    def _tasks(self, at: Mapping[Key, int]) -> Iterator[_Task]:
        """Yield what is to be done for the rows *at* these indices."""
        hits = [hit for hit in self._hits if _shared(hit, at)]
        stored = {key for hit in self._hits for key in hit.states}
        fresh: defaultdict[Bucket, dict[Key, int]] = defaultdict(dict)
        for key, index in at.items():
            if key not in stored:
                fresh[self._buckets[key]][key] = index
        for hit in hits:
            bucket = hit.file.bucket
            taken = [key for key in fresh.get(bucket, ()) if hit.file.may_hold(key[:1])]
            yield _Task(bucket, hit, inserted=[fresh[bucket].pop(key) for key in taken])
        apart = {hit.file.path for hit in hits}
        for bucket, left in fresh.items():
            if left:
                small = [file for file in self._small(bucket) if file.path not in apart]
                joined = small[:_MOST_JOINED] if len(small) >= MOST_SMALL else ()
                yield _Task(bucket, None, joined, list(left.values()))

    def _small(self, bucket: Bucket) -> list[DataFile]:
        files = (file for file in self.layout.files if file.bucket == bucket and file.is_small)
        return [file for file in files if not why_not_rewritten([file])]

    def _rewrite(
        self, task: _Task, at: Mapping[Key, int], rows: pa.Table
    ) -> tuple[list[RemoveAction], list[AddAction]]:
        new, schema = list(task.inserted), self.files.schema
        old = [self.files.read(file) for file in task.joined]
        dropped: set[int] = set()
        if task.hit:
            stored = self.files.read(task.hit.file) if task.hit.rows is None else task.hit.rows
            found = self._matches(stored, _shared(task.hit, at))
            # One new row for each old one, as MERGE does it.
            new += [at[key] for key in found.values()]
            dropped = set(found)
            old.insert(0, stored)
        fresh = rows.take(pa.array(new, pa.int64())).select(schema.names).cast(schema)
        made = self.files.write(pa.concat_tables([*old, fresh]), task.bucket, without=dropped)
        less = ([task.hit.file] if task.hit else []) + list(task.joined)
        return [removed(file) for file in less], made

    def _look(self, file: DataFile, keys: set[Key], columns: Sequence[str]) -> _Hit | None:
        """Return the rows of *keys* in *file*; None if there are none."""
        with self.files.opened(file) as opened:
            key_columns = opened.batches(self._identity)
            if not any(self._matches(batch, keys) for batch in key_columns):
                return None
            states: dict[Key, State] = {}
            kept: list[pa.RecordBatch] = []
            keeping = self._kept < KEPT_BYTES and not file.is_large
            for batch in opened.batches():
                found = self._matches(batch, keys)
                rows = batch.select(columns).take(pa.array(found, pa.int64()))
                states.update(zip(found.values(), rows.to_pylist(), strict=True))
                if keeping:
                    kept.append(batch)
        self._kept += sum(batch.nbytes for batch in kept)
        rows = pa.Table.from_batches(kept, self.files.schema) if keeping else None
        return _Hit(file, states, rows)

    def _matches(self, rows: pa.RecordBatch | pa.Table, keys: Collection[Key]) -> dict[int, Key]:
        """Return the indices of those of *rows* whose key is one of *keys*."""
        identity = self._identity
        first = rows.column(identity[0])
        wanted = pa.array({key[0] for key in keys}, first.type)
        near = pc.indices_nonzero(pc.is_in(first, value_set=wanted))
        if not len(near):
            return {}
        columns = [rows.column(name).take(near).to_pylist() for name in identity]
        pairs = zip(near.to_pylist(), zip(*columns, strict=True), strict=True)
        return {index: key for index, key in pairs if key in keys}

    def _by_key(self, keys: Iterable[Key]) -> dict[Key, Bucket]:
        if self.spec.bucket_column is None:
            return dict.fromkeys(keys)
        at = self._identity.index(self.spec.bucket_column)
        return {key: self.spec.bucket_of(key[at]) for key in keys}


def _shared(hit: _Hit, keys: Collection[Key]) -> set[Key]:
    """Return which of *keys* the file hit holds."""
    return {key for key in hit.states if key in keys}


def _in_threads(work: Any, items: Sequence[T]) -> Iterable[Any]:
    """Return what *work* makes of each of *items*, in their order."""
    if len(items) < 2:  # noqa: PLR2004 - nothing to do beside it
        return [work(item) for item in items]
    with ThreadPoolExecutor(THREADS, thread_name_prefix="table-files") as pool:
        return list(pool.map(work, items))
