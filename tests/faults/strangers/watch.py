"""Watches the memory of workers, one process each."""

from __future__ import annotations

import asyncio
import statistics
import time
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path

from attrs import define, field

from tests.faults.crew import Crew

SAMPLE_SECONDS = 1.0
MOST_MB: Mapping[str, int] = {"entities": 300, "itel-tracking": 300}
MOST_OF_OTHERS_MB = 250
FLAT_FROM_SECONDS = 300.0
"""A process that lived shorter says nothing about growth: caches are still filling."""
GROWTH_MB = 25.0


@define
class Life:
    """What one process of a worker took."""

    worker: str
    samples: list[tuple[float, float]] = field(factory=list)
    """Seconds on the clock, MB."""
    most: float = 0.0

    def growth(self) -> float | None:
        """Return by how many MB it grew once it had warmed up; None if it lived too briefly."""
        begun, ended = self.samples[0][0], self.samples[-1][0]
        if ended - begun < FLAT_FROM_SECONDS:
            return None
        fifth = (ended - begun) / 5
        early = [mb for at, mb in self.samples if begun + fifth <= at < begun + 2 * fifth]
        late = [mb for at, mb in self.samples if at >= ended - fifth]
        return statistics.median(late) - statistics.median(early)


@define
class Watch:
    """Samples ``/proc`` until it is cancelled."""

    crew: Crew
    lives: dict[int, Life] = field(factory=dict)
    """By the number of the process."""

    async def go(self) -> None:
        """Sample for ever."""
        while True:
            self.sample()
            await asyncio.sleep(SAMPLE_SECONDS)

    def sample(self) -> None:
        """Look at every process that runs one worker alone."""
        for member in self.crew.members:
            if len(member.workers) != 1 or (taken := taken_mb(member.child.pid)) is None:
                continue
            number = member.child.number
            life = self.lives.setdefault(number, Life(member.workers[0]))
            life.samples.append((time.monotonic(), taken[0]))
            life.most = max(life.most, taken[1])

    def now(self) -> dict[str, float]:
        """Return what each worker took when it was last looked at."""
        return {life.worker: life.samples[-1][1] for life in self.lives.values()}

    def lines(self) -> list[str]:
        """Return one line for each worker: first, last and most of all its processes."""
        by_worker: defaultdict[str, list[Life]] = defaultdict(list)
        for life in self.lives.values():
            by_worker[life.worker].append(life)
        lines = []
        for worker, lives in sorted(by_worker.items()):
            grown = [growth for life in lives if (growth := life.growth()) is not None]
            told = f"{max(grown):+.0f} MB" if grown else "no process lived long enough to tell"
            lines.append(
                f"memory of {worker}: start {lives[0].samples[0][1]:.0f}, "
                f"end {lives[-1].samples[-1][1]:.0f}, most {max(e.most for e in lives):.0f} MB "
                f"of {limit(worker)} in {len(lives)} processes; growth {told}"
            )
        return lines

    def wrong(self) -> list[str]:
        """Return what took too much or grew."""
        found = []
        for life in self.lives.values():
            if life.most > limit(life.worker):
                found.append(f"{life.worker} took {life.most:.0f} MB of {limit(life.worker)}")
            growth = life.growth()
            if growth is not None and growth > GROWTH_MB:
                found.append(f"{life.worker} grew by {growth:.0f} MB")
        return found


def limit(worker: str) -> int:
    """Return how many MB a worker may take."""
    return MOST_MB.get(worker, MOST_OF_OTHERS_MB)


def taken_mb(pid: int) -> tuple[float, float] | None:
    """Return what a process takes and the most it took, MB; None if it has ended."""
    try:
        status = Path(f"/proc/{pid}/status").read_text()
    except (FileNotFoundError, ProcessLookupError):
        return None
    found = dict(line.split(":", 1) for line in status.splitlines() if ":" in line)
    if "VmRSS" not in found:
        return None  # ended, not collected yet
    now, most = (int(found[name].split()[0]) / 1000 for name in ("VmRSS", "VmHWM"))
    return now, most
