"""Where rows go: one sink per table, with its own thread and its own handle."""

from __future__ import annotations

import random
from collections.abc import Callable, Collection, Mapping, Sequence
from functools import partial
from typing import Any, Protocol, TypeVar

from attrs import define, evolve, field, frozen
from deltalake.exceptions import CommitFailedError, DeltaError

from claimx_pipeline.broker.protocol import Record, TopicPartition
from claimx_pipeline.clock import Clock
from claimx_pipeline.delta.faults import (
    TableFencedError,
    TableUnusableError,
    TableWriteError,
    one_line,
    write_error,
)
from claimx_pipeline.delta.rows import TableRow
from claimx_pipeline.delta.thread import TableThread
from claimx_pipeline.delta.writing.held_positions import Acquired, Claim, Positions
from claimx_pipeline.errors import Category, ClaimxError, TableError

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
    version: int | None = field(default=None, eq=False)
    """Version of the table that holds them; None if nothing was committed."""
    conflicts: int = field(default=0, eq=False)
    """How often another writer was first."""


@frozen
class Committed:
    """What a writer did."""

    result: WriteResult
    positions: Positions
    """The owner's positions now."""


class TableSink(Protocol):
    """Writes rows to one table. Not for use by two tasks at once."""

    async def open(self) -> None:
        """Compare the declared with the stored schema.

        Raises:
            TableError: There is no such table, or it differs from what is declared.
        """
        ...

    async def acquire(self, owned: Collection[TopicPartition]) -> Acquired:
        """Take note that rows of *owned* are written here, and of no other partition.

        To be called before the first write and after every change of the assignment.
        Nothing remembered from before is trusted. An append table returns how far it is in
        each of them; a keyed one has no positions, since a merge is safe to repeat.

        Raises:
            TableWriteError: The table could not be read.
        """
        ...

    async def write(
        self,
        rows: Sequence[TableRow],
        sources: Sequence[Record],
        next_offsets: Mapping[TopicPartition, int],
    ) -> WriteResult:
        """Write *rows*; when it returns, what was not refused is durable.

        An append table takes a row only if its record is at or after the position it
        stores, and stores *next_offsets* in the same commit.

        Args:
            rows: The rows, in the order of their records.
            sources: The record behind each row; none if the rows come from no topic.
            next_offsets: Of each partition in the batch the offset up to which all is
                finished once these rows are written and the refused are dead letters.

        Raises:
            TableFencedError: Another worker writes rows of these partitions now. Nothing
                was written; drop the batch, join the group again, and ``acquire``.
            TableWriteError: Nothing is known to be written; writing the same rows again
                is safe. Its category says whether that can help.
        """
        ...

    async def close(self) -> None:
        """Release thread and handle."""
        ...


