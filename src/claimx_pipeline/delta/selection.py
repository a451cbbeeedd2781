"""Which rows of a table are to be deleted, and which of its files may hold any."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any, Protocol

import pyarrow as pa
import pyarrow.compute as pc
from attrs import field, frozen
from deltalake import DeltaTable

from claimx_pipeline.delta.small_files import Partition, marked, partition_of
from claimx_pipeline.delta.spec import TableSpec
from claimx_pipeline.delta.writing.paths import stored

_ROUNDING = timedelta(milliseconds=1)
"""By how much the bounds that the log holds of an instant may differ from it."""


@frozen
class LoggedFile:
    """A file of a version, as the log describes it."""

    path: str
    """In the store; as the log has it if ``strange``."""
    partition: Partition
    bytes: int
    rows: int | None
    bounds: Mapping[str, tuple[Any, Any]] = field(repr=False)
    """Column to its least and greatest value, of those that the log says."""
    nulls: Mapping[str, int | None] = field(repr=False)
    strange: str = ""
    """Why it cannot be replaced by another one; empty if it can."""


class Selection(Protocol):
    """Tells which rows are meant."""

    @property
    def column(self) -> str:
        """The column that tells it."""
        ...

    def may_be_in(self, file: LoggedFile) -> bool:
        """Return whether rows that are meant may be in *file*, by the log alone."""
        ...

    def is_all_of(self, file: LoggedFile) -> bool:
        """Return whether all rows of *file* are meant, by the log alone."""
        ...

    def mask(self, values: pa.Array) -> pa.BooleanArray:
        """Return which of *values* of the column belong to rows that are meant; never null."""
        ...


@frozen
class Among:
    """Rows in which a column has one of some values, compared as text."""

    column: str
    values: frozenset[str]
    buckets: frozenset[str] | None = None
    """Partitions in which they can be; None if that is not known."""

    @classmethod
    def of(cls, spec: TableSpec, column: str, values: Collection[str]) -> Among:
        """Return the rows of the table declared by *spec* whose *column* is one of *values*."""
        known = frozenset(values)
        if spec.bucket_column != column:
            return cls(column, known)
        return cls(column, known, frozenset(str(spec.bucket_of(each)) for each in known))

    def may_be_in(self, file: LoggedFile) -> bool:
        """Return whether one of the values lies between the file's bounds, in its bucket."""
        apart = dict(file.partition)
        if self.buckets is not None and apart.get("_bucket") not in {*self.buckets, None}:
            return False
        low, high = file.bounds.get(self.column, (None, None))
        if not isinstance(low, str) or not isinstance(high, str):
            return True
        return any(low <= each <= high for each in self.values)

    def is_all_of(self, file: LoggedFile) -> bool:
        """Return whether the file's only value is one of them."""
        low, high = file.bounds.get(self.column, (None, None))
        return isinstance(low, str) and low == high and low in self.values and self._full(file)

    def _full(self, file: LoggedFile) -> bool:
        return file.nulls.get(self.column) == 0

    def mask(self, values: pa.Array) -> pa.BooleanArray:
        """Return which of *values* are one of them."""
        texts = values.cast(pa.string())
        return pc.is_in(texts, value_set=pa.array(sorted(self.values), pa.string()))


@frozen
class Older:
    """Rows whose time is before another."""

    column: str
    before: datetime

    def may_be_in(self, file: LoggedFile) -> bool:
        """Return whether the file's earliest time is before it."""
        low = file.bounds.get(self.column, (None, None))[0]
        if isinstance(low, datetime):
            return low - _ROUNDING < self.before
        return file.nulls.get(self.column) != file.rows or file.rows is None

    def is_all_of(self, file: LoggedFile) -> bool:
        """Return whether the file's latest time is before it."""
        high = file.bounds.get(self.column, (None, None))[1]
        early = isinstance(high, datetime) and high + _ROUNDING < self.before
        return early and file.nulls.get(self.column) == 0

    def mask(self, values: pa.Array) -> pa.BooleanArray:
        """Return which of *values* are before it; what is null is not."""
        limit = pa.scalar(self.before, pa.timestamp("us", "UTC"))
        return pc.fill_null(pc.less(values.cast(limit.type), limit), False)


def files_of_version(table: DeltaTable, column: str) -> list[LoggedFile]:
    """Return every file at the version of the handle, with what the log says of *column*."""
    names: Sequence[str] = table.metadata().partition_columns
    found = pa.table(table.get_add_actions(flatten=True))
    without = marked(table)
    return [_file(row, names, column, without) for row in found.to_pylist()]


def _file(
    row: Mapping[str, Any], names: Sequence[str], column: str, without: Collection[str]
) -> LoggedFile:
    path = stored(row["path"])
    strange = ""
    if path is None:
        strange = "it is not named by a plain relative path"
    elif path.rpartition("/")[2] in without:
        strange = "some of its rows are deleted by a vector"
    low, high = row.get(f"min.{column}"), row.get(f"max.{column}")
    nulls = row.get(f"null_count.{column}")
    if column in names and row[f"partition.{column}"] is not None:
        low = high = row[f"partition.{column}"]
        nulls = 0
    return LoggedFile(
        path=path or row["path"],
        partition=partition_of(names, [row[f"partition.{name}"] for name in names]),
        bytes=row["size_bytes"],
        rows=row["num_records"],
        bounds={column: (low, high)},
        nulls={column: nulls},
        strange=strange,
    )
