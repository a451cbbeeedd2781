"""Records that wait in this process: for their time, or for a service to come back.

Their partitions are paused at the broker, so there are never more than a batch of each.
A process that dies forgets them; as they were not committed, they come again.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from datetime import datetime, timedelta

from attrs import define, field

from claimx_pipeline.broker.protocol import Assignment, PolledBatch
from claimx_pipeline.clock import Clock
from claimx_pipeline.runtime.outcome import Held

FIRST_PAUSE_SECONDS = 1.0
LONGEST_PAUSE_SECONDS = 30.0
"""A service that is away is asked less and less often, but at least this often."""


@define
class Parked:
    """Records of one partition and when to look at them again."""

    batch: PolledBatch
    until: datetime
    error: Exception | None


@define
class Parking:
    """The waiting records of one member."""

    _clock: Clock
    _parked: dict[Assignment, Parked] = field(factory=dict, init=False)
    _paused: set[Assignment] = field(factory=set, init=False)
    _pause_seconds: float = field(default=FIRST_PAUSE_SECONDS, init=False)
    _told: str = field(default="", init=False)

    def park(self, batch: PolledBatch, held: Held) -> None:
        """Let *batch* wait as *held* says."""
        until = held.until or self._clock.now() + timedelta(seconds=self._pause_seconds)
        if held.until is None:
            self._pause_seconds = min(2 * self._pause_seconds, LONGEST_PAUSE_SECONDS)
        self._parked[batch.assignment] = Parked(batch, until, held.error)
        self._paused.add(batch.assignment)

    def due(self, owned: Collection[Assignment]) -> list[PolledBatch]:
        """Take out and return what is to be looked at again; forget what is not owned."""
        for lost in set(self._parked) - set(owned):
            del self._parked[lost]
        self._paused &= set(owned)
        now = self._clock.now()
        ready = [place for place, parked in self._parked.items() if parked.until <= now]
        return [self._parked.pop(place).batch for place in ready]

    def leave(self, settled: Iterable[Assignment]) -> list[Assignment]:
        """Return those of the settled partitions that were paused; they go on."""
        going = [assignment for assignment in settled if assignment in self._paused]
        self._paused.difference_update(going)
        if not any(parked.error for parked in self._parked.values()):
            self._pause_seconds = FIRST_PAUSE_SECONDS
        return going

    def patience(self, longest: float) -> float:
        """Return how many seconds a poll may wait without anything becoming late."""
        if not self._parked:
            return longest
        now = self._clock.now()
        first = min(parked.until for parked in self._parked.values())
        return max(0.0, min(longest, (first - now).total_seconds()))

    def count(self) -> int:
        """Return how many records wait."""
        return sum(len(parked.batch.records) for parked in self._parked.values())

    def reason(self) -> Exception | None:
        """Return what is waited for; None if nothing is, or only for a time to come."""
        return next((parked.error for parked in self._parked.values() if parked.error), None)

    def news(self) -> Exception | None:
        """Return ``reason`` if it was not told before."""
        reason = self.reason()
        told = str(reason) if reason else ""
        is_news = told != self._told
        self._told = told
        return reason if is_news else None
