"""Compaction of a keyed table: small files sorted by key, none overlapping another.

Such files make it cheap to find and replace a few rows. What the engine's own compaction would
make, one large file of a bucket, is the opposite. A bucket is worked on in pieces, so that
memory does not grow with the table: first the keys alone are read, which says where to cut,
then the rows between two cuts, from all files that reach there.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise
from typing import Any

import pyarrow as pa
import pyarrow.compute as pc
from attrs import define, field, frozen
from deltalake import CommitProperties, DeltaTable
from deltalake.exceptions import CommitFailedError
from deltalake.transaction import AddAction

from claimx_pipeline.delta.location import TableLocation
from claimx_pipeline.delta.spec import TableSpec
from claimx_pipeline.delta.writing.file_commit import FileCommit
from claimx_pipeline.delta.writing.files import TableFiles, removed
from claimx_pipeline.delta.writing.form import StoredForm
from claimx_pipeline.delta.writing.layout import (
    LARGEST_ROWS,
    MOST_ROWS,
    ROWS,
    Bucket,
    DataFile,
    Layout,
    why_merged,
)

WORTH_FILES = 4
"""Small files, or files that may hold one key, from which on it is worth sorting a bucket."""

Group = tuple[DataFile, ...]
"""Files that become others together."""


@frozen
class Unsorted:
    """Files of one bucket that are not laid out as they should be."""

    bucket: Bucket
    groups: tuple[Group, ...]

    @property
    def files(self) -> list[DataFile]:
        """All of them."""
        return [file for group in self.groups for file in group]

    @property
    def count(self) -> int:
        """How many files they are."""
        return len(self.files)

    @property
    def joined(self) -> int:
        """How many files they become, about."""
        sizes = (sum(file.rows or 0 for file in group) for group in self.groups)
        return sum(max(1, round(rows / ROWS) if rows > MOST_ROWS else 1) for rows in sizes)

    @property
    def pays(self) -> bool:
        """Whether it is worth a commit to lay them out now."""
        small = sum(file.is_small for file in self.files)
        deepest = max(map(_depth, self.groups))
        return max(small, deepest) >= WORTH_FILES or any(file.is_large for file in self.files)


@define
class Relayout:
    """What is to be laid out again in one version of a table."""

    spec: TableSpec
    table: DeltaTable
    files: TableFiles
    layout: Layout
    _by_bucket: dict[Bucket, Unsorted] = field(init=False)

    @classmethod
    def of(cls, spec: TableSpec, table: DeltaTable, location: TableLocation) -> Relayout:
        """Return it for the version of the handle."""
        files = TableFiles.of(table, location, spec.identity())
        return cls(spec, table, files, Layout.of(spec, table))

    def __attrs_post_init__(self) -> None:
        found = (
            Unsorted(bucket, tuple(_groups(files)))
            for bucket, files in self.layout.by_bucket().items()
        )
        self._by_bucket = {each.bucket: each for each in found if each.groups}

    def unsorted(self) -> list[Unsorted]:
        """Return the buckets with files that are not laid out as they should be."""
        return list(self._by_bucket.values())

    def sort(self, bucket: Bucket, properties: CommitProperties) -> None:
        """Lay out the files of *bucket*, in one commit that changes no row.

        Raises:
            CommitFailedError: A writer has changed the bucket meanwhile.
            TableUnusableError: A file cannot be read or written.
        """
        if (found := self._by_bucket.get(bucket)) is None:
            return
        FileCommit(
            table=self.spec.name,
            # No data changes. But two commits of which both say so are moved over each other by
            # deltalake (1.6) unseen: an OPTIMIZE of others in between would double the rows.
            removed=[removed(file) for file in found.files],
            added=[add for group in found.groups for add in self._sorted(group, bucket)],
            unchanged=self.layout.unchanged(self.spec, [bucket]),
        ).commit(self.table, lambda _: properties, self._see)

    def _see(self, table: DeltaTable) -> None:
        """See that rows are still all that files hold."""
        if why := why_merged(self.spec, table, StoredForm.of(self.spec, table)):
            raise CommitFailedError(f"the table was changed meanwhile: {why}")

    def _sorted(self, group: Group, bucket: Bucket) -> Iterator[AddAction]:
        """Write the rows of *group* in the order of their keys, a piece at a time."""
        for low, high in pairwise(self._cuts(group)):
            parts = [rows for file in group for rows in self._between(file, low, high)]
            rows = pa.Table.from_batches(parts, self.files.schema)
            yield from self.files.write(rows, bucket, data_change=False)

    def _cuts(self, group: Group) -> list[Any]:
        """Return values of the first key column between which lie pieces of a few files.

        The ends are None; a piece begins with its lower value.
        """
        first = self.spec.identity()[0]
        columns = []
        for file in group:
            with self.files.opened(file) as opened:
                columns += [batch.column(0) for batch in opened.batches([first])]
        keys = pa.chunked_array(columns, self.files.schema.field(first).type)
        keys = keys.take(pc.sort_indices(keys))
        # Null keys, which others may have written, are sorted to the end.
        known = len(keys) - keys.null_count
        cuts = [keys[at].as_py() for at in range(LARGEST_ROWS, known, LARGEST_ROWS)]
        return [None, *dict.fromkeys(cuts), None]

    def _between(self, file: DataFile, low: Any, high: Any) -> Iterator[pa.RecordBatch]:
        """Yield the rows of *file* from *low* to before *high*; null keys come last."""
        name = self.spec.identity()[0]
        kind = self.files.schema.field(name)
        if file.is_ranged:
            beyond = high is not None and file.low >= high
            below = low is not None and file.high < low and not kind.nullable
            if beyond or below:
                return
        with self.files.opened(file) as opened:
            for batch in opened.batches():
                rows = batch
                if high is not None:
                    rows = rows.filter(pc.less(rows.column(name), pa.scalar(high, kind.type)))
                if low is not None:
                    above = pc.greater_equal(rows.column(name), pa.scalar(low, kind.type))
                    rows = rows.filter(pc.fill_null(above, high is None))
                yield rows


def _groups(files: Sequence[DataFile]) -> Iterator[Group]:
    """Yield what is to be done with the *files* of one bucket, in the order of their ranges.

    Files whose ranges overlap belong together, small neighbours as well. One file alone is
    left as it is, unless it is too large.
    """
    group: list[DataFile] = []
    end: Any = None
    for file in files:
        together = not group or not file.is_ranged or end is None or file.low < end
        if not together and not (file.is_small and all(each.is_small for each in group)):
            if _is_wrong(group):
                yield tuple(group)
            group, end = [], None
        group.append(file)
        if file.is_ranged:
            end = file.high if end is None else max(end, file.high)
    if _is_wrong(group):
        yield tuple(group)


def _is_wrong(group: Sequence[DataFile]) -> bool:
    alone = len(group) == 1
    return not alone or group[0].is_large or (group[0].rows or 0) > 2 * MOST_ROWS


def _depth(group: Group) -> int:
    """Return how many files of *group* a key may be in, at most."""
    if not all(file.is_ranged for file in group):
        return len(group)
    # An end before a beginning: files that share one value do not overlap.
    edges = [(file.high, -1) for file in group] + [(file.low, 1) for file in group]
    deepest = depth = 0
    for _, step in sorted(edges):
        depth += step
        deepest = max(deepest, depth)
    return deepest
