"""Which records of a batch are settled, and how far each partition may be committed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from attrs import define, field, frozen

from claimx_pipeline.broker.protocol import Assignment, OutRecord, PolledBatch
from claimx_pipeline.errors import ClaimxError, category_of
from claimx_pipeline.runtime.outcome import Dead, Done, Outcome, Retry, TableRow
from claimx_pipeline.runtime.worker import Received


@define
class RecordFailedError(ClaimxError):
    """A record failed and nothing may be committed past it."""

    worker: str
    topic: str
    partition: int
    offset: int
    outcome: str
    error: Exception

    def __str__(self) -> str:
        kind = category_of(self.error).value
        what = str(self.error) if isinstance(self.error, ClaimxError) else repr(self.error)
        return (
            f"worker {self.worker!r} stopped at {self.topic}[{self.partition}] offset {self.offset}"
            f" ({kind}, {self.outcome}): {what}; nothing was committed past it, so it comes again "
            "at the next start"
        )


@frozen
class Span:
    """Consecutive places of the batch that hold records of one partition."""

    assignment: Assignment
    start: int
    stop: int


@define
class Settlement:
    """A batch of several partitions on its way to the commit.

    Records, messages and outcomes stand at the same places of parallel lists: this is the
    part of the runtime that every record goes through.
    """

    dead_end: bool = False
    """The worker has no topic for dead letters, so a dead record cannot be settled."""
    received: list[Received[Any]] = field(factory=list)
    outcomes: list[Outcome | None] = field(factory=list)
    spans: list[Span] = field(factory=list)
    returning: dict[int, OutRecord] = field(factory=dict)
    """Place of a record that is to be tried again, and how it waits for that."""
    reports: dict[int, tuple[OutRecord, ...]] = field(factory=dict)
    """Place of a record and what is told about the try that was made of it."""

    def add(self, batch: PolledBatch, received: Sequence[Received[Any]]) -> None:
        """Add the records of one partition, in offset order; none has an outcome yet."""
        start = len(self.received)
        self.received += received
        self.outcomes += [None] * len(received)
        self.spans.append(Span(batch.assignment, start, len(self.received)))

    def open_places(self) -> list[int]:
        """Return the places of the records that have no outcome yet."""
        return [place for place, outcome in enumerate(self.outcomes) if outcome is None]

    def give(self, places: Sequence[int], outcomes: Sequence[Outcome]) -> None:
        """Note what became of the records at *places*.

        Raises:
            RuntimeError: There is not exactly one outcome per record.
        """
        if len(places) != len(outcomes):
            raise RuntimeError(f"{len(outcomes)} outcomes for {len(places)} records")
        for place, outcome in zip(places, outcomes, strict=True):
            self.outcomes[place] = outcome
            if outcome.reports:
                self.reports[place] = outcome.reports

    def settled(self) -> list[int]:
        """Return the places before the first unsettled one of each partition, in order."""
        blocked: set[Assignment] = set()
        found: list[int] = []
        for span in self.spans:
            if span.assignment in blocked:
                continue
            for place in range(span.start, span.stop):
                if type(self.outcomes[place]) is not Done and not self._has_a_way(place):
                    blocked.add(span.assignment)
                    break
                found.append(place)
        return found

    def unsettled(self) -> dict[Assignment, list[int]]:
        """Return the places that are not settled, by partition, in order."""
        settled = set(self.settled())
        left: dict[Assignment, list[int]] = {}
        for span in self.spans:
            for place in range(span.start, span.stop):
                if place not in settled:
                    left.setdefault(span.assignment, []).append(place)
        return left

    def done(self) -> Iterator[tuple[int, Done]]:
        """Yield the settled records that were dealt with."""
        for place in self.settled():
            outcome = self.outcomes[place]
            if type(outcome) is Done:
                yield place, outcome

    def dead(self) -> Iterator[tuple[int, Dead]]:
        """Yield the settled records that can never work."""
        for place in self.settled():
            outcome = self.outcomes[place]
            if type(outcome) is Dead:
                yield place, outcome

    def publish(self) -> list[tuple[int, OutRecord]]:
        """Return what is to be published before anything is written, with its place."""
        out = [(at, record) for at, reports in self.reports.items() for record in reports]
        out += [(at, record) for at, done in self.done() if done.publish for record in done.publish]
        if self.returning:
            out += [(at, self.returning[at]) for at in self.settled() if at in self.returning]
        return out

    def rows(self) -> list[tuple[int, TableRow]]:
        """Return the rows to write, each with the place of its record."""
        found = ((at, self.outcomes[at]) for at in self.settled())
        return [
            (at, row)
            for at, outcome in found
            if isinstance(outcome, Done | Retry | Dead)
            for row in outcome.rows
        ]

    def confirm(self) -> list[tuple[int, OutRecord]]:
        """Return what is to be published once the rows are written, with its place."""
        return [(at, out) for at, done in self.done() if done.confirm for out in done.confirm]

    def positions(self) -> dict[Assignment, int]:
        """Return the next offset to read of each partition."""
        settled = set(self.settled())
        last: dict[Assignment, int] = {}
        for span in self.spans:
            for place in range(span.stop - 1, span.start - 1, -1):
                if place in settled:
                    last[span.assignment] = self.received[place].record.offset + 1
                    break
        return last

    def stuck(self, worker: str) -> RecordFailedError | None:
        """Return the first dead record that has nowhere to go, as the error that stops."""
        for place, outcome in enumerate(self.outcomes):
            if isinstance(outcome, Dead) and self.dead_end:
                record = self.received[place].record
                where = (record.topic, record.partition, record.offset)
                return RecordFailedError(worker, *where, "dead", outcome.error)
        return None

    def _has_a_way(self, place: int) -> bool:
        """Tell whether a record that is not done is settled all the same."""
        outcome = self.outcomes[place]
        return place in self.returning or (type(outcome) is Dead and not self.dead_end)


def count_outcomes(settlement: Settlement) -> dict[str, int]:
    """Return how many records were settled how; skipped ones are done and counted apart."""
    counts = {"done": 0, "skipped": 0, "retry": 0, "dead": 0}
    for place in settlement.settled():
        outcome = settlement.outcomes[place]
        if type(outcome) is Done:
            counts["skipped" if outcome.skipped else "done"] += 1
        else:
            counts["dead" if type(outcome) is Dead else "retry"] += 1
    return counts
