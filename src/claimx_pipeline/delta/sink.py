"""Where rows go: one sink per table, with its own thread and its own handle."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any, Protocol, TypeVar

from attrs import define, field, frozen
from deltalake.exceptions import CommitFailedError

from claimx_pipeline.clock import Clock
from claimx_pipeline.delta.faults import TableWriteError, write_error
from claimx_pipeline.delta.thread import TableThread
from claimx_pipeline.errors import Category, ClaimxError
from claimx_pipeline.runtime.outcome import TableRow

T = TypeVar("T")

TRIES = 30
"""Commits attempted while other writers keep getting in first.

With the waits below about half a minute: four writers committing without pause never
needed more than a few.
"""
_FIRST_WAIT, _LONGEST_WAIT = 0.005, 1.0


@frozen
class WriteResult:
    """What became of a batch: ``written + skipped + len(refused)`` is its length."""

    written: int
    """Rows that are in the table now and were not before, or changed what was there."""
    refused: tuple[tuple[int, str], ...] = ()
    """Position in the batch, and why the table can never take that row."""
    skipped: int = 0
    """Rows that the table had already."""


class TableSink(Protocol):
    """Writes rows to one table. Not for use by two tasks at once."""

    async def open(self) -> None:
        """Compare the declared with the stored schema and open the table.

        Raises:
            TableError: There is no such table, or it differs from what is declared.
        """
        ...

    async def write(self, rows: Sequence[TableRow]) -> WriteResult:
        """Write *rows*; when it returns, what was not refused is durable.

        Raises:
            TableWriteError: Nothing is known to be written; writing the same rows again
                is safe. Its category says whether that can help.
        """
        ...

    async def forget(self) -> None:
        """Trust nothing remembered: partitions have changed hands."""
        ...

    async def close(self) -> None:
        """Release thread and handle."""
        ...


class TableWriter(Protocol):
    """The blocking half of a sink; lives in the sink's thread."""

    def open(self) -> None:
        """Open the table."""
        ...

    def prepare(self, rows: Sequence[TableRow]) -> Any:
        """Return *rows* converted, refused rows put aside; does not touch the table."""
        ...

    def commit(self, prepared: Any) -> WriteResult:
        """Write what ``prepare`` returned.

        Raises:
            CommitFailedError: Another writer was first; ``reload``, then call again.
        """
        ...

    def reload(self) -> None:
        """Forget all that is known about the table; the next call sees it as it is."""
        ...


@define
class DeltaSink:
    """The sink of a Delta table."""

    table: str
    make_writer: Callable[[], TableWriter]
    check: Callable[[], object]
    """Compares declared and stored schema."""
    clock: Clock
    time_limit: float
    tries: int = TRIES
    _thread: TableThread = field(init=False)
    _writer: TableWriter | None = field(default=None, init=False)

    def __attrs_post_init__(self) -> None:
        self._thread = TableThread(self.table, self.time_limit)

    async def open(self) -> None:
        """Compare the declared with the stored schema and open the table."""
        await self._run(self.check)
        await self._run(self._opened().open)

    async def write(self, rows: Sequence[TableRow]) -> WriteResult:
        """Write *rows*; a conflict with another writer is settled here."""
        if not rows:
            return WriteResult(0)
        prepared = await self._run(partial(self._opened().prepare, rows))
        wait = _FIRST_WAIT
        for _ in range(self.tries):
            writer = self._opened()
            try:
                return await self._run(partial(writer.commit, prepared))
            except CommitFailedError:
                await self._run(writer.reload)
            # Two writers that wait equally long would meet again.
            await self.clock.sleep(wait * random.uniform(0.5, 1.5))  # noqa: S311 - no secret
            wait = min(wait * 2, _LONGEST_WAIT)
        raise TableWriteError(
            f"other writers were first {self.tries} times", Category.TRANSIENT, table=self.table
        )

    async def forget(self) -> None:
        """Trust nothing remembered: partitions have changed hands."""
        await self._run(self._opened().reload)

    async def close(self) -> None:
        """Release thread and handle."""
        self._writer = None
        self._thread.abandon()

    def _opened(self) -> TableWriter:
        if self._writer is None:
            self._writer = self.make_writer()
        return self._writer

    async def _run(self, work: Callable[[], T]) -> T:
        try:
            return await self._thread.run(work)
        except CommitFailedError:
            raise
        except Exception as error:
            # What the handle believes may be wrong now, and after a timeout its old
            # thread may still be using it: the next write starts afresh.
            self._writer = None
            if isinstance(error, ClaimxError):
                raise
            raise write_error(self.table, error) from error
