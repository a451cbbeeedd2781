"""The log of a table, bounded by the number of its files.

Every commit lists the log, so that a log that grows without end slows each commit down: four
times as long at 5,000 files on a local disk. Time alone bounds nothing, since a busy table makes
a month's commits of an idle one within an hour. So a table says how many commits its log keeps,
and its writers delete what is older and contained in a checkpoint.

What the start check needs of deleted commits is kept as transactions of the table: the latest
RESTORE among them, and up to which version each group had looked at the table.
"""

from __future__ import annotations

import json
import logging
import re
from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pyarrow.fs as pafs
from attrs import define, field, frozen
from deltalake import CommitProperties, DeltaTable, Transaction
from deltalake.exceptions import CommitFailedError
from deltalake.fs import DeltaStorageHandler

from claimx_pipeline.delta.faults import as_table_error
from claimx_pipeline.delta.location import TableLocation
from claimx_pipeline.delta.writing.marks import (
    GROUP,
    MAINTENANCE,
    RESTORED,
    VERIFIED,
    restored_mark,
    seen_id,
)

log = logging.getLogger(__name__)

KEPT_COMMITS = "claimx.logCommits"
"""Property of a table: so many commits stay in its log; all of them without it."""
COMMITS = 400
"""Its value in new tables: with it a commit costs about 1.4 times one to an empty log."""
SLACK = 100
"""Commits beyond that before any are deleted, so that few look for what to delete."""
TOO_MANY = 5_000
"""Files of a log from which on it is worth a warning."""
_THREADS = 8
_COMMIT = re.compile(r"(\d{20})\.json")
_CHECKPOINT = re.compile(r"(\d{20})\.checkpoint\.parquet")
_OLD = re.compile(
    r"(\d{20})\.(json|crc|checkpoint(\.\d{10}\.\d{10})?\.parquet|\d{20}\.compacted\.json)"
)
"""What belongs to a version, and is deleted with it."""


@frozen
class Cut:
    """What can be deleted of a log."""

    version: int
    """Of the checkpoint that contains all before it."""
    files: tuple[str, ...]
    commits: tuple[str, ...]
    """Those of them that tell what was done."""


