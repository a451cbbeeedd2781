"""Records that wait in this process: for their time, or for a service to come back.

Their partitions are paused at the broker, so there are never more than what was in flight.
A process that dies forgets them; as they were not committed, they come again.
"""

from __future__ import annotations

from collections.abc import Collection, Container, Iterable, Sequence
from datetime import datetime, timedelta

from attrs import define, field

from claimx_pipeline.broker.protocol import Assignment
from claimx_pipeline.clock import Clock
from claimx_pipeline.runtime.delivery.batch import Entry, Span
from claimx_pipeline.runtime.outcome import Held

FIRST_PAUSE_SECONDS = 1.0
LONGEST_PAUSE_SECONDS = 30.0
"""A service that is away is asked less and less often, but at least this often."""


@define
class Parked:
    """Records of one partition and when to look at them again."""

    entries: list[Entry]
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

    def park(self, assignment: Assignment, entries: Sequence[Entry]) -> None:
        """Let *entries* wait as the first of them says."""
        held = entries[0].held or Held()
        until = held.until or self._clock.now() + timedelta(seconds=self._pause_seconds)
        if held.until is None:
            self._pause_seconds = min(2 * self._pause_seconds, LONGEST_PAUSE_SECONDS)
        self._parked[assignment] = Parked([*entries], until, held.error)
        self._paused.add(assignment)

    def queue(self, span: Span) -> None:
        """Let *span* wait behind the records of its partition that wait already."""
        self._parked[span.assignment].entries += span.entries

    def due(self, owned: Collection[Assignment], under_way: Container[Assignment]) -> list[Span]:
        """Take out and return what is to be looked at again.

        Partitions *under_way* wait on: what is in flight of them comes after what is here.
        """
        self._paused &= set(owned)
        now = self._clock.now()
        ready = [
            place
            for place, parked in self._parked.items()
            if parked.until <= now and place not in under_way
        ]
        spans = [Span(place, self._parked.pop(place).entries) for place in ready]
        for span in spans:
            for entry in span.entries:
                entry.held = None
        return spans

    def forget(self, owned: Collection[Assignment]) -> int:
        """Drop what is not *owned* any more; return how many records that is."""
        lost = self._parked.keys() - set(owned)
        return sum(len(self._parked.pop(place).entries) for place in lost)

    @property
    def places(self) -> Container[Assignment]:
        """The partitions of which records wait."""
        return self._parked.keys()

    @property
    def paused(self) -> Container[Assignment]:
        """The partitions that are paused: records wait, or were looked at again just now."""
        return self._paused

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
        return sum(len(parked.entries) for parked in self._parked.values())

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
