"""Which records of a batch are settled, and how far each partition may be committed."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from typing import Any

from attrs import define, field, frozen

from claimx_pipeline.broker.protocol import Assignment, OutRecord, PolledBatch
from claimx_pipeline.errors import ClaimxError, category_of
from claimx_pipeline.runtime.outcome import Dead, Done, Held, Outcome, Retry, TableRow
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

    received: list[Received[Any]] = field(factory=list)
    outcomes: list[Outcome | None] = field(factory=list)
    spans: list[Span] = field(factory=list)

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

    def settled(self) -> list[tuple[int, Done]]:
        """Return the done records before the first failure of their partition, in order."""
        blocked: set[Assignment] = set()
        found: list[tuple[int, Done]] = []
        for span in self.spans:
            if span.assignment in blocked:
                continue
            for place in range(span.start, span.stop):
                outcome = self.outcomes[place]
                if type(outcome) is not Done:
                    blocked.add(span.assignment)
                    break
                found.append((place, outcome))
        return found

    def publish(self) -> list[tuple[int, OutRecord]]:
        """Return what is to be published before anything is written, with its place."""
        return [(at, out) for at, done in self.settled() if done.publish for out in done.publish]

    def rows(self) -> list[tuple[int, TableRow]]:
        """Return the rows to write, each with the place of its record."""
        return [(at, row) for at, done in self.settled() if done.rows for row in done.rows]

    def confirm(self) -> list[tuple[int, OutRecord]]:
        """Return what is to be published once the rows are written, with its place."""
        return [(at, out) for at, done in self.settled() if done.confirm for out in done.confirm]

    def positions(self) -> dict[Assignment, int]:
        """Return the next offset to read of each partition."""
        last = {}
        settled = {place for place, _ in self.settled()}
        for span in self.spans:
            for place in range(span.stop - 1, span.start - 1, -1):
                if place in settled:
                    last[span.assignment] = self.received[place].record.offset + 1
                    break
        return last

    def failures(self) -> Iterator[tuple[int, Retry | Dead | Held]]:
        """Yield the places of records that are not done, with what became of them."""
        for place, outcome in enumerate(self.outcomes):
            if isinstance(outcome, (Retry, Dead, Held)):
                yield place, outcome

    def first_failure(self, worker: str) -> RecordFailedError | None:
        """Return the earliest failure, as the error that stops the worker."""
        for place, outcome in self.failures():
            record = self.received[place].record
            return RecordFailedError(
                worker,
                record.topic,
                record.partition,
                record.offset,
                type(outcome).__name__.lower(),
                outcome.error,
            )
        return None


def count_outcomes(outcomes: Iterable[Outcome | None]) -> dict[str, int]:
    """Return how many records became what; skipped ones are done and counted apart."""
    counts = {"done": 0, "skipped": 0, "retry": 0, "dead": 0, "held": 0}
    names = {Retry: "retry", Dead: "dead", Held: "held"}
    for outcome in outcomes:
        if type(outcome) is Done:
            counts["skipped" if outcome.skipped else "done"] += 1
        elif outcome is not None:
            counts[names[type(outcome)]] += 1
    return counts
