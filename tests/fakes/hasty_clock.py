"""A clock whose waits pass at once and are remembered."""

import asyncio
from datetime import UTC, datetime, timedelta


class HastyClock:
    """``sleep`` moves the time instead of taking any."""

    def __init__(self, start: datetime = datetime(2026, 1, 12, 8, tzinfo=UTC)) -> None:
        self.time = start
        self.slept: list[float] = []

    def now(self) -> datetime:
        return self.time

    def monotonic(self) -> float:
        return self.time.timestamp()

    def move(self, seconds: float) -> None:
        self.time += timedelta(seconds=seconds)

    async def sleep(self, seconds: float) -> None:
        self.slept.append(seconds)
        self.move(seconds)
        await asyncio.sleep(0)
