"""The one clock behind everything that waits or tells the time.

A test hands in its own clock and sees a forty-minute wait pass in milliseconds.
"""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime
from typing import Protocol

MOST_DOUBLINGS = 64
"""Further ones change no pause, and after a thousand the number is too large for a float."""


def doubled(seconds: float, times: int, longest: float) -> float:
    """Return a pause of *seconds* doubled so many *times*, *longest* at most.

    Every pause that grows is computed here: an outage has as many tries as it lasts.

    >>> doubled(0.5, 3, 30.0), doubled(0.5, 100_000, 30.0)
    (4.0, 30.0)
    """
    return min(seconds * 2.0 ** min(times, MOST_DOUBLINGS), longest)


class Clock(Protocol):
    """Tells the time and waits."""

    def now(self) -> datetime:
        """Return the wall-clock time, aware, in UTC."""
        ...

    def monotonic(self) -> float:
        """Return seconds on a clock that never goes back."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Wait for *seconds*."""
        ...


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        """Return the wall-clock time, aware, in UTC."""
        return datetime.now(UTC)

    def monotonic(self) -> float:
        """Return seconds on a clock that never goes back."""
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Wait for *seconds*."""
        await asyncio.sleep(seconds)
