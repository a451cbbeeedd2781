"""Waiting for a coroutine in code that does not wait by ``await``."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Coroutine
from concurrent.futures import ThreadPoolExecutor
from typing import Any, TypeVar

T = TypeVar("T")


def blocking(work: Callable[[], Coroutine[Any, Any, T]]) -> T:
    """Return what *work* returns; the caller waits for it.

    Where an event loop runs in this thread, as in a notebook, it runs in a loop and a thread of
    its own meanwhile. An interruption cancels it, and is raised once it has ended.
    """
    try:
        asyncio.get_running_loop()
    except RuntimeError:
        return asyncio.run(work())
    with ThreadPoolExecutor(1, "claimx-blocking") as threads:
        running: list[tuple[asyncio.AbstractEventLoop, asyncio.Task[Any]]] = []
        done = threads.submit(asyncio.run, _noted(work, running))
        try:
            return done.result()
        except KeyboardInterrupt:
            for loop, task in running:
                loop.call_soon_threadsafe(task.cancel)
            raise


async def _noted(
    work: Callable[[], Coroutine[Any, Any, T]],
    running: list[tuple[asyncio.AbstractEventLoop, asyncio.Task[Any]]],
) -> T:
    """Do *work*, and note where, so that it can be cancelled from outside."""
    task = asyncio.current_task()
    if task is not None:
        running.append((asyncio.get_running_loop(), task))
    return await work()
