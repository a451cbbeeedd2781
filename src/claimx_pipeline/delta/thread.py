"""One thread for one table: deltalake blocks, and its handles must stay with a thread."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import TypeVar

from attrs import define, field

from claimx_pipeline.delta.faults import write_error

T = TypeVar("T")


@define
class TableThread:
    """Runs the blocking work of one table, one piece at a time, each under a limit."""

    table: str
    time_limit: float
    """Seconds one piece of work may take."""
    _executor: ThreadPoolExecutor | None = field(default=None, init=False)

    async def run(self, work: Callable[[], T]) -> T:
        """Return what *work* returns.

        Raises:
            TableWriteError: The limit has passed: ``transient``, and the outcome is
                unknown. The thread is left to itself and the next work gets another,
                so the caller must not hand over anything the old thread may touch.
                Or deltalake panicked: ``bug``.
        """
        if self._executor is None:
            self._executor = ThreadPoolExecutor(1, f"table-{self.table}")
        future = asyncio.get_running_loop().run_in_executor(
            self._executor, _tamed, self.table, work
        )
        try:
            async with asyncio.timeout(self.time_limit):
                return await asyncio.shield(future)
        except TimeoutError as error:
            if future.done():
                raise  # the work itself ran into a limit of its own
            future.add_done_callback(_forget)
            self.abandon()
            late = TimeoutError(f"no answer within {self.time_limit:g} s, outcome unknown")
            raise write_error(self.table, late) from error

    def abandon(self) -> None:
        """Let the thread end by itself once it has nothing left to do."""
        if self._executor is not None:
            self._executor.shutdown(wait=False)
            self._executor = None


def _tamed(table: str, work: Callable[[], T]) -> T:
    try:
        return work()
    except Exception:
        raise
    except BaseException as error:
        # A Rust panic arrives as PanicException, which is no Exception: it would pass
        # every handler of the worker and end the process.
        raise write_error(table, error) from error


def _forget(future: asyncio.Future[T]) -> None:
    """Fetch the late result, so that asyncio does not report it as never looked at."""
    if not future.cancelled():
        future.exception()
