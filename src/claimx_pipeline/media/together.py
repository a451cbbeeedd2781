"""Short blocking calls in a thread: those of one moment go there together and come back together.

A thread costs the event loop more than a small file costs the disk. Files of one batch ask at
the same moment, so one trip serves many of them.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from functools import partial
from typing import Any, TypeVar

from attrs import define, field

MOST_IN_ONE_TRIP = 16
"""More of them are shared out over several threads: a slow disk serves those side by side."""

T = TypeVar("T")
Waiting = tuple["asyncio.Future[Any]", Callable[[], Any]]


@define(eq=False)
class Together:
    """Runs calls that block briefly. Safe to use from several tasks at once."""

    _waiting: list[Waiting] = field(factory=list, init=False, repr=False)

    async def run(self, call: Callable[[], T]) -> T:
        """Return what *call* returns, or raise what it raises; cancelling does not stop it.

        Args:
            call: Takes milliseconds at most; others wait for it.
        """
        loop = asyncio.get_running_loop()
        future: asyncio.Future[T] = loop.create_future()
        if not self._waiting:
            loop.call_soon(self._leave, loop)
        self._waiting.append((future, call))
        return await future

    def _leave(self, loop: asyncio.AbstractEventLoop) -> None:
        waiting, self._waiting = self._waiting, []
        for start in range(0, len(waiting), MOST_IN_ONE_TRIP):
            trip = waiting[start : start + MOST_IN_ONE_TRIP]
            done = loop.run_in_executor(None, _work, trip)
            done.add_done_callback(partial(_arrived, trip))


def _work(trip: list[Waiting]) -> list[tuple[Any, Exception | None]]:
    results: list[tuple[Any, Exception | None]] = []
    for _, call in trip:
        try:
            results.append((call(), None))
        except Exception as error:  # noqa: BLE001 - the failure of this call alone
            results.append((None, error))
    return results


def _arrived(trip: list[Waiting], done: asyncio.Future[Any]) -> None:
    if done.cancelled():
        for future, _ in trip:
            future.cancel()
        return
    failed = done.exception()
    results = [(None, failed)] * len(trip) if failed else done.result()
    for (future, _), (value, error) in zip(trip, results, strict=True):
        if future.done():
            continue  # the caller no longer waits
        if error is None:
            future.set_result(value)
        else:
            future.set_exception(error)
