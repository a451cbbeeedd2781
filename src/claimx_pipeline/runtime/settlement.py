"""Which records of a batch are settled, and how far each partition may be committed."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from attrs import define, field

from claimx_pipeline.broker.protocol import Assignment, OutRecord, Record
from claimx_pipeline.errors import ClaimxError, RecordError, category_of
from claimx_pipeline.runtime.outcome import Dead, Done, Held, Outcome, Retry, TableRow


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


@define
class Entry:
    """One record of a batch and what became of it."""

    assignment: Assignment
    record: Record
    message: Any = None
    outcome: Outcome | None = None

    def done(self) -> Done | None:
        """Return the outcome if the record is dealt with."""
        return self.outcome if isinstance(self.outcome, Done) else None


@define
class Settlement:
    """A batch of several partitions on its way to the commit."""

    entries: list[Entry] = field(factory=list)

    def settled(self) -> Iterator[Entry]:
        """Yield the entries before the first failure of their partition, in order."""
        blocked: set[Assignment] = set()
        for entry in self.entries:
            if entry.done() is None:
                blocked.add(entry.assignment)
            elif entry.assignment not in blocked:
                yield entry

    def publish(self) -> list[tuple[Entry, OutRecord]]:
        """Return what is to be published before anything is written, each with its entry."""
        return [(entry, out) for entry in self.settled() for out in self._done(entry).publish]

    def rows(self) -> list[tuple[Entry, TableRow]]:
        """Return the rows to write, each with the entry it comes from."""
        return [(entry, row) for entry in self.settled() for row in self._done(entry).rows]

    def confirm(self) -> list[tuple[Entry, OutRecord]]:
        """Return what is to be published once the rows are written, each with its entry."""
        return [(entry, out) for entry in self.settled() for out in self._done(entry).confirm]

    def positions(self) -> dict[Assignment, int]:
        """Return the next offset to read of each partition."""
        return {entry.assignment: entry.record.offset + 1 for entry in self.settled()}

    def first_failure(self, worker: str) -> RecordFailedError | None:
        """Return the earliest failure, as the error that stops the worker."""
        for entry in self.entries:
            outcome = entry.outcome
            if isinstance(outcome, (Retry, Dead, Held)):
                record = entry.record
                return RecordFailedError(
                    worker,
                    record.topic,
                    record.partition,
                    record.offset,
                    type(outcome).__name__.lower(),
                    outcome.error,
                )
        return None

    def give(self, entries: Sequence[Entry], outcomes: Sequence[Outcome]) -> None:
        """Note what became of *entries*.

        Raises:
            RuntimeError: There is not exactly one outcome per entry.
        """
        if len(entries) != len(outcomes):
            raise RuntimeError(f"{len(outcomes)} outcomes for {len(entries)} records")
        for entry, outcome in zip(entries, outcomes, strict=True):
            entry.outcome = outcome

    @staticmethod
    def _done(entry: Entry) -> Done:
        outcome = entry.done()
        if outcome is None:
            raise RecordError(f"offset {entry.record.offset} is not settled")
        return outcome
