"""One thread for one table: deltalake blocks, and its handles must stay with a thread."""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import Callable
from concurrent.futures import Future
from functools import partial
from typing import TypeVar

from attrs import define, field

T = TypeVar("T")
_Jobs = queue.SimpleQueue[Callable[[], None] | None]


@define
class TableThread:
    """Runs the blocking work of one table, one piece at a time, each under a limit."""

    table: str
    time_limit: float
    """Seconds one piece of work may take."""
    _jobs: _Jobs | None = field(default=None, init=False)
    """What the thread is to do; None as long as there is no thread."""

    async def run(self, work: Callable[[], T]) -> T:
        """Return what *work* returns.

        Raises:
            TableWriteError: The limit has passed: ``transient``, and the outcome is
                unknown. The thread is left to itself and the next work gets another,
                so the caller must not hand over anything the old thread may touch.
                Or deltalake panicked: ``bug``.
        """
        if self._jobs is None:
            self._jobs = self._started()
        result: Future[T] = Future()
        self._jobs.put(partial(_settle, result, partial(_tamed, self.table, work)))
        future = asyncio.wrap_future(result)
        try:
            async with asyncio.timeout(self.time_limit):
                return await asyncio.shield(future)
        except TimeoutError as error:
            if future.done():
                raise  # the work itself ran into a limit of its own
            future.add_done_callback(_forget)
            self.abandon()
            late = TimeoutError(f"no answer within {self.time_limit:g} s, outcome unknown")
            from claimx_pipeline.delta.faults import write_error  # noqa: PLC0415 - workers without tables do without it

            raise write_error(self.table, late) from error

    def later(self, work: Callable[[], None]) -> None:
        """Have *work* done after everything else, and wait for nothing."""
        if self._jobs is not None:
            self._jobs.put(partial(_settle, Future[None](), work))

    def abandon(self) -> None:
        """Let the thread end by itself once it has nothing left to do."""
        if self._jobs is not None:
            self._jobs.put(None)
            self._jobs = None

    def _started(self) -> _Jobs:
        """Start a thread that does what is put into the queue returned, until None is."""
        jobs: _Jobs = queue.SimpleQueue()
        # A daemon: storage that never answers must not keep a process from ending.
        threading.Thread(
            target=_serve, args=(jobs,), name=f"table-{self.table}", daemon=True
        ).start()
        return jobs


def _serve(jobs: _Jobs) -> None:
    while (job := jobs.get()) is not None:
        job()


def _settle(result: Future[T], work: Callable[[], T]) -> None:
    if not result.set_running_or_notify_cancel():
        return
    try:
        result.set_result(work())
    except Exception as error:  # noqa: BLE001 - handed to the caller
        result.set_exception(error)


def _tamed(table: str, work: Callable[[], T]) -> T:
    try:
        return work()
    except Exception:
        raise
    except BaseException as error:
        # A Rust panic arrives as PanicException, which is not an Exception: it would pass
        # every handler of the worker and end the process.
        from claimx_pipeline.delta.faults import write_error  # noqa: PLC0415 - as above

        raise write_error(table, error) from error


def _forget(future: asyncio.Future[T]) -> None:
    """Fetch the late result, so that asyncio does not report it as never looked at."""
    if not future.cancelled():
        future.exception()
