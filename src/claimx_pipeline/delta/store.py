"""All tables: where they are, what they must look like, who writes them."""

from __future__ import annotations

import logging
from collections.abc import Callable, Collection, Mapping
from datetime import timedelta
from typing import TypeVar

import pyarrow as pa
import pyarrow.compute as pc
from attrs import define, field, frozen
from deltalake import DeltaTable, Schema
from deltalake.exceptions import CommitFailedError

from claimx_pipeline.broker.protocol import TopicPartition
from claimx_pipeline.clock import Clock
from claimx_pipeline.delta.comments import (
    Unexplained,
    description_of,
    explain,
    fields_of,
    unexplained,
)
from claimx_pipeline.delta.faults import TableUnusableError, as_table_error, one_line
from claimx_pipeline.delta.features import refuse_unwritable
from claimx_pipeline.delta.handle import KeptHandle
from claimx_pipeline.delta.location import TableLocation, locate
from claimx_pipeline.delta.log_files import LogFiles
from claimx_pipeline.delta.schemas import (
    SchemaChange,
    add_missing_columns,
    change_of,
    configuration,
    own_properties,
    refuse_other_schema,
    refuse_undeclarable,
)
from claimx_pipeline.delta.spec import TableSpec
from claimx_pipeline.delta.writing.append import AppendWriter
from claimx_pipeline.delta.writing.held_positions import Acquired, Positions
from claimx_pipeline.delta.writing.layout import way_of_writing
from claimx_pipeline.delta.writing.merge import MergeWriter
from claimx_pipeline.delta.writing.positions import (
    acquire_keyed,
    acquire_positions,
    positions_of_rows,
    write_positions,
)
from claimx_pipeline.delta.writing.sink import DeltaSink, TableSink, TableWriter
from claimx_pipeline.errors import TableError, UnknownTableError
from claimx_pipeline.settings.nearest import meant
from claimx_pipeline.settings.tree.tables import TablesSettings

log = logging.getLogger(__name__)

T = TypeVar("T")

TIME_LIMIT = 300.0
"""Seconds one operation on a table may take; a throttled cloud can need minutes."""
_TRIES = 5
"""Tries of what fails because another worker commits at the same moment."""


@frozen
class TableFacts:
    """What ``claimx-run tables list`` shows."""

    rows: int
    """Number of rows."""
    version: int
    """Its newest version."""
    bytes: int
    """Size of its files."""
    files: int
    """Number of its files."""
    log_files: int
    """Files of its log."""