class TableWriter(Protocol):
    """The blocking half of a sink; lives in the sink's thread.

    After a timeout the thread of an earlier one may still be at work, so whatever has to
    outlive a writer is handed in and returned, never kept and changed.
    """

    def acquire(self, owned: Sequence[TopicPartition]) -> Acquired:
        """Forget all that is known about the table; return how far it is in *owned*."""
        ...

    def prepare(self, rows: Sequence[TableRow], sources: Sequence[Record]) -> Any:
        """Return *rows* converted, refused rows set apart; does not touch the table."""
        ...

    def commit(self, prepared: Any, claim: Claim) -> Committed:
        """Write what ``prepare`` returned.

        Raises:
            CommitFailedError: Another writer was first, if ``reload`` finds its commit.
            TableError: The table is not any more what is declared.
            TableFencedError: The rows' partitions belong to another worker.
        """
        ...

    def reload(self) -> bool:
        """Forget all that is known about the table; the next call sees it as it is.

        Returns:
            Whether another writer has committed since the version that the last commit was
            tried on. If none has, it did not fail for a conflict.
        """
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
    stops_at_refused: bool = False
    """The worker has no dead letters, so a row that cannot be prepared stops it."""
    _thread: TableThread = field(init=False)
    _writer: TableWriter | None = field(default=None, init=False)
    _checked: bool = field(default=False, init=False)
    """Whether the table was once what is declared; if it is not any more, others changed it."""
    _held: Positions | None = field(default=None, init=False)
    """This owner's positions; None before it has acquired any, or once it was fenced."""
    _doubtful: tuple[Positions, ...] = field(default=(), init=False)
    """Its positions after attempts whose outcome is unknown."""

    def __attrs_post_init__(self) -> None:
        self._thread = TableThread(self.table, self.time_limit)

    async def open(self) -> None:
        """Compare the declared with the stored schema."""
        await self._run(self.check)
        self._checked = True

    async def acquire(self, owned: Collection[TopicPartition]) -> Acquired:
        """Take note that rows of *owned* are written here, and of no other partition."""
        self._held = None
        try:
            acquired = await self._run(partial(self._opened().acquire, tuple(owned)))
        except TableError as error:
            if not self._checked:
                raise
            raise _held(error) from error
        self._held, self._doubtful = acquired.positions, ()
        return acquired

    async def write(
        self,
        rows: Sequence[TableRow],
        sources: Sequence[Record],
        next_offsets: Mapping[TopicPartition, int],
    ) -> WriteResult:
        """Write *rows*; a conflict with another writer is resolved here."""
        if self._held is None:
            raise RuntimeError(f"table {self.table!r} is written to before it was acquired")
        if not rows:
            return WriteResult(0)
        positions: Sequence[int] = range(len(rows))
        unfit: Sequence[tuple[int, str]] = ()
        try:
            prepared = await self._run(partial(self._opened().prepare, rows, sources))
        except TableWriteError as error:
            if error.category is not Category.BUG or self.stops_at_refused:
                raise
            # Something unforeseen about a row: its neighbours are written.
            unfit = await self._unfit(rows, sources)
            if not unfit:
                raise
            positions = [at for at in range(len(rows)) if at not in dict(unfit)]
            rows = [rows[at] for at in positions]
            sources = [sources[at] for at in positions if sources]
            prepared = await self._run(partial(self._opened().prepare, rows, sources))
        before = self._doubtful
        claim = self._claim(self._held, next_offsets)
        self._doubtful = claim.doubtful
        done = await self._commit(prepared, claim)
        # Once a commit of ours is in, no earlier attempt can land any more: each was made
        # against an older version, and fails on the newer one.
        self._doubtful = before if done.positions == self._held else ()
        self._held = done.positions
        if not unfit:
            return done.result
        refused = [*unfit, *((positions[at], reason) for at, reason in done.result.refused)]
        return evolve(done.result, refused=tuple(sorted(refused)))

    async def _unfit(
        self, rows: Sequence[TableRow], sources: Sequence[Record]
    ) -> list[tuple[int, str]]:
        """Return which of *rows* cannot be prepared even alone, and why. Touches no table."""
        found = []
        for at, row in enumerate(rows):
            try:
                await self._run(partial(self._opened().prepare, [row], sources[at : at + 1]))
            except TableWriteError as error:
                if error.category is not Category.BUG:
                    raise
                found.append((at, error.reason))
        return found

    def _claim(self, held: Positions, next_offsets: Mapping[TopicPartition, int]) -> Claim:
        known = [held, *self._doubtful]
        attempts = [each.advanced(next_offsets) for each in known] if held.offsets else []
        fresh = [each for at, each in enumerate(attempts) if each not in attempts[:at]]
        doubtful = (*self._doubtful, *(each for each in fresh if each not in self._doubtful))
        return Claim(held, doubtful, next_offsets)

    async def _commit(self, prepared: Any, claim: Claim) -> Committed:
        wait = _FIRST_WAIT
        cause = ""
        for conflicts in range(self.tries):
            writer = self._opened()
            try:
                done = await self._run(partial(writer.commit, prepared, claim))
                version = done.positions.version if done.result.written else None
                return evolve(
                    done, result=evolve(done.result, version=version, conflicts=conflicts)
                )
            except CommitFailedError as error:
                cause = one_line(error)
                if not await self._run(writer.reload):
                    # Tried again later, and until then the reason is there to be read.
                    raise write_error(self.table, error) from error
            except TableError as error:
                cause = error.reason
                await self._reconcile()
            except TableWriteError as error:
                if not await self._overtaken(writer, error):
                    raise
                cause = error.reason
            except TableFencedError:
                self._held = None
                raise
            # Two writers that wait equally long would meet again.
            await self.clock.sleep(wait * random.uniform(0.5, 1.5))  # noqa: S311 - no secret
            wait = min(wait * 2, _LONGEST_WAIT)
        raise TableWriteError(
            f"other writers were first {self.tries} times, the last with: {cause}",
            Category.TRANSIENT,
            table=self.table,
        )

    async def _overtaken(self, writer: TableWriter, error: TableWriteError) -> bool:
        """Return whether a file could not be read in a version that is not the newest.

        Others may have replaced and deleted it meanwhile, and the newest one goes without it.
        """
        cause = error.__cause__
        in_query = isinstance(cause, DeltaError) and cause.__cause__ is not None
        unread = in_query or isinstance(cause, TableUnusableError)
        return unread and await self._run(writer.reload)

    async def _reconcile(self) -> None:
        """Compare declared and stored schema as at the start; others have changed the table.

        Raises:
            TableWriteError: It cannot be written as declared: held until it can again.
        """
        try:
            await self._run(self.check)
        except TableError as error:
            raise _held(error) from error

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
            # thread may still be using it: the next write opens a new one.
            self._writer = None
            if isinstance(error, ClaimxError) and not isinstance(error, TableUnusableError):
                raise
            raise write_error(self.table, error) from error


def _held(error: TableError) -> TableWriteError:
    """Return *error* as what passes: the one who changed the table can change it back."""
    return TableWriteError(error.reason, Category.TRANSIENT, table=error.table)
