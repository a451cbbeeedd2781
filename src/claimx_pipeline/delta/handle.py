"""The one open handle of a writer: kept between commits, renewed now and then."""

from __future__ import annotations

import logging
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

from attrs import define, field
from deltalake import DeltaTable
from deltalake.exceptions import CommitFailedError

from claimx_pipeline.delta.location import TableLocation
from claimx_pipeline.delta.log_files import LogFiles, trim
from claimx_pipeline.errors import TableError

log = logging.getLogger(__name__)

REOPEN_AFTER = 15
"""Commits after which the handle is opened again.

A handle slows down by about a quarter of a millisecond per commit it has made, and
opening costs a few milliseconds: the best interval is between 10 and 20 locally.
"""

TRIM_AFTER = 50
"""Commits after which it is looked whether the log has become too long."""
SLOW = 1.0
"""Seconds of a commit from which on its outcome is looked at: it may have been frozen."""


@define
class KeptHandle:
    """A table handle for one thread; deltalake's handles must not be shared."""

    location: TableLocation
    _table: DeltaTable | None = field(default=None, init=False)
    _commits: int = field(default=0, init=False)
    _untrimmed: int = field(default=0, init=False)
    _thread: int | None = field(default=None, init=False)

    def table(self) -> DeltaTable:
        """Return the handle, opening it if there is none.

        Raises:
            RuntimeError: Called from another thread than before.
            TableError: There is no table.
        """
        here = threading.get_ident()
        if self._thread not in (None, here):
            raise RuntimeError(f"the handle of {self.location.table!r} is used from two threads")
        self._thread = here
        if self._table is not None and self.location.is_local and not self.location.exists():
            # A commit would make the folder again, with nothing in it but the newest rows.
            self.drop()
        if self._table is None:
            self._table = self.location.open()
            self._commits = 0
        return self._table

    def newer_than(self, version: int) -> bool:
        """Open the table again; return whether others have committed since *version*.

        Raises:
            TableError: There is no table, or it cannot be opened.
        """
        self.drop()
        return self.table().version() > version

    @contextmanager
    def commit(self, before: int) -> Iterator[None]:
        """Commit in the body, on top of version *before* of the handle.

        Raises:
            CommitFailedError: The commit took so long that others may have moved on and cut the
                log meanwhile, and it is not part of the table.
        """
        begun = time.monotonic()
        yield
        if time.monotonic() - begun > SLOW and not LogFiles(self.location).holds(before + 1):
            raise CommitFailedError(f"version {before + 1} has been deleted from the log meanwhile")
        self.committed()

    def committed(self) -> None:
        """Count a commit; now and then the next use opens the table again, or the log is cut."""
        self._commits += 1
        self._untrimmed += 1
        if self._untrimmed >= TRIM_AFTER and self._table is not None:
            self._untrimmed = 0
            self._trim(self._table)
        if self._commits >= REOPEN_AFTER:
            self.drop()

    def _trim(self, table: DeltaTable) -> None:
        try:
            trim(self.location, table)
        except TableError as error:
            # The rows are in; the next look will do.
            log.warning("the log of a table is not cut: %s", error)

    def drop(self) -> None:
        """Forget the handle; the next use sees the newest version."""
        self._table = None
