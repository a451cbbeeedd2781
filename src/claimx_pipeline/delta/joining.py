"""Compaction of tables whose files have no order: the small ones of a partition are joined.

The engine has an OPTIMIZE for that, and moves one over another unseen, which doubles rows. So
files are read and written here, a piece at a time, and committed as those of keyed tables are.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import pyarrow as pa
import pyarrow.parquet as pq
from attrs import define
from deltalake import CommitProperties, DeltaTable
from deltalake.exceptions import CommitFailedError
from deltalake.transaction import AddAction, RemoveAction

from claimx_pipeline.delta.features import refuse_unwritable
from claimx_pipeline.delta.location import TableLocation
from claimx_pipeline.delta.small_files import (
    Partition,
    SmallFile,
    files_of,
    small_files,
    why_not_joined,
)
from claimx_pipeline.delta.writing.file_commit import FileCommit
from claimx_pipeline.delta.writing.files import PIECE_BYTES, SKIPPING, TableFiles, new_name, now
from claimx_pipeline.delta.writing.layout import CHANGE_FEED, DataFile
from claimx_pipeline.delta.writing.statistics import Statistics

_COUNTED = "delta.dataSkippingNumIndexedCols"
_USUALLY = 32
"""Columns with statistics in a table that does not say otherwise."""
_ONLY_GROWS = "delta.appendOnly"


@define
class Joining:
    """Joins files of one version of a table."""

    location: TableLocation
    table: DeltaTable
    files: TableFiles
    counted: Sequence[str]
    """Columns that the log has statistics of."""

    @classmethod
    def of(cls, table: DeltaTable, location: TableLocation) -> Joining:
        """Return it for the version of the handle."""
        files = TableFiles.of(table, location, ())
        return cls(location, table, files, counted(table, files))

    def join(self, partition: Partition, properties: CommitProperties) -> None:
        """Join the small files of *partition*, in one commit that changes no row.

        What others commit in between does not matter as long as the files are all still there.

        Raises:
            CommitFailedError: Others have removed some of the files, or changed how the table
                is written.
            TableUnusableError: A file cannot be read or written.
        """
        self._see(self.table)
        small = [each for each in small_files(self.table) if each.partition == partition]
        groups = [group for each in small for group in each.groups()]
        if not groups:
            return
        read = {(partition, file.path) for group in groups for file in group}
        quiet = _is_quiet(self.table)
        FileCommit(
            table=self.location.table,
            removed=[_removed(file, partition, quiet) for group in groups for file in group],
            added=[self._joined(group, partition) for group in groups],
            unchanged=lambda table: read <= files_of(small_files(table)),
        ).commit(self.table, lambda _: properties, self._seeing(quiet))

    def _seeing(self, quiet: bool) -> Callable[[DeltaTable], None]:
        def see(table: DeltaTable) -> None:
            self._see(table)
            if _is_quiet(table) != quiet:
                raise CommitFailedError("the table was changed meanwhile: its properties")

        return see

    def _see(self, table: DeltaTable) -> None:
        """See that files can be joined, at the version of a handle."""
        refuse_unwritable(self.location.table, table)
        if why := why_not_joined(table):
            raise CommitFailedError(f"the table was changed meanwhile: {why}")

    def _joined(self, group: Sequence[SmallFile], partition: Partition) -> AddAction:
        """Write the rows of *group* to one new file."""
        folder = group[0].path.rpartition("/")[0]
        path = f"{folder}/{new_name()}" if folder else new_name()
        statistics = Statistics(self.counted)
        with (
            self.files.created(path) as out,
            pq.ParquetWriter(out, self.files.schema, compression="zstd") as writer,
        ):
            for rows in self._pieces(group):
                statistics.add(rows)
                writer.write_table(rows, row_group_size=len(rows))
            writer.close()
            size = out.tell()
        # Its rows are no new data for those who follow the log.
        return AddAction(path, size, dict(partition), now(), False, statistics.as_json())

    def _pieces(self, group: Sequence[SmallFile]) -> Iterator[pa.Table]:
        """Yield the rows of *group* in their order, as many together as memory is to hold."""
        kept: list[pa.RecordBatch] = []
        size = 0
        for file in group:
            with self.files.opened(DataFile(file.path, None, None, file.bytes)) as opened:
                for batch in opened.batches():
                    kept.append(batch)
                    size += batch.nbytes
                    if size >= PIECE_BYTES:
                        yield pa.Table.from_batches(kept, self.files.schema)
                        kept, size = [], 0
        if kept:
            yield pa.Table.from_batches(kept, self.files.schema)


def _removed(file: SmallFile, partition: Partition, quiet: bool) -> RemoveAction:
    # No data changes. But deltalake (1.6) moves an OPTIMIZE of others that this commit has
    # overtaken over it unseen if this is what it says.
    return RemoveAction(
        file.path,
        data_change=not quiet,
        deletion_timestamp=now(),
        partition_values=dict(partition),
        size=file.bytes,
    )


def _is_quiet(table: DeltaTable) -> bool:
    """Return whether *table* forbids to say of rows that they are removed."""
    set_to = table.metadata().configuration
    return "true" in (set_to.get(_ONLY_GROWS), set_to.get(CHANGE_FEED))


def counted(table: DeltaTable, files: TableFiles) -> Sequence[str]:
    """Return the columns of *table* that the log is to have statistics of."""
    set_to = table.metadata().configuration
    flat = [column.name for column in files.schema if not pa.types.is_nested(column.type)]
    if set_to.get(SKIPPING):
        return [name for name in files.counted if name in flat]
    most = int(set_to.get(_COUNTED) or _USUALLY)
    first = files.schema.names if most < 0 else files.schema.names[:most]
    return [name for name in flat if name in first]
