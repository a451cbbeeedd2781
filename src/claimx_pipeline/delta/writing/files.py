"""The data files of one table: read and written as they are, past the engine.

Files of a local table are opened by path, those of an object store through deltalake's own
client, so that the same options reach them.
"""

from __future__ import annotations

import uuid
from collections.abc import Collection, Iterator, Sequence
from contextlib import contextmanager
from math import ceil
from time import time

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.fs as pafs
import pyarrow.parquet as pq
from attrs import define, field, frozen
from deltalake import DeltaTable
from deltalake.fs import DeltaStorageHandler
from deltalake.transaction import AddAction, RemoveAction

from claimx_pipeline.delta.faults import as_table_error
from claimx_pipeline.delta.location import TableLocation
from claimx_pipeline.delta.writing.layout import MOST_ROWS, ROWS, Bucket, DataFile
from claimx_pipeline.delta.writing.statistics import Statistics

PIECE_BYTES = 16 * 2**20
"""Rows of a file take no more than this in memory, however few they are."""
_WHOLE = 2**20
"""A file up to this size is read in one request."""
_BATCH = 8_192
"""Rows of a large file that are looked at together, at most."""
SKIPPING = "delta.dataSkippingStatsColumns"


@frozen
class OpenFile:
    """A data file, open for reading."""

    _parquet: pq.ParquetFile
    schema: pa.Schema

    def batches(self, columns: Sequence[str] | None = None) -> Iterator[pa.RecordBatch]:
        """Yield the rows in their order: *columns* of them, or all; missing ones are null."""
        wanted = self.schema
        if columns is not None:
            wanted = pa.schema([wanted.field(name) for name in columns])
        there = set(self._parquet.schema_arrow.names)
        names = [name for name in wanted.names if name in there]
        count = self._together()
        for batch in self._parquet.iter_batches(count, columns=names, use_threads=False):
            yield _fitted(batch, wanted)

    def _together(self) -> int:
        """Return how many rows are read at once: fewer if they are long."""
        stored = self._parquet.metadata
        size = sum(stored.row_group(at).total_byte_size for at in range(stored.num_row_groups))
        fitting: int = PIECE_BYTES * stored.num_rows // max(1, size)
        return min(_BATCH, max(1, fitting))


