"""Rows of Parquet files as events: of files as they are, and of a Delta table at one version."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping, Sequence
from datetime import UTC, datetime
from decimal import Decimal
from functools import partial
from typing import Any, Protocol

import msgspec
import pyarrow as pa
import pyarrow.fs as arrow_fs
import pyarrow.parquet as pq
from attrs import define, field, frozen
from deltalake import DeltaTable
from deltalake.exceptions import TableNotFoundError
from deltalake.fs import DeltaStorageHandler

from claimx_pipeline.sources.blocking import PAGE
from claimx_pipeline.sources.listing import SourceFile, check_read, list_files
from claimx_pipeline.sources.protocol import Page, SourceError, SourceRecord


@frozen(kw_only=True)
class RowsPosition:
    """Which file of which version is being read, and how far."""

    version: int | None = None
    """Of a Delta table: it does not change under a reader. None for files."""
    file: str
    rows: int = 0
    done: str = ""
    """The marks of the files before it; empty of a Delta table."""


@frozen
class RowsFile:
    """A Parquet file, and what is known of all its rows."""

    name: str
    modified: datetime
    open: Callable[[], Any]
    partition: Mapping[str, Any]
    """Columns that are not in the file."""


class RowsFiles(Protocol):
    """The files of a source, in order."""

    def first(self) -> RowsPosition | None:
        """Return where it begins; None if there is nothing."""
        ...

    def current(self, at: RowsPosition) -> RowsFile:
        """Return the file that *at* is in.

        Raises:
            SourceError: It cannot be read on.
        """
        ...

    def after(self, at: RowsPosition) -> RowsPosition | None:
        """Return the beginning of the next file, None after the last one."""
        ...


@define
class RowsReader:
    """Reads rows, file by file."""

    files: RowsFiles
    column: str | None
    """The column that holds the whole event; None if a row is an event."""
    _at: RowsPosition | None = field(default=None, init=False)
    _rows: Iterator[dict[str, Any]] | None = field(default=None, init=False)
    _file: RowsFile | None = field(default=None, init=False)

    def read(self, position: Any) -> Page:
        """Return the next rows, and the position after them."""
        at = self.files.first() if position is None else msgspec.convert(position, RowsPosition)
        while at is not None:
            file, rows = self._opened(at)
            number = at.rows
            records: list[SourceRecord] = []
            for row in rows:
                records.append(self._record(file, number, row))
                number += 1
                if len(records) == PAGE:
                    break
            at = RowsPosition(version=at.version, file=at.file, rows=number, done=at.done)
            self._at = at
            if records:
                return records, msgspec.to_builtins(at)
            following = self.files.after(at)
            if following is None:
                return [], msgspec.to_builtins(at)
            at = following
        return [], position

    def progress(self) -> str:
        """Return which file is read, and how far."""
        return f"{self._at.file} up to row {self._at.rows}" if self._at is not None else ""

    def close(self) -> None:
        """Close the file that is open."""
        self._rows = self._file = self._at = None

    def _opened(self, at: RowsPosition) -> tuple[RowsFile, Iterator[dict[str, Any]]]:
        if self._rows is None or self._file is None or self._at != at:
            self._file = self.files.current(at)
            self._rows = _rows(self._file, at.rows, self.column)
            self._at = at
        return self._file, self._rows

    def _record(self, file: RowsFile, number: int, row: dict[str, Any]) -> SourceRecord:
        value, fault = _event(row, self.column)
        return SourceRecord(
            value=value, at=f"{file.name}#{number + 1}", time=file.modified, fault=fault
        )


def _rows(file: RowsFile, skip: int, column: str | None) -> Iterator[dict[str, Any]]:
    """Yield the rows of *file* behind the first *skip* ones."""
    try:
        parquet = pq.ParquetFile(file.open())
    except pa.ArrowInvalid as error:
        raise SourceError(f"{file.name!r} is not a valid Parquet file: {error}") from error
    if column is not None and column not in parquet.schema_arrow.names:
        known = ", ".join(parquet.schema_arrow.names)
        raise SourceError(
            f"{file.name!r} has no column {column!r}; set 'column' to one of {known}, or leave it "
            "out to make an event of every row"
        )
    groups: list[int] = []
    for group in range(parquet.num_row_groups):
        count = parquet.metadata.row_group(group).num_rows
        if not groups and skip >= count:
            skip -= count
            continue
        groups.append(group)
    columns = None if column is None else [column]
    try:
        for batch in parquet.iter_batches(batch_size=PAGE, row_groups=groups, columns=columns):
            for row in batch.slice(min(skip, batch.num_rows)).to_pylist():
                yield {**row, **file.partition} if column is None else row
            skip -= min(skip, batch.num_rows)
    except pa.ArrowInvalid as error:
        raise SourceError(f"{file.name!r} is damaged: {error}") from error


def _event(row: dict[str, Any], column: str | None) -> tuple[bytes, str]:
    """Return the event in *row*, and why it cannot be one."""
    if column is not None:
        value = row[column]
        if isinstance(value, str):
            return value.encode(), ""
        if isinstance(value, bytes):
            return value, ""
        return b"", f"column {column!r} of this row is {value!r}; it must hold the event as JSON"
    try:
        return msgspec.json.encode(_jsonable(row)), ""
    except (TypeError, ValueError, OverflowError) as error:
        return repr(row).encode(), f"this row cannot be written as JSON: {error}"


def _jsonable(value: Any) -> Any:
    """Return *value* as JSON can hold it: numbers that are none are null, maps are objects."""
    if isinstance(value, dict):
        return {str(key): _jsonable(each) for key, each in value.items()}
    if isinstance(value, (list, tuple)):
        return [_jsonable(each) for each in value]
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Decimal):
        return str(value)
    return value


@define
class ParquetFiles:
    """Parquet files that a path names."""

    path: str

    def first(self) -> RowsPosition | None:
        """Return where the first file begins."""
        files = list_files(self.path)
        return RowsPosition(file=files[0].name) if files else None

    def current(self, at: RowsPosition) -> RowsFile:
        """Return the file that *at* is in."""
        file = self._find(at)[0]
        modified = datetime.fromtimestamp(file.modified / 1e9, UTC)
        return RowsFile(file.name, modified, lambda: str(file.path), {})

    def after(self, at: RowsPosition) -> RowsPosition | None:
        """Return the beginning of the next file."""
        file, following = self._find(at)
        if following is None:
            return None
        return RowsPosition(file=following.name, done=at.done + file.mark)

    def _find(self, at: RowsPosition) -> tuple[SourceFile, SourceFile | None]:
        files = list_files(self.path)
        check_read(files, at.file, at.done)
        names = [each.name for each in files]
        here = names.index(at.file)
        return files[here], files[here + 1] if here + 1 < len(files) else None


@define
class DeltaFiles:
    """The files of a Delta table at one version."""

    uri: str
    version: int | None
    """None for the one that there is when it is read first."""
    options: Mapping[str, str]
    """Of the storage, in clear."""
    _version: int | None = field(default=None, init=False)
    _files: Sequence[RowsFile] = field(factory=tuple, init=False)

    def first(self) -> RowsPosition | None:
        """Return where the first file begins, in the version that is read from now on."""
        version = self._open(self.version)
        return RowsPosition(version=version, file=self._files[0].name) if self._files else None

    def current(self, at: RowsPosition) -> RowsFile:
        """Return the file that *at* is in."""
        index = self._index(at)  # opens the table, if it is not
        return self._files[index]

    def after(self, at: RowsPosition) -> RowsPosition | None:
        """Return the beginning of the next file."""
        following = self._index(at) + 1
        if following == len(self._files):
            return None
        return RowsPosition(version=at.version, file=self._files[following].name)

    def _index(self, at: RowsPosition) -> int:
        if self.version is not None and at.version != self.version:
            raise SourceError(
                f"version {at.version} of the table at {self.uri} is being read, and the settings "
                f"name version {self.version}; read it by a source of another name"
            )
        self._open(at.version)
        for index, file in enumerate(self._files):
            if file.name == at.file:
                return index
        raise SourceError(f"version {at.version} of the table at {self.uri} has no {at.file!r}")

    def _open(self, version: int | None) -> int:
        if self._version is not None and version in (self._version, None):
            return self._version
        try:
            table = DeltaTable(self.uri, version=version, storage_options=dict(self.options))
        except TableNotFoundError as error:
            raise SourceError(f"there is no Delta table at {self.uri}; correct 'path'") from error
        _refuse_unreadable(self.uri, table)
        filesystem = arrow_fs.PyFileSystem(DeltaStorageHandler.from_table(table._table))  # noqa: SLF001 - the documented way to its storage
        adds = pa.table(table.get_add_actions(flatten=True)).to_pylist()
        self._files = [
            RowsFile(
                add["path"],
                datetime.fromtimestamp(add["modification_time"] / 1000, UTC),
                partial(filesystem.open_input_file, add["path"]),
                {
                    key.removeprefix("partition."): value
                    for key, value in add.items()
                    if key.startswith("partition.")
                },
            )
            for add in sorted(adds, key=lambda each: each["path"])
        ]
        self._version = table.version()
        return self._version


def _refuse_unreadable(uri: str, table: DeltaTable) -> None:
    """See that the files of *table* hold its rows as they are.

    Raises:
        SourceError: They are to be read together with something else.
    """
    configuration = table.metadata().configuration
    features = set(table.protocol().reader_features or ())
    mapped = configuration.get("delta.columnMapping.mode", "none") != "none"
    if mapped or "deletionVectors" in features:
        what = "column mapping" if mapped else "deletion vectors"
        raise SourceError(
            f"the table at {uri} uses {what}, so its files do not hold its rows as they are; write "
            "a copy of it without (CREATE TABLE … AS SELECT), and read that"
        )
