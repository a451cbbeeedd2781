"""Records that wait in this process: for their time, or for a service to be available again.

Their partitions are paused at the broker, so there are never more than what was in flight.
A crash loses them; as they were not committed, they come again.
"""

from __future__ import annotations

from collections.abc import Collection, Container, Iterable, Mapping, Sequence
from datetime import datetime, timedelta

from attrs import define, field

from claimx_pipeline.broker.protocol import Assignment, TopicPartition
from claimx_pipeline.clock import Clock
from claimx_pipeline.isolation import message
from claimx_pipeline.runtime.delivery.batch import BatchRecord, PartitionRun
from claimx_pipeline.runtime.outcome import Held

FIRST_PAUSE_SECONDS = 1.0
LONGEST_PAUSE_SECONDS = 30.0
"""An unavailable service is asked less and less often, but at least this often."""
LOOK_SECONDS = 0.05
"""How often it is looked whether what is in flight of a partition has made room for what waits."""


@define
class PausedPartition:
    """The waiting records of one partition and when to look at them again."""

    records: list[BatchRecord]
    until: datetime
    error: Exception | None


@define
class PausedPartitions:
    """The waiting records of one member."""

    _clock: Clock
    _waiting: dict[Assignment, PausedPartition] = field(factory=dict, init=False)
    _paused: set[Assignment] = field(factory=set, init=False)
    _pause_seconds: float = field(default=FIRST_PAUSE_SECONDS, init=False)
    _last_reason: str = field(default="", init=False)

    def add(self, assignment: Assignment, records: Sequence[BatchRecord]) -> None:
        """Let *records* wait as the first of them says."""
        held = records[0].held or Held()
        until = held.until or self._clock.now() + timedelta(seconds=self._pause_seconds)
        if held.until is None:
            self._pause_seconds = min(2 * self._pause_seconds, LONGEST_PAUSE_SECONDS)
        self._waiting[assignment] = PausedPartition([*records], until, held.error)
        self._paused.add(assignment)

    def queue(self, run: PartitionRun) -> None:
        """Let *run* wait behind the records of its partition that wait already."""
        self._waiting[run.assignment].records += run.records

    def due(
        self, owned: Collection[Assignment], in_flight: Container[Assignment]
    ) -> list[PartitionRun]:
        """Take out and return what is to be looked at again.

        Partitions *in_flight* wait on: what is in flight of them comes after what is here.
        """
        self._paused &= set(owned)
        now = self._clock.now()
        ready = [
            assignment
            for assignment, waiting in self._waiting.items()
            if waiting.until <= now and assignment not in in_flight
        ]
        runs = [PartitionRun(each, self._waiting.pop(each).records) for each in ready]
        for run in runs:
            for record in run.records:
                record.held = None
        return runs

    def forget(self, owned: Collection[Assignment]) -> int:
        """Drop what is not *owned* any more; return how many records that is."""
        revoked = self._waiting.keys() - set(owned)
        return sum(len(self._waiting.pop(each).records) for each in revoked)

    def before(self, offsets: Mapping[TopicPartition, int]) -> bool:
        """Return whether a record waits whose offset is lower than that of its partition."""
        return any(
            waiting.records[0].record.offset
            < offsets.get(TopicPartition(at.topic, at.partition), 0)
            for at, waiting in self._waiting.items()
        )

    @property
    def partitions(self) -> Container[Assignment]:
        """The partitions of which records wait."""
        return self._waiting.keys()

    @property
    def paused(self) -> Container[Assignment]:
        """The partitions that are paused: records wait, or were looked at again just now."""
        return self._paused

    def resume(self, committed: Iterable[Assignment]) -> list[Assignment]:
        """Return those of the committed partitions that were paused; they go on."""
        resumed = [assignment for assignment in committed if assignment in self._paused]
        self._paused.difference_update(resumed)
        if not any(waiting.error for waiting in self._waiting.values()):
            self._pause_seconds = FIRST_PAUSE_SECONDS
        return resumed

    def seconds_to_next(self, longest: float, in_flight: Container[Assignment] = ()) -> float:
        """Return how many seconds a poll may wait without anything becoming late.

        What is due in a partition *in flight* cannot be taken out yet: a poll that did not
        wait for it would only be repeated, and keep the event loop from what is in flight.
        """
        now = self._clock.now()
        seconds = longest
        for assignment, waiting in self._waiting.items():
            left = max(0.0, (waiting.until - now).total_seconds())
            seconds = min(seconds, max(left, LOOK_SECONDS) if assignment in in_flight else left)
        return seconds

    def until(self) -> datetime | None:
        """Return when the last of the records that wait for their time is due."""
        times = [each.until for each in self._waiting.values() if each.error is None]
        return max(times, default=None)

    def count(self) -> int:
        """Return how many records wait."""
        return sum(len(waiting.records) for waiting in self._waiting.values())

    def reason(self) -> Exception | None:
        """Return what is waited for; None if nothing is, or only for a time to come."""
        return next((each.error for each in self._waiting.values() if each.error), None)

    def new_reason(self) -> Exception | None:
        """Return ``reason`` if it was not returned here before."""
        reason = self.reason()
        text = message(reason) if reason else ""
        is_new = text != self._last_reason
        self._last_reason = text
        return reason if is_new else None
