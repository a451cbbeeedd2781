"""The one open handle of a writer: kept between commits, renewed now and then."""

from __future__ import annotations

import threading

from attrs import define, field
from deltalake import DeltaTable

from claimx_pipeline.delta.location import TableLocation

REOPEN_AFTER = 15
"""Commits after which the handle is opened again.

A handle slows down by about a quarter of a millisecond per commit it has made, and
opening costs a few milliseconds: the best interval is between 10 and 20 locally.
"""


@define
class KeptHandle:
    """A table handle for one thread; deltalake's handles must not be shared."""

    location: TableLocation
    _table: DeltaTable | None = field(default=None, init=False)
    _commits: int = field(default=0, init=False)
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

    def committed(self) -> None:
        """Count a commit; after every ``REOPEN_AFTER`` the next use opens it again."""
        self._commits += 1
        if self._commits >= REOPEN_AFTER:
            self.drop()

    def drop(self) -> None:
        """Forget the handle; the next use sees the newest version."""
        self._table = None
