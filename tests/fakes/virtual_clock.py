"""A clock that a test moves: waiting takes no real time."""

import asyncio
import heapq
from datetime import UTC, datetime, timedelta


class VirtualClock:
    """Starts at a fixed time; ``sleep`` returns when ``advance`` has passed its end."""

    def __init__(self, start: datetime = datetime(2026, 1, 12, 8, tzinfo=UTC)) -> None:
        self._start = start
        self._seconds = 0.0
        self._sleepers: list[tuple[float, int, asyncio.Future[None]]] = []
        self._count = 0

    def now(self) -> datetime:
        return self._start + timedelta(seconds=self._seconds)

    def monotonic(self) -> float:
        return self._seconds

    async def sleep(self, seconds: float) -> None:
        waker = asyncio.get_running_loop().create_future()
        self._count += 1
        heapq.heappush(self._sleepers, (self._seconds + seconds, self._count, waker))
        await waker

    async def advance(self, seconds: float) -> None:
        """Let *seconds* pass, waking sleepers in order."""
        end = self._seconds + seconds
        while self._sleepers and self._sleepers[0][0] <= end:
            at, _, waker = heapq.heappop(self._sleepers)
            self._seconds = at
            if not waker.done():
                waker.set_result(None)
            for _ in range(5):
                await asyncio.sleep(0)
        self._seconds = end