@define
class TableStore:
    """The tables of this pipeline.

    Its methods block; call them from a thread where an event loop runs. ``sink`` only
    makes an object.
    """

    settings: TablesSettings
    """The section ``tables``."""
    specs: Mapping[str, TableSpec]
    """Every declared table by name."""
    clock: Clock
    """Tells the time."""
    time_limit: float = field(default=TIME_LIMIT, kw_only=True)
    """Seconds one operation of a sink may take."""

    def spec(self, name: str) -> TableSpec:
        """Return the declaration of a table.

        Raises:
            UnknownTableError: No table of that name is declared.
        """
        found = self.specs.get(name)
        if found is None:
            hint = f"{meant(name, self.specs)}declared are {', '.join(sorted(self.specs))}"
            raise UnknownTableError(name, f"is not declared; {hint}")
        return found

    def location(self, name: str) -> TableLocation:
        """Return the location of a table.

        Raises:
            TableError: It is not declared, or its location in the settings is not valid.
        """
        return locate(self.settings, self.spec(name).name)

    def exists(self, name: str) -> bool:
        """Return whether a table has been created."""
        return self.location(name).exists()

    def create(self, name: str) -> bool:
        """Create a table; return whether it was missing.

        Raises:
            TableError: The location cannot be written, or is one that the engine misreads.
        """
        spec, location = self.spec(name), self.location(name)
        if location.exists():
            return False
        try:
            with as_table_error(name, f"cannot be created at {location.uri}"):
                DeltaTable.create(
                    location.uri,
                    schema=Schema(fields_of(spec)),
                    mode="error",
                    partition_by=list(spec.partitions()) or None,
                    name=spec.name,
                    description=description_of(spec),
                    configuration={**configuration(spec), **own_properties(spec)},
                    raise_if_key_not_exists=False,
                    storage_options=location.revealed(),
                )
        except TableUnusableError as error:
            try:
                location.open()
            except TableError:
                raise error from None
            return False  # another process was faster
        return True

    def check(self, name: str) -> tuple[str, ...]:
        """Compare the stored with the declared schema; return the columns added.

        Raises:
            TableError: There is no table, it differs in more than a new nullable column,
                or it would forget positions.
        """
        return self._altered(name, add_missing_columns)

    def unexplained(self, name: str) -> Unexplained:
        """Return what a stored table lacks of its description and the comments on its columns.

        Raises:
            TableError: There is no table, or it cannot be read.
        """
        table = self.open(name)
        with as_table_error(name, f"its log cannot be read at {self.location(name).uri}"):
            return unexplained(self.spec(name), table)

    def explain(self, name: str) -> None:
        """Write what it lacks of them to a stored table; no row is written again.

        Raises:
            TableError: There is no table, it differs in more than a new nullable column, or
                others kept changing it.
        """
        self.compare(name)
        self._altered(name, explain)

    def _altered(self, name: str, alter: Callable[[TableSpec, DeltaTable], T]) -> T:
        """Change the schema of a table, again if others change it at the same moment."""
        for _ in range(_TRIES - 1):
            try:
                return alter(self.spec(name), self.open(name))
            except CommitFailedError as error:
                why = one_line(error)
                log.info("table %r changed while it was compared, again: %s", name, why)
        with as_table_error(name, "its columns cannot be changed"):
            return alter(self.spec(name), self.open(name))

    def compare(self, name: str) -> None:
        """Compare the stored with the declared schema; nothing is changed.

        Raises:
            TableError: There is no table, it differs in more than a new nullable column,
                or it would forget positions.
        """
        refuse_other_schema(self.spec(name), self.open(name))

    def change(self, name: str) -> SchemaChange:
        """Return in what a stored table is not what is declared; changes nothing.

        Raises:
            TableError: There is no table, or it cannot be read.
        """
        table = self.open(name)
        with as_table_error(name, f"its log cannot be read at {self.location(name).uri}"):
            return change_of(self.spec(name), table)

    def open(self, name: str) -> DeltaTable:
        """Open a table at its newest version.

        Raises:
            TableError: There is none; nothing is created.
        """
        return self.location(name).open()

    def identity(self, name: str) -> str:
        """Return the id of a table as it is now; one that is created again has another.

        Raises:
            TableError: There is none, or it needs features that cannot be written.
        """
        table = self.open(name)
        refuse_unwritable(name, table)
        return str(table.metadata().id)

    def facts(self, name: str) -> TableFacts:
        """Return size and version of a table, from its log alone.

        Raises:
            TableError: There is none, or it cannot be read.
        """
        table = self.open(name)
        with as_table_error(name, f"its log cannot be read at {self.location(name).uri}"):
            files = pa.table(table.get_add_actions(flatten=True))
        return TableFacts(
            rows=pc.sum(files["num_records"]).as_py() or 0,
            version=table.version(),
            bytes=pc.sum(files["size_bytes"]).as_py() or 0,
            files=files.num_rows,
            log_files=len(LogFiles(self.location(name)).names()),
        )

    def way_of_writing(self, name: str) -> str:
        """Return in a phrase how rows reach a table, by a look at its log.

        Raises:
            TableError: There is none, or it cannot be read.
        """
        spec, table = self.spec(name), self.open(name)
        if spec.mode == "append":
            return "append"
        with as_table_error(name, f"its log cannot be read at {self.location(name).uri}"):
            return way_of_writing(spec, table)

    def positions(self, name: str, group: str, partitions: Collection[TopicPartition]) -> Acquired:
        """Return how far a table is in *partitions* for *group*; a keyed one keeps no positions.

        Raises:
            TableError: There is no table.
        """
        table = self.open(name)
        with as_table_error(name, f"its log cannot be read at {self.location(name).uri}"):
            if self.spec(name).mode == "merge":
                return acquire_keyed(table, group)
            return acquire_positions(table, group, partitions)

    def positions_of_rows(
        self, name: str, group: str, partitions: Collection[TopicPartition]
    ) -> Positions:
        """Return the same, but after a restore the positions of the version restored.

        Raises:
            TableError: There is no table, or that version is not in its log any more.
        """
        with as_table_error(name, f"its log cannot be read at {self.location(name).uri}"):
            return positions_of_rows(self.location(name), group, partitions)

    def set_positions(self, name: str, positions: Positions) -> None:
        """Set a table's *positions*, and note that its restores have been seen.

        A worker that writes to the append table now is fenced.

        Raises:
            TableError: There is no table, or others kept committing to it.
        """
        cause = ""
        for _ in range(_TRIES):
            table = self.open(name)
            refuse_unwritable(name, table)
            with as_table_error(name, f"its positions cannot be set at {self.location(name).uri}"):
                try:
                    return write_positions(table, positions)
                except CommitFailedError as error:
                    cause = one_line(error)
                    log.info("table %r changed meanwhile; trying again: %s", name, cause)
        raise TableError(name, f"others keep writing to it ({cause}); stop them, then try again")

    def sink(self, name: str, group: str, *, stops_at_refused: bool = False) -> TableSink:
        """Return a new sink for a table; ``open`` it before use.

        Args:
            name: The table.
            group: Consumer group that reads the rows, as the broker calls it.
            stops_at_refused: The worker has no dead letters, so an append table must not
                move past a row that it refuses.
        """
        self.spec(name)
        return DeltaSink(
            table=name,
            make_writer=lambda: self._writer(name, group, stops_at_refused=stops_at_refused),
            check=lambda: self.check(name),
            clock=self.clock,
            time_limit=self.time_limit,
            stops_at_refused=stops_at_refused,
        )

    def try_out(self, name: str) -> None:
        """See that a table can be created and written as it is declared; nothing is opened.

        Raises:
            TableError: It cannot.
        """
        refuse_undeclarable(self.spec(name))
        self._writer(name, "", stops_at_refused=False)

    def _writer(self, name: str, group: str, *, stops_at_refused: bool) -> TableWriter:
        spec, handle = self.spec(name), KeptHandle(self.location(name))
        if spec.mode == "merge":
            return MergeWriter(spec, handle, self.clock, group)
        window = timedelta(hours=self.settings.dedupe_window_hours)
        return AppendWriter(spec, handle, window, group, stops_at_refused)
