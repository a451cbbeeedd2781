"""How the files of a keyed table are laid out, by a look at its log alone.

Rewriting exactly the files that hold a key is cheap as long as files are small and the log
says which keys each may hold. Files of others need be neither; what is asked here decides
whether a table can be written by rewriting files, and which of them.
"""

from __future__ import annotations

from bisect import bisect_left
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any

import pyarrow as pa
from attrs import frozen
from deltalake import DeltaTable
from deltalake.table import ProtocolVersions

from claimx_pipeline.delta.spec import TableSpec
from claimx_pipeline.delta.writing.form import StoredForm

ROWS = 2_000
"""Rows of a file that is written here, about."""
FEWEST_ROWS = 1_000
"""A file with fewer is small: it is joined with others once there are many of them."""
_SMALL_BYTES = 2**20
MOST_ROWS = 4_000
"""A file with more is cut when it is rewritten."""
LARGEST_ROWS = 16_000
"""A file with more is not rewritten for a few of its rows: the engine's MERGE does that."""
LARGEST_BYTES = 32 * 2**20
"""The same by size in the store."""

PLAIN_FEATURES = frozenset(
    {"appendOnly", "changeDataFeed", "checkConstraints", "generatedColumns", "invariants"}
)
"""Writer features that ask for nothing as long as no property and no column uses them."""
_PLAIN_WRITER, FEATURE_WRITER = 4, 7
"""Writer versions: up to the first the features above are all there is; the second lists them."""
CHANGE_FEED = "delta.enableChangeDataFeed"
_STRANGE = ("%", "://", "\\")
"""Of paths that are not simply relative, as of shallow clones."""

Bucket = int | None
"""Value of ``_bucket``; None in a table without buckets."""
FirstKeys = Mapping[Bucket, Sequence[Any]]
"""Values of the first key column by bucket, in order."""


@frozen
class DataFile:
    """One file of a table, as the log describes it."""

    path: str
    bucket: Bucket
    rows: int | None
    bytes: int
    low: Any = None
    """Least value of the first key column; None if the log does not say it."""
    high: Any = None

    @property
    def is_ranged(self) -> bool:
        """Whether it is known which keys it may hold."""
        return self.low is not None and self.high is not None

    @property
    def is_small(self) -> bool:
        """Whether it is better joined with others."""
        return self.rows is not None and self.rows < FEWEST_ROWS and self.bytes < _SMALL_BYTES

    @property
    def is_large(self) -> bool:
        """Whether it is too large to be rewritten for a few rows."""
        return self.rows is None or self.rows > LARGEST_ROWS or self.bytes > LARGEST_BYTES

    def may_hold(self, keys: Sequence[Any]) -> bool:
        """Return whether one of *keys*, values of the first key column in order, may be in it."""
        if not self.is_ranged:
            return True
        at = bisect_left(keys, self.low)
        return at < len(keys) and bool(keys[at] <= self.high)


