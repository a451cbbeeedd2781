"""One commit of files that were written beforehand, and what may have happened meanwhile."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Iterable, Sequence

from attrs import frozen
from deltalake import CommitProperties, DeltaTable
from deltalake.exceptions import CommitFailedError
from deltalake.transaction import AddAction, RemoveAction

from claimx_pipeline.delta.faults import engine_errors, one_line
from claimx_pipeline.delta.handle import SLOW
from claimx_pipeline.delta.spec import TableSpec
from claimx_pipeline.delta.writing.layout import Bucket, Layout

log = logging.getLogger(__name__)

TRIES = 30
"""Commits attempted on top of others that left the buckets alone."""


@frozen(kw_only=True)
class FileCommit:
    """Files that are added and removed together.

    The engine must never move such a commit on top of another one by itself: it would not
    notice that a file which is removed is not there any more, and its rows would be doubled.
    So every commit in between makes it fail. If those left all files of its buckets as they
    were, what was read and written is as right as before, and is committed again.
    """

    spec: TableSpec
    removed: Sequence[RemoveAction] = ()
    added: Sequence[AddAction] = ()
    buckets: frozenset[Bucket]
    """Whose rows were read to make this."""
    paths: frozenset[str]
    """The files that those buckets consisted of."""

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
            CommitFailedError: Others have changed files of these buckets. Nothing was
                committed.
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
                now = Layout.of(self.spec, table)
                if self._landed(now):
                    return before + 1
                if now.paths(self.buckets) != self.paths:
                    raise
                look(table)
                log.debug("table %r: committed again: %s", self.spec.name, one_line(error))
            else:
                # A transaction leaves the handle where it was.
                table.update_incremental()
                if time.monotonic() - begun > SLOW and not self._landed(
                    Layout.of(self.spec, table)
                ):
                    # Others have moved on and cut the log, or replaced what is new already.
                    raise CommitFailedError(f"version {before + 1} is not part of the table")
                return before + 1
        raise AssertionError("unreachable")

    def _landed(self, now: Layout) -> bool:
        """Return whether the commit is in, although its answer said otherwise."""
        there = {file.path for file in now.files}
        return bool(self.added) and all(file.path in there for file in self.added)


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
