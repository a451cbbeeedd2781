"""The one clock behind everything that waits or tells the time.

A test hands in its own clock and sees a forty-minute wait pass in milliseconds.
"""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime, timedelta
from typing import Protocol

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_LAST_MS = (datetime.max.replace(tzinfo=UTC) - EPOCH) // timedelta(milliseconds=1)
"""The end of the year 9999."""
_FINER = ((10**15, 10**3), (10**18, 10**6))
"""From where on a timestamp counts micro- and nanoseconds (in both, the year 2001), and how
many of them make a millisecond."""

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


def is_usable(timestamp_ms: int | None) -> bool:
    """Return whether a record's timestamp is a time: -1 is none, nor is the year 10000."""
    return timestamp_ms is not None and 0 <= timestamp_ms <= _LAST_MS


def published_at(timestamp_ms: int | None) -> datetime | None:
    """Return when a record was published, from its timestamp, milliseconds since 1970 UTC.

    Any producer may write any 64 bits there. One that can only be micro- or nanoseconds is
    read as such; None if no time can be made of it.
    """
    if timestamp_ms is None or timestamp_ms < 0:
        return None
    if timestamp_ms > _LAST_MS:
        for begin, per_millisecond in reversed(_FINER):
            if timestamp_ms >= begin:
                timestamp_ms //= per_millisecond
                break
        if timestamp_ms > _LAST_MS:
            return None
    return EPOCH + timedelta(milliseconds=timestamp_ms)
