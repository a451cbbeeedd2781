"""One commit of files that were written beforehand, and what may have happened meanwhile."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Sequence

import pyarrow as pa
from attrs import frozen
from deltalake import CommitProperties, DeltaTable
from deltalake.exceptions import CommitFailedError
from deltalake.transaction import AddAction, RemoveAction

from claimx_pipeline.delta.faults import engine_errors, one_line
from claimx_pipeline.delta.handle import SLOW
from claimx_pipeline.delta.writing.paths import logged

log = logging.getLogger(__name__)

TRIES = 30
"""Commits attempted on top of others that left the buckets alone."""


@frozen(kw_only=True)
class FileCommit:
    """Files that are added and removed together.

    The engine must never move such a commit on top of another one by itself: it would not
    notice that a file which is removed is not there any more, and its rows would be doubled.
    So every commit in between makes it fail. If those left what was read as it was, what was
    written is as right as before, and is committed again.
    """

    table: str
    """Name of the table, for messages."""
    removed: Sequence[RemoveAction] = ()
    added: Sequence[AddAction] = ()
    unchanged: Callable[[DeltaTable], bool]
    """Whether at the version of a handle the files read are all that matters, and still there."""

    def commit(
        self,
        table: DeltaTable,
        properties: Callable[[int], CommitProperties],
        look: Callable[[DeltaTable], None],
    ) -> int:
        """Commit on top of the version of the handle, and bring the handle up to date.

        Args:
            table: The handle that the files were read with.
            properties: Makes the properties of a commit on top of a version.
            look: Called with the handle when others have committed meanwhile; raises if
                what they did matters beyond the files.

        Returns:
            The version of the commit.

        Raises:
            CommitFailedError: Others have changed what was read. Nothing was committed.
        """
        names = table.metadata().partition_columns
        for left in reversed(range(TRIES)):
            before, begun = table.version(), time.monotonic()
            try:
                with engine_errors():
                    table.create_write_transaction(
                        [*self.removed, *self.added],
                        "append",
                        table.schema(),
                        partition_by=names,
                        commit_properties=properties(before),
                    )
            except CommitFailedError as error:
                table.update_incremental()
                if table.version() == before or not left:
                    raise
                if self._landed(table):
                    return before + 1
                if not self.unchanged(table):
                    raise
                look(table)
                log.debug("table %r: committed again: %s", self.table, one_line(error))
            else:
                # A transaction leaves the handle where it was.
                table.update_incremental()
                if time.monotonic() - begun > SLOW and not self._landed(table):
                    # Others have moved on and cut the log, or replaced what is new already.
                    raise CommitFailedError(f"version {before + 1} is not part of the table")
                return before + 1
        raise AssertionError("unreachable")

    def _landed(self, table: DeltaTable) -> bool:
        """Return whether the commit is in, although its answer said otherwise."""
        there = set(pa.table(table.get_add_actions(flatten=True))["path"].to_pylist())
        return bool(self.added) and all(logged(file.path) in there for file in self.added)


def combined(
    parts: Iterable[tuple[Sequence[RemoveAction], Sequence[AddAction]]],
) -> tuple[list[RemoveAction], list[AddAction]]:
    """Return what several pieces of work remove and add."""
    removed: list[RemoveAction] = []
    added: list[AddAction] = []
    for less, more in parts:
        removed += less
        added += more
    return removed, added