@define
class LogFiles:
    """The files of one table's log."""

    location: TableLocation
    _store: pafs.FileSystem = field(init=False)

    def __attrs_post_init__(self) -> None:
        if self.location.is_local:
            self._store = pafs.SubTreeFileSystem(self.location.uri, pafs.LocalFileSystem())
        else:
            handler = DeltaStorageHandler(self.location.uri, self.location.revealed())
            self._store = pafs.PyFileSystem(handler)

    def names(self) -> list[str]:
        """Return the names of all files.

        Raises:
            TableUnusableError: The log cannot be listed.
        """
        with self._failing("listed"):
            found = self._store.get_file_info(pafs.FileSelector("_delta_log", allow_not_found=True))
        return [info.base_name for info in found if info.type != pafs.FileType.Directory]

    def cut(self, keep: int, slack: int = 0) -> Cut | None:
        """Return what can be deleted so that *keep* commits stay; None if that is nothing.

        Args:
            keep: Commits that stay at least.
            slack: Commits beyond that which are not worth it yet.
        """
        names = self.names()
        versions = _versions(_COMMIT, names)
        if not versions or len(versions) <= keep + slack:
            return None
        first = max(versions) - keep
        checkpoints = [at for at in _versions(_CHECKPOINT, names) if at <= first]
        if not checkpoints:
            return None
        version = max(checkpoints)
        old = sorted(
            name for name in names if (at := _OLD.fullmatch(name)) and int(at[1]) < version
        )
        commits = tuple(name for name in old if _COMMIT.fullmatch(name))
        return Cut(version, tuple(old), commits) if old else None

    def holds(self, version: int) -> bool:
        """Return whether the log is known to go on from *version*: nothing is missing after it.

        A commit that was made below what was deleted meanwhile is in no version of the table.
        """
        versions = set(_versions(_COMMIT, self.names()))
        return version in versions and (version + 1 in versions or max(versions) == version)

    def delete(self, cut: Cut) -> int:
        """Delete what *cut* names, having kept what the start check needs; return how many.

        Raises:
            TableUnusableError: A file cannot be read or deleted, or the table not be opened.
            CommitFailedError: Others committed when the marks were to be. Nothing was deleted.
        """
        self._keep_marks(cut)
        with self._failing("cleaned"), ThreadPoolExecutor(_THREADS) as pool:
            # The oldest first, whatever happens in between: none is missing in the middle.
            for at in range(0, len(cut.files), _THREADS):
                list(pool.map(self._delete, cut.files[at : at + _THREADS]))
        return len(cut.files)

    def _delete(self, name: str) -> None:
        try:
            self._store.delete_file(f"_delta_log/{name}")
        except FileNotFoundError:
            log.debug("%s of %r was deleted by another worker", name, self.location.table)

    def _keep_marks(self, cut: Cut) -> None:
        with self._failing("read"), ThreadPoolExecutor(_THREADS) as pool:
            read = pool.map(self._infos, cut.commits)
            infos = [
                (int(name[:20]), info)
                for name, found in zip(cut.commits, read, strict=True)
                for info in found
            ]
        table = self.location.open()
        restores = [at for at, info in infos if info.get("operation") == "RESTORE"]
        if not restores and restored_mark(table) is None:
            return
        marks = {seen_id(group): at for group, at in _seen(infos).items()}
        if restores:
            marks[RESTORED] = max(restores)
        properties = CommitProperties(
            app_transactions=[Transaction(name, at) for name, at in marks.items()],
            custom_metadata={GROUP: MAINTENANCE},
            max_commit_retries=0,
        )
        if marks:
            table.create_write_transaction(
                [], "append", table.schema(), commit_properties=properties
            )

    def _infos(self, name: str) -> list[dict[str, Any]]:
        """Return what a commit tells about itself.

        Nothing if another worker has deleted it meanwhile: that one has kept its marks before.
        """
        try:
            with self._store.open_input_stream(f"_delta_log/{name}") as file:
                lines = file.read().splitlines()
        except FileNotFoundError:
            return []
        return [json.loads(line)["commitInfo"] for line in lines if b'"commitInfo"' in line[:20]]

    def _failing(self, what: str) -> Any:
        return as_table_error(
            self.location.table, f"its log cannot be {what} at {self.location.uri}"
        )


def kept_commits(table: DeltaTable) -> int | None:
    """Return how many commits the log of *table* is to keep; None if it keeps all."""
    given = table.metadata().configuration.get(KEPT_COMMITS, "")
    return int(given) if given and given.isdecimal() else None


def trim(location: TableLocation, table: DeltaTable, slack: int = SLACK) -> int:
    """Delete what the log of *table* keeps no longer; return how many files.

    Raises:
        TableUnusableError: The log cannot be read, or a file of it not be deleted.
    """
    keep = kept_commits(table)
    if keep is None:
        return 0
    files = LogFiles(location)
    cut = files.cut(keep, slack)
    if cut is None:
        return 0
    try:
        return files.delete(cut)
    except CommitFailedError:
        log.info("the log of %r is cleaned later: others are committing", location.table)
        return 0


def _versions(pattern: re.Pattern[str], names: Iterable[str]) -> list[int]:
    return [int(found[1]) for name in names if (found := pattern.fullmatch(name))]


def _seen(infos: Sequence[tuple[int, dict[str, Any]]]) -> dict[str, int]:
    """Return up to which version each group that committed had looked."""
    found: dict[str, int] = {}
    for at, info in _of_groups(infos):
        found[info[GROUP]] = max(int(info.get(VERIFIED, at)), found.get(info[GROUP], -1))
    return found


def _of_groups(
    infos: Iterable[tuple[int, dict[str, Any]]],
) -> Iterator[tuple[int, dict[str, Any]]]:
    return ((at, info) for at, info in infos if info.get(GROUP) not in (None, MAINTENANCE))
