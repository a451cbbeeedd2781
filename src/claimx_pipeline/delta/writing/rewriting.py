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
from claimx_pipeline.delta.spec import TableSpec, bucket_of
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


@frozen
class Replaced:
    """A file that holds keys of the batch."""

    file: DataFile
    keys: frozenset[Key]


@frozen
class _Task:
    """Files that become others of one bucket."""

    bucket: Bucket
    files: tuple[DataFile, ...] = ()
    replaced: frozenset[Key] = frozenset()
    """Keys of the batch that rows of these files have."""
    inserted: tuple[int, ...] = ()
    """Rows of the batch whose keys are new."""


@define
class Rewriting:
    """What one batch reads of a table, and makes of its files."""

    spec: TableSpec
    files: TableFiles
    layout: Layout
    _hits: list[Replaced] = field(factory=list, init=False)

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
        wanted: defaultdict[Bucket, set[Key]] = defaultdict(set)
        for key in keys:
            wanted[self._bucket_of(key)].add(key)
        firsts = {bucket: sorted({key[0] for key in each}) for bucket, each in wanted.items()}

        def look(file: DataFile) -> dict[Key, State]:
            return self._look(file, wanted[file.bucket], columns)

        candidates = self.layout.holding(firsts)
        states: dict[Key, State] = {}
        for file, found in zip(candidates, _in_threads(look, candidates), strict=True):
            if found:
                self._hits.append(Replaced(file, frozenset(found)))
                states.update(found)
        return states

    def why_not(self, keys: Collection[Key]) -> str:
        """Return why rows of *keys*, all read before, are not replaced here; empty if they can."""
        return why_not_rewritten(hit.file for hit in self._hits if not hit.keys.isdisjoint(keys))

    def write(self, keys: Sequence[Key], rows: pa.Table) -> FileCommit:
        """Write the files that hold *rows*, one for each of *keys*, all read before.

        Raises:
            TableUnusableError: A file cannot be read or written.
        """
        at = {key: index for index, key in enumerate(keys)}

        def rewrite(task: _Task) -> tuple[list[RemoveAction], list[AddAction]]:
            return self._rewrite(task, at, rows)

        less, more = combined(_in_threads(rewrite, list(self._tasks(at))))
        buckets = frozenset(self._bucket_of(key) for key in keys)
        return FileCommit(
            spec=self.spec,
            removed=less,
            added=more,
            buckets=buckets,
            paths=self.layout.paths(buckets),
        )

    def _tasks(self, at: Mapping[Key, int]) -> Iterator[_Task]:
        """Yield what is to be done for the rows *at* these indices."""
        hits = [hit for hit in self._hits if not hit.keys.isdisjoint(at)]
        stored = {key for hit in self._hits for key in hit.keys}
        fresh: defaultdict[Bucket, dict[Key, int]] = defaultdict(dict)
        for key, index in at.items():
            if key not in stored:
                fresh[self._bucket_of(key)][key] = index
        for hit in hits:
            bucket = hit.file.bucket
            taken = [key for key in fresh.get(bucket, ()) if hit.file.may_hold(key[:1])]
            inserted = tuple(fresh[bucket].pop(key) for key in taken)
            yield _Task(bucket, (hit.file,), hit.keys & at.keys(), inserted)
        apart = {hit.file.path for hit in hits}
        for bucket, left in fresh.items():
            if left:
                small = [file for file in self._small(bucket) if file.path not in apart]
                joined = tuple(small) if len(small) >= MOST_SMALL else ()
                yield _Task(bucket, joined, inserted=tuple(left.values()))

    def _small(self, bucket: Bucket) -> list[DataFile]:
        files = (file for file in self.layout.files if file.bucket == bucket and file.is_small)
        return [file for file in files if not why_not_rewritten([file])]

    def _rewrite(
        self, task: _Task, at: Mapping[Key, int], rows: pa.Table
    ) -> tuple[list[RemoveAction], list[AddAction]]:
        parts = [self._replaced(file, task.replaced, at, rows) for file in task.files]
        if task.inserted:
            fresh = rows.take(pa.array(task.inserted, pa.int64()))
            parts.append(fresh.select(self.files.schema.names).cast(self.files.schema))
        made = self.files.write(pa.concat_tables(parts), task.bucket)
        return [removed(file) for file in task.files], made

    def _replaced(
        self, file: DataFile, keys: Collection[Key], at: Mapping[Key, int], rows: pa.Table
    ) -> pa.Table:
        """Return the rows of *file*, those of *keys* replaced."""
        old = self.files.read(file)
        found = self._matches(old, keys) if keys else {}
        if not found:
            return old
        kept = pa.array(sorted(set(range(len(old))) - found.keys()), pa.int64())
        new = rows.take(pa.array([at[key] for key in found.values()], pa.int64()))
        new = new.select(self.files.schema.names).cast(self.files.schema)
        return pa.concat_tables([old.take(kept), new])

    def _look(self, file: DataFile, keys: set[Key], columns: Sequence[str]) -> dict[Key, State]:
        """Return the rows of *keys* in *file*."""
        identity = self.spec.identity()
        states: dict[Key, State] = {}
        with self.files.opened(file) as opened:
            if not any(self._matches(batch, keys) for batch in opened.batches(identity)):
                return states
            for batch in opened.batches():
                found = self._matches(batch, keys)
                rows = batch.select(columns).take(pa.array(found, pa.int64()))
                states.update(zip(found.values(), rows.to_pylist(), strict=True))
        return states

    def _matches(self, rows: pa.RecordBatch | pa.Table, keys: Collection[Key]) -> dict[int, Key]:
        """Return the indices of those of *rows* whose key is one of *keys*."""
        identity = self.spec.identity()
        first = rows.column(identity[0])
        wanted = pa.array({key[0] for key in keys}, first.type)
        near = pc.indices_nonzero(pc.is_in(first, value_set=wanted))
        if not len(near):
            return {}
        columns = [rows.column(name).take(near).to_pylist() for name in identity]
        pairs = zip(near.to_pylist(), zip(*columns, strict=True), strict=True)
        return {index: key for index, key in pairs if key in keys}

    def _bucket_of(self, key: Key) -> Bucket:
        if self.spec.bucket_column is None:
            return None
        return bucket_of(str(key[self.spec.identity().index(self.spec.bucket_column)]))


def _in_threads(work: Any, items: Sequence[T]) -> Iterable[Any]:
    """Return what *work* makes of each of *items*, in their order."""
    if len(items) < 2:  # noqa: PLR2004 - nothing to do beside it
        return [work(item) for item in items]
    with ThreadPoolExecutor(THREADS, thread_name_prefix="table-files") as pool:
        return list(pool.map(work, items))
