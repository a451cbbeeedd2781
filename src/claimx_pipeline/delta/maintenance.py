"""Keeping tables quick to read: fewer files, a fresh checkpoint, no unused files.

All of it goes on beside the writers. Appends and compactions do not get in each other's
way: an append commits whatever was compacted meanwhile, and verifies and searches again. A
compaction of which others have removed files meanwhile fails, and is done again on what is then
there; partition by partition, so that little has to be repeated.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from pathlib import Path
from typing import TypeVar

import pyarrow as pa
from attrs import define, evolve, field, frozen
from deltalake import CommitProperties, DeltaTable
from deltalake.exceptions import CommitFailedError

from claimx_pipeline.delta.faults import as_table_error, one_line
from claimx_pipeline.delta.features import refuse_unwritable, unwritable
from claimx_pipeline.delta.joining import Joining
from claimx_pipeline.delta.location import TableLocation
from claimx_pipeline.delta.log_files import COMMITS, KEPT_COMMITS, LogFiles, kept_commits, trim
from claimx_pipeline.delta.relayout import Relayout, Unsorted
from claimx_pipeline.delta.retention import Retention
from claimx_pipeline.delta.small_files import Partition, SmallFiles, small_files, why_not_joined
from claimx_pipeline.delta.spec import TableSpec
from claimx_pipeline.delta.writing.form import StoredForm
from claimx_pipeline.delta.writing.layout import Bucket, why_merged
from claimx_pipeline.delta.writing.marks import GROUP, MAINTENANCE
from claimx_pipeline.errors import UsageError

log = logging.getLogger(__name__)

SAFE_HOURS = 168
"""A file that no version has needed for this long is needed by no reader, writer or restore."""
WORTH_FILES = 4
"""Small files in one partition from which on ``maintain`` joins them."""
_TRIES = 10

Work = TypeVar("Work", "SmallFiles", Unsorted)


@frozen
class Size:
    """How much a version of a table consists of."""

    files: int
    """Number of its files."""
    bytes: int
    """Their size."""


NOTHING = Size(0, 0)
"""Of a table that cannot be opened."""


@frozen(kw_only=True)
class Maintained:
    """What was done to a table, or would be."""

    table: str
    """Name of the table."""
    before: Size
    """Its size before."""
    after: Size
    """With ``dry_run``: as far as the log tells."""
    compacted: int = 0
    """Partitions whose small files were joined."""
    busy: int = 0
    """Partitions left alone because a writer kept rewriting them; the next time will do."""
    deleted: int = 0
    """Files deleted that no version needs any more; in an object store perhaps before."""
    checkpoint: int | None = None
    """Version that a checkpoint was written of."""
    log_deleted: int = 0
    """Files deleted from the log, because it keeps a number of commits only."""
    expired: int = 0
    """Rows deleted because they were older than the settings let the table keep them."""
    error: str = ""
    """Why nothing could be done; empty otherwise."""


@define
class Maintenance:
    """Looks after one table. Its methods block."""

    location: TableLocation
    dry_run: bool = False
    spec: TableSpec | None = None
    """Declaration of the table; a keyed one has a layout of its own, which is kept."""
    oldest: datetime | None = None
    """``maintain`` deletes the rows that are older; None keeps all. Needs ``spec``."""
    _busy: int = field(default=0, init=False)
    _compacted: int = field(default=0, init=False)

    def maintain(self, *, log_retention: bool = False) -> Maintained:
        """Do what pays: join many small files, write a checkpoint, delete what is left over.

        Rows that the table is not to keep any longer are deleted first.

        Args:
            log_retention: Bound the log of a table that keeps all its commits, from now on.

        Raises:
            TableError: There is no table, or rows are to be deleted from one that keeps all.
        """
        before = self._size()
        expired = self._expire()
        after = self._compact(before, at_least=WORTH_FILES, only_if_it_pays=True)
        if log_retention:
            self._bound_log()
        checkpoint = self._checkpoint()
        done = self._told(
            before,
            after,
            deleted=self._vacuum(SAFE_HOURS),
            checkpoint=checkpoint,
            log_deleted=self._cut_log(bound=log_retention),
        )
        return evolve(done, expired=expired)

    def compact(self) -> Maintained:
        """Join the small files of every partition that has more than one.

        Raises:
            TableError: There is no table.
        """
        before = self._size()
        return self._told(before, self._compact(before, at_least=2, only_if_it_pays=False))

    def vacuum(self, hours: int = SAFE_HOURS, *, orphans: bool = False) -> Maintained:
        """Delete files that no version of the last *hours* needs.

        Args:
            hours: Versions older than that can be neither read nor restored any more.
            orphans: Also delete files that no version ever needed: of commits that failed,
                which must be *hours* old as well.

        Raises:
            TableError: There is no table.
            UsageError: *hours* is negative.
        """
        if hours < 0:
            raise UsageError(f"files cannot be kept for {hours} hours")
        size = self._size()
        return self._told(size, size, deleted=self._vacuum(hours, orphans=orphans))

    def small_files(self, at_least: int) -> list[SmallFiles]:
        """Return the partitions that have *at_least* so many small files."""
        with self._failing("its log cannot be read"):
            found = small_files(self.location.open())
        return [each for each in found if each.count >= at_least]

    def _expire(self) -> int:
        """Delete what is too old; return how many rows."""
        if self.spec is None:
            return 0
        retention = Retention(self.location, self.spec, self.dry_run)
        if self.oldest is None:
            retention.lift()
            return 0
        return retention.delete_before(self.oldest).rows

    def _compact(self, before: Size, *, at_least: int, only_if_it_pays: bool) -> Size:
        spec = self._spec_of_layout()
        if spec is not None:
            found = self._relayout(spec, self.location.open()).unsorted()
            wanted = [each for each in found if each.pays or not only_if_it_pays]
            return self._each(before, wanted, lambda each: self._sort(spec, each.bucket))
        joinable = self._joinable(at_least)
        return self._each(before, joinable, lambda each: self._join(each.partition))

    def _joinable(self, at_least: int) -> list[SmallFiles]:
        """Return what can be joined; if the table forbids it, a warning says why."""
        table = self.location.open()
        why = why_not_joined(table)
        if why and not unwritable(table):
            name = self.location.table
            log.warning("table %r: its small files are left as they are: %s", name, why)
            return []
        found = self.small_files(at_least)
        if found:
            refuse_unwritable(self.location.table, table)
        return found

    def _each(self, before: Size, wanted: Sequence[Work], work: Callable[[Work], bool]) -> Size:
        """Do *work* on each of *wanted*; return how large the table is then, or would be."""
        if self.dry_run:
            self._compacted = len(wanted)
            fewer = sum(each.count - each.joined for each in wanted)
            return Size(before.files - fewer, before.bytes)
        for each in wanted:
            if work(each):
                self._compacted += 1
            else:
                self._busy += 1
        return self._size()

    def _spec_of_layout(self) -> TableSpec | None:
        """Return the declaration of a table with a layout of its own; None if files are joined."""
        if self.spec is None or self.spec.mode != "merge":
            return None
        table = self.location.open()
        with self._failing("its log cannot be read"):
            merged = why_merged(self.spec, table, StoredForm.of(self.spec, table))
        return None if merged else self.spec

    def _relayout(self, spec: TableSpec, table: DeltaTable) -> Relayout:
        with self._failing("its log cannot be read"):
            return Relayout.of(spec, table, self.location)

    def _sort(self, spec: TableSpec, bucket: Bucket) -> bool:
        """Lay out the files of *bucket*; return whether no writer kept it from that."""
        alone = _named_commit(retries=0)
        return self._unless_busy(lambda table: self._relayout(spec, table).sort(bucket, alone))

    def _join(self, partition: Partition) -> bool:
        """Join the files of *partition*; return whether no writer kept it from that."""
        alone = _named_commit(retries=0)
        return self._unless_busy(
            lambda table: Joining.of(table, self.location).join(partition, alone)
        )

    def _unless_busy(self, work: Callable[[DeltaTable], object]) -> bool:
        """Do *work* on the newest version; return whether no writer kept it from that."""
        for _ in range(_TRIES):
            table = self.location.open()
            version = table.version()
            refuse_unwritable(self.location.table, table)
            with self._failing("cannot be maintained"):
                try:
                    work(table)
                except CommitFailedError as error:
                    if self.location.open().version() <= version:
                        raise  # no writer kept it from that
                    why = one_line(error)
                    log.info("table %r changed meanwhile: %s", self.location.table, why)
                else:
                    return True
        return False

    def _failing(self, what: str) -> AbstractContextManager[None]:
        return as_table_error(self.location.table, f"{what} at {self.location.uri}")

    def _checkpoint(self) -> int | None:
        table = self.location.open()
        if not self.dry_run:
            with self._failing("a checkpoint cannot be written"):
                table.create_checkpoint()
                # Commits that the checkpoint contains, as old as the table says they may get.
                table.cleanup_metadata()
        return table.version()

    def _bound_log(self) -> None:
        """Note in the table that its log keeps so many commits only."""
        if self.dry_run or kept_commits(self.location.open()) is not None:
            return
        kept = {KEPT_COMMITS: str(COMMITS)}
        bound = self._unless_busy(
            lambda table: table.alter.set_table_properties(
                kept, raise_if_not_exists=False, commit_properties=_named_commit()
            )
        )
        self._busy += not bound

    def _cut_log(self, *, bound: bool) -> int:
        """Delete what the log keeps no longer; return how many files."""
        table = self.location.open()
        if not self.dry_run:
            return trim(self.location, table, slack=0)
        keep = kept_commits(table) or (COMMITS if bound else None)
        cut = None if keep is None else LogFiles(self.location).cut(keep)
        return 0 if cut is None else len(cut.files)

    def _vacuum(self, hours: int, *, orphans: bool = False) -> int:
        found: list[str] = []

        def vacuumed(table: DeltaTable, *, dry_run: bool) -> None:
            found[:] = table.vacuum(
                retention_hours=hours,
                dry_run=dry_run,
                enforce_retention_duration=False,  # the command line has asked already
                full=orphans,
                commit_properties=_named_commit(),
            )

        with self._failing("unused files cannot be looked for"):
            vacuumed(self.location.open(), dry_run=True)
        if self.location.is_local:
            # The log still names files that were deleted long ago; of an object store all count.
            found[:] = [name for name in found if Path(self.location.uri, name).exists()]
        count = len(found)
        if not count or self.dry_run:
            return count
        if not self._unless_busy(lambda table: vacuumed(table, dry_run=False)):
            self._busy += 1
            return 0
        return count

    def _size(self) -> Size:
        with self._failing("its log cannot be read"):
            return size_of(self.location.open())

    def _told(
        self,
        before: Size,
        after: Size,
        *,
        deleted: int = 0,
        checkpoint: int | None = None,
        log_deleted: int = 0,
    ) -> Maintained:
        return Maintained(
            table=self.location.table,
            before=before,
            after=after,
            compacted=self._compacted,
            busy=self._busy,
            deleted=deleted,
            checkpoint=checkpoint,
            log_deleted=log_deleted,
        )


def size_of(table: DeltaTable) -> Size:
    """Return of how many files and bytes the version of the handle consists."""
    sizes: Sequence[int] = pa.table(table.get_add_actions(flatten=True))["size_bytes"].to_pylist()
    return Size(len(sizes), sum(sizes))


def _named_commit(*, retries: int | None = None) -> CommitProperties:
    return CommitProperties(max_commit_retries=retries, custom_metadata={GROUP: MAINTENANCE})