@define
class TableFiles:
    """Reads and writes files of one table, at one version of its schema.

    May be used from several threads.
    """

    location: TableLocation
    identity: Sequence[str]
    """Columns by which the rows of a file are in order."""
    schema: pa.Schema
    """Columns of a file: those of the table, without its partition."""
    counted: Sequence[str] = ()
    """Columns that the log has statistics of."""
    _store: pafs.FileSystem = field(init=False)

    @classmethod
    def of(cls, table: DeltaTable, location: TableLocation, identity: Sequence[str]) -> TableFiles:
        """Return the files of *table*, at the version of the handle."""
        metadata = table.metadata()
        apart = set(metadata.partition_columns)
        columns = [
            column.remove_metadata()
            for column in pa.schema(table.schema().to_arrow())
            if column.name not in apart
        ]
        schema = pa.schema(columns)
        named = metadata.configuration.get(SKIPPING)
        wanted = [*identity, *(named.split(",") if named else ())]
        counted = [name for name in dict.fromkeys(wanted) if name in schema.names]
        return cls(location, identity, schema, counted)

    def __attrs_post_init__(self) -> None:
        if self.location.is_local:
            self._store = pafs.SubTreeFileSystem(self.location.uri, pafs.LocalFileSystem())
        else:
            options = self.location.revealed()
            self._store = pafs.PyFileSystem(DeltaStorageHandler(self.location.uri, options))

    @contextmanager
    def opened(self, file: DataFile) -> Iterator[OpenFile]:
        """Offer the rows of *file*.

        Raises:
            TableUnusableError: It cannot be read.
        """
        reading = as_table_error(self.location.table, f"file {file.path} cannot be read")
        with reading, self._store.open_input_file(file.path) as stored:
            source = pa.BufferReader(stored.read()) if file.bytes <= _WHOLE else stored
            with pq.ParquetFile(source) as parquet:
                yield OpenFile(parquet, self.schema)

    def read(self, file: DataFile) -> pa.Table:
        """Return all rows of *file*.

        Raises:
            TableUnusableError: It cannot be read.
        """
        with self.opened(file) as opened:
            return pa.Table.from_batches(opened.batches(), self.schema)

    def write(
        self,
        rows: pa.Table,
        bucket: Bucket,
        *,
        without: Collection[int] = (),
        data_change: bool = True,
    ) -> list[AddAction]:
        """Write *rows*, which are of one bucket, in the order of their keys.

        Args:
            rows: The rows, with the columns of a file.
            bucket: Their bucket.
            without: Indices of rows that are left out.
            data_change: Whether the rows are others than those that the commit removes.

        Returns:
            What a commit that adds them says of each file.

        Raises:
            TableUnusableError: They cannot be written.
        """
        order = pc.sort_indices(
            rows.select(self.identity), [(name, "ascending") for name in self.identity]
        )
        if without:
            dropped = pa.array(without, order.type)
            order = order.filter(pc.invert(pc.is_in(order, value_set=dropped)))
        pieces = _pieces(rows.take(order))
        return [self._written(piece, bucket, data_change) for piece in pieces]

    @contextmanager
    def created(self, path: str) -> Iterator[pa.NativeFile]:
        """Offer the new file *path* for writing.

        Raises:
            TableUnusableError: It cannot be written.
        """
        folder = path.rpartition("/")[0]
        with as_table_error(self.location.table, f"file {path} cannot be written"):
            if folder and self.location.is_local:
                self._store.create_dir(folder)
            with self._store.open_output_stream(path) as out:
                yield out

    def _written(self, rows: pa.Table, bucket: Bucket, data_change: bool) -> AddAction:
        folder = "" if bucket is None else f"_bucket={bucket}/"
        path = f"{folder}{new_name()}"
        with self.created(path) as out:
            pq.write_table(
                rows,
                out,
                compression="zstd",
                # Looking for repeated values takes longer than all the rest, and of so few
                # rows the compression finds them as well.
                use_dictionary=False,
                write_statistics=list(self.identity),
            )
            size = out.tell()
        statistics = Statistics(self.counted)
        statistics.add(rows)
        values = {} if bucket is None else {"_bucket": str(bucket)}
        return AddAction(path, size, values, now(), data_change, statistics.as_json())


def new_name() -> str:
    """Return a name that no other file has."""
    return f"part-00000-{uuid.uuid4()}-c000.zstd.parquet"


def removed(file: DataFile) -> RemoveAction:
    """Return what a commit that removes *file* says of it."""
    return RemoveAction(
        file.path,
        data_change=True,
        deletion_timestamp=now(),
        partition_values={} if file.bucket is None else {"_bucket": str(file.bucket)},
        size=file.bytes,
    )


def _pieces(rows: pa.Table) -> Iterator[pa.Table]:
    """Yield *rows* in parts of the size of a file."""
    count = ceil(rows.nbytes / PIECE_BYTES)
    if len(rows) > MOST_ROWS:
        count = max(count, ceil(len(rows) / ROWS))
    for at in range(count):
        first, end = len(rows) * at // count, len(rows) * (at + 1) // count
        if first < end:
            yield rows.slice(first, end - first)


def _fitted(batch: pa.RecordBatch, schema: pa.Schema) -> pa.RecordBatch:
    """Return *batch* with exactly the columns of *schema*."""
    columns = []
    for column in schema:
        at = batch.schema.get_field_index(column.name)
        found = batch.column(at) if at >= 0 else pa.nulls(len(batch), column.type)
        columns.append(found if found.type == column.type else found.cast(column.type))
    return pa.RecordBatch.from_arrays(columns, schema=schema)


def now() -> int:
    """Return the time as a commit says it of a file, in milliseconds since 1970."""
    return int(time() * 1000)
