"""The one way in which a test waits for something."""

import asyncio
import inspect
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

T = TypeVar("T")

PAUSE_SECONDS = 0.01


async def until(
    condition: Callable[[], T | Awaitable[T]], *running: asyncio.Task[Any], seconds: float = 30
) -> T:
    """Wait until *condition* holds, and return what it returned.

    Args:
        condition: May be async.
        running: Tasks without which it will never hold.
        seconds: How long to wait at most.

    Raises:
        AssertionError: One of *running* has ended and the condition does not hold.
        TimeoutError: It did not hold in time.
        Exception: What one of *running* failed with.
    """
    async with asyncio.timeout(seconds):
        while True:
            ended = [task for task in running if task.done()]
            found = condition()
            if inspect.isawaitable(found):
                found = await found
            if found:
                return found
            for task in ended:
                task.result()
                raise AssertionError(f"{task} has ended, and what was waited for never came")
            await asyncio.sleep(PAUSE_SECONDS)
