"""Rows deleted from a table beside its writers: exactly the files that hold them are replaced.

A file that holds none of them stays as it is. What a writer commits in between does not matter
as long as the files read are still there; what it brought is looked at afterwards, until a
version holds no row that is meant. A writer whose own files are replaced notices it by its
commit, which fails, and reads again.

Files that are replaced stay in the store until a vacuum, as after every other commit.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
from attrs import define, field, frozen
from deltalake import CommitProperties, DeltaTable, Transaction
from deltalake.exceptions import CommitFailedError
from deltalake.transaction import AddAction, RemoveAction

from claimx_pipeline.delta.faults import TableUnusableError, as_table_error, one_line
from claimx_pipeline.delta.features import refuse_unwritable
from claimx_pipeline.delta.joining import counted
from claimx_pipeline.delta.location import TableLocation
from claimx_pipeline.delta.selection import LoggedFile, Selection, files_of_version
from claimx_pipeline.delta.small_files import why_not_joined
from claimx_pipeline.delta.spec import TableSpec
from claimx_pipeline.delta.writing.file_commit import FileCommit
from claimx_pipeline.delta.writing.files import TableFiles, new_name, now
from claimx_pipeline.delta.writing.layout import DataFile
from claimx_pipeline.delta.writing.marks import GROUP, MAINTENANCE
from claimx_pipeline.delta.writing.statistics import Statistics
from claimx_pipeline.errors import TableError

log = logging.getLogger(__name__)

TOGETHER = 16
"""Files replaced by one commit, so that a conflict costs little."""
_CONFLICTS = 30
"""Commits in a row that others may be faster with."""
_ONLY_GROWS = "delta.appendOnly"


@frozen
class DeletedRows:
    """What was deleted of a table, or would be."""

    rows: int = 0
    files: int = 0
    """Files that held some of them."""


@define
class Deleting:
    """Deletes rows of one table. Its methods block."""

    location: TableLocation
    spec: TableSpec
    marks: Sequence[Transaction] = ()
    """Transactions that every commit states."""
    _clean: set[str] = field(factory=set, init=False)
    """Files that hold no row that is meant: a file never changes."""
    _rows: int = field(default=0, init=False)
    _files: int = field(default=0, init=False)

    def count(self, selection: Selection) -> DeletedRows:
        """Return how many rows there are to delete; changes nothing.

        Raises:
            TableError: There is no table, or it cannot be read.
        """
        table = self._opened(selection)
        files = self._table_files(table)
        for file in self._candidates(table, selection):
            self._note(self._held(files, file, selection))
        return DeletedRows(self._rows, self._files)

    def delete(self, selection: Selection) -> DeletedRows:
        """Delete the rows; return once a version holds none of them.

        Raises:
            TableError: There is no table, it cannot be written in this way, or others kept
                committing to it.
        """
        conflicts = 0
        while True:
            table = self._opened(selection)
            found = self._candidates(table, selection)
            if not found:
                return DeletedRows(self._rows, self._files)
            try:
                self._replace(table, selection, found[:TOGETHER])
            except CommitFailedError as error:
                conflicts += 1
                if conflicts > _CONFLICTS:
                    raise TableError(
                        self.spec.name,
                        f"others keep writing to it ({one_line(error)}); try again later",
                    ) from error
                log.info("table %r changed meanwhile: %s", self.spec.name, one_line(error))
            except TableUnusableError:
                # A file that another maintenance has replaced and deleted meanwhile.
                conflicts += 1
                if conflicts > _CONFLICTS or self.location.open().version() == table.version():
                    raise
            else:
                conflicts = 0

    def _opened(self, selection: Selection) -> DeltaTable:
        """Return the newest version, seen to be one of which files can be replaced."""
        table = self.location.open()
        name = self.spec.name
        refuse_unwritable(name, table)
        if why := why_not_joined(table):
            raise TableError(name, f"its rows cannot be deleted here: {why}")
        if table.metadata().configuration.get(_ONLY_GROWS) == "true":
            raise TableError(name, f"{_ONLY_GROWS} is set, so no row can be deleted; unset it")
        stored = {column.name for column in table.schema().fields}
        if selection.column not in stored:
            raise TableError(name, f"it has no column {selection.column!r}")
        return table

    def _candidates(self, table: DeltaTable, selection: Selection) -> list[LoggedFile]:
        with self._failing("its log cannot be read"):
            files = files_of_version(table, selection.column)
        found = [
            file for file in files if file.path not in self._clean and selection.may_be_in(file)
        ]
        for file in found:
            if file.strange:
                raise TableError(
                    self.spec.name, f"file {file.path} cannot be replaced: {file.strange}"
                )
        return found

    def _replace(
        self, table: DeltaTable, selection: Selection, found: Sequence[LoggedFile]
    ) -> None:
        """Replace those of the files *found* that hold rows that are meant, in one commit."""
        files = self._table_files(table)
        statistics = counted(table, files)
        removed: list[RemoveAction] = []
        added: list[AddAction] = []
        held: list[int] = []
        for file in found:
            rows = self._held(files, file, selection)
            if not rows:
                self._clean.add(file.path)
                continue
            held.append(rows)
            removed.append(_removed(file))
            if rows != file.rows:
                added.append(self._without(files, statistics, file, selection))
        if not removed:
            return
        read = {action.path for action in removed}
        FileCommit(
            table=self.spec.name,
            removed=removed,
            added=added,
            unchanged=lambda at: (
                read <= {file.path for file in files_of_version(at, selection.column)}
            ),
        ).commit(table, lambda _: self._properties(), self._look(selection))
        self._clean.update(action.path for action in added)
        for rows in held:
            self._note(rows)

    def _look(self, selection: Selection) -> Callable[[DeltaTable], None]:
        def look(table: DeltaTable) -> None:
            if why_not_joined(table) or selection.column not in _names(table):
                raise CommitFailedError("the table was changed meanwhile")

        return look

    def _held(self, files: TableFiles, file: LoggedFile, selection: Selection) -> int:
        """Return how many rows of *file* are meant."""
        if file.rows is not None and selection.is_all_of(file):
            return file.rows
        with files.opened(_data(file)) as opened:
            return sum(
                pc.sum(selection.mask(batch.column(0))).as_py() or 0
                for batch in opened.batches([selection.column])
            )

    def _without(
        self,
        files: TableFiles,
        columns: Sequence[str],
        file: LoggedFile,
        selection: Selection,
    ) -> AddAction:
        """Write the other rows of *file* to a new one, in their order."""
        folder = file.path.rpartition("/")[0]
        path = f"{folder}/{new_name()}" if folder else new_name()
        statistics = Statistics(columns)
        with (
            files.opened(_data(file)) as opened,
            files.created(path) as out,
            pq.ParquetWriter(out, files.schema, compression="zstd") as writer,
        ):
            for batch in opened.batches():
                kept = batch.filter(pc.invert(selection.mask(batch.column(selection.column))))
                rows = pa.Table.from_batches([kept], files.schema)
                statistics.add(rows)
                writer.write_table(rows)
            writer.close()
            size = out.tell()
        return AddAction(path, size, dict(file.partition), now(), True, statistics.as_json())

    def _table_files(self, table: DeltaTable) -> TableFiles:
        identity = self.spec.identity() if self.spec.mode == "merge" else ()
        return TableFiles.of(table, self.location, identity)

    def _properties(self) -> CommitProperties:
        return CommitProperties(
            max_commit_retries=0,
            app_transactions=[*self.marks] or None,
            custom_metadata={GROUP: MAINTENANCE},
        )

    def _note(self, rows: int) -> None:
        self._rows += rows
        self._files += bool(rows)

    def _failing(self, what: str) -> AbstractContextManager[None]:
        return as_table_error(self.spec.name, f"{what} at {self.location.uri}")


def _data(file: LoggedFile) -> DataFile:
    return DataFile(file.path, None, file.rows, file.bytes)


def _names(table: DeltaTable) -> set[str]:
    return {column.name for column in table.schema().fields}


def _removed(file: LoggedFile) -> RemoveAction:
    return RemoveAction(
        file.path,
        data_change=True,
        deletion_timestamp=now(),
        partition_values=dict(file.partition),
        size=file.bytes,
    )