@frozen
class Layout:
    """The files of a keyed table at one version."""

    files: tuple[DataFile, ...]

    @classmethod
    def of(cls, spec: TableSpec, table: DeltaTable) -> Layout:
        """Return the layout of *table*, declared by *spec*."""
        found = pa.table(table.get_add_actions(flatten=True))
        first = spec.identity()[0]
        count = found.num_rows
        buckets = _values(found, "partition._bucket" if spec.bucket_column else "", count)
        lows, highs = ([None] * count, [None] * count)
        if _is_ranged(spec.column(first).type):
            lows = _values(found, f"min.{first}", count)
            highs = _values(found, f"max.{first}", count)
        columns = (
            _values(found, "path", count),
            buckets,
            _values(found, "num_records", count),
            _values(found, "size_bytes", count),
            lows,
            highs,
        )
        return cls(tuple(DataFile(*each) for each in zip(*columns, strict=True)))

    def holding(self, keys: FirstKeys) -> list[DataFile]:
        """Return the files that may hold rows of *keys*."""
        return [
            file for file in self.files if file.bucket in keys and file.may_hold(keys[file.bucket])
        ]

    def paths(self, buckets: Iterable[Bucket]) -> frozenset[str]:
        """Return the paths of the files in *buckets*."""
        wanted = set(buckets)
        return frozenset(file.path for file in self.files if file.bucket in wanted)

    def unchanged(
        self, spec: TableSpec, buckets: Collection[Bucket]
    ) -> Callable[[DeltaTable], bool]:
        """Return what says whether *buckets* of a version consist of the same files as here."""
        before = self.paths(buckets)
        return lambda table: Layout.of(spec, table).paths(buckets) == before

    def by_bucket(self) -> dict[Bucket, list[DataFile]]:
        """Return the files of each bucket, in the order of their ranges."""
        found: defaultdict[Bucket, list[DataFile]] = defaultdict(list)
        for file in self.files:
            found[file.bucket].append(file)
        for files in found.values():
            files.sort(key=lambda file: (file.is_ranged, file.low if file.is_ranged else 0))
        return dict(found)


def why_merged(spec: TableSpec, table: DeltaTable, form: StoredForm) -> str:
    """Return why rows of *table* can be replaced by the engine's MERGE alone; empty if not.

    A file that is committed as it is passes no check of the engine: what asks for one, or for
    more than rows in files, is left to MERGE.
    """
    reasons = (_of_protocol(table.protocol()), _of_form(form), _of_metadata(spec, table))
    return next(filter(None, reasons), "")


def _of_protocol(protocol: ProtocolVersions) -> str:
    version = protocol.min_writer_version
    if version != FEATURE_WRITER:
        return f"its writer version is {version}" if version > _PLAIN_WRITER else ""
    more = sorted(set(protocol.writer_features or ()) - PLAIN_FEATURES)
    return f"it uses {', '.join(more)}" if more else ""


def _of_form(form: StoredForm) -> str:
    if form.rules:
        return f"it has a rule, {form.rules[0].title}"
    return f"it has generated columns: {', '.join(form.generated)}" if form.generated else ""


def _of_metadata(spec: TableSpec, table: DeltaTable) -> str:
    if table.metadata().configuration.get(CHANGE_FEED) == "true":
        return f"{CHANGE_FEED} is set"
    apart = sorted(set(spec.partitions()) - {"_bucket"})
    return f"it is partitioned by {', '.join(apart)}, in which a row may move" if apart else ""


def way_of_writing(spec: TableSpec, table: DeltaTable) -> str:
    """Return in a phrase how rows of a keyed *table* are replaced, by a look at its files."""
    if why := why_merged(spec, table, StoredForm.of(spec, table)):
        return f"MERGE: {why}"
    files = Layout.of(spec, table).files
    strange = [file for file in files if why_not_rewritten([file])]
    if not strange:
        return "copy-on-write"
    return (
        f"copy-on-write; MERGE where {len(strange)} of {len(files)} files are hit, which are not "
        f"laid out for it: {why_not_rewritten(strange)}; "
        f"'claimx-run tables compact {spec.name}' does that"
    )


def why_not_rewritten(files: Iterable[DataFile]) -> str:
    """Return why one of *files* is not rewritten for a few of its rows; empty if all can be."""
    for file in files:
        if file.is_large:
            return f"file {file.path} has {file.rows} rows, more than {LARGEST_ROWS}"
        if file.path.startswith("/") or any(each in file.path for each in _STRANGE):
            return f"file {file.path} is not named by a plain relative path"
    return ""


def _values(table: pa.Table, name: str, count: int) -> list[Any]:
    return table[name].to_pylist() if name in table.column_names else [None] * count


def _is_ranged(kind: pa.DataType) -> bool:
    """Return whether the statistics of a column of *kind* bound its values exactly enough."""
    return bool(pa.types.is_string(kind) or pa.types.is_integer(kind) or pa.types.is_date(kind))
