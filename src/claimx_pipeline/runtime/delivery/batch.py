"""Which records of a batch are settled, and how far each partition may be committed."""

from __future__ import annotations

from collections.abc import Container, Iterator, Sequence
from typing import Any

from attrs import define, field

from claimx_pipeline.broker.protocol import Assignment, OutRecord
from claimx_pipeline.delta.rows import TableRow
from claimx_pipeline.errors import ClaimxError, category_of
from claimx_pipeline.runtime.outcome import Dead, Done, Held, Outcome, Retry
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


@define(eq=False)
class Entry(Received[Any]):
    """A record on its way from the broker to the commit.

    What was done for it is kept while it waits for others, so that it is done once: a
    request is not sent again because a table is away.
    """

    outcome: Done | Retry | Dead | None = None
    """What became of it; None while it has not been processed."""
    returning: OutRecord | None = None
    """How it waits for another try, if it failed and there is to be one."""
    held: Held | None = None
    """Why it waits here, with all that is behind it."""
    published: bool = False
    """What it publishes first is acknowledged."""
    told: bool = False
    """Its dead letters are acknowledged."""
    reports: tuple[OutRecord, ...] = ()
    """What happened meanwhile and is not published yet, whatever becomes of the record."""

    def give(self, outcome: Outcome) -> None:
        """Note what became of the record."""
        self.reports += outcome.reports
        if isinstance(outcome, Held):
            self.held = outcome
        else:
            self.outcome = outcome


@define(eq=False)
class Span:
    """Consecutive records of one partition, in offset order."""

    assignment: Assignment
    entries: list[Entry]


@define
class Settled:
    """The records before the first unsettled one of each partition, and what they ask for."""

    entries: list[Entry] = field(factory=list)
    positions: dict[Assignment, int] = field(factory=dict)
    """The next offset to read of each partition that got on."""
    publish: list[tuple[Entry, OutRecord]] = field(factory=list)
    """To be published before anything is written."""
    rows: list[tuple[Entry, TableRow]] = field(factory=list)
    confirm: list[tuple[Entry, OutRecord]] = field(factory=list)
    """To be published once the rows are written."""
    letters: list[tuple[Entry, Exception, str]] = field(factory=list)
    """Dead letters to write, each with the plugin that failed on a good record, if one did."""
    counts: dict[str, int] = field(factory=lambda: {"done": 0, "skipped": 0, "retry": 0, "dead": 0})

    def add(self, entry: Entry, *, dead_end: bool) -> bool:
        """Add *entry* if it is settled; return whether it is."""
        outcome = entry.outcome
        if entry.held is not None or outcome is None:
            return False
        if entry.returning is not None:
            self.counts["retry"] += 1
            if not entry.published:
                self.publish.append((entry, entry.returning))
            self._add_rows(entry, outcome)
        elif type(outcome) is Done:
            self.counts["skipped" if outcome.skipped else "done"] += 1
            self._add_done(entry, outcome)
        elif type(outcome) is Dead and not dead_end:
            self.counts["dead"] += 1
            if not entry.told:
                self.letters.append((entry, outcome.error, ""))
            self._add_rows(entry, outcome)
        else:
            return False
        return True

    def _add_done(self, entry: Entry, done: Done) -> None:
        if done.publish and not entry.published:
            self.publish += [(entry, record) for record in done.publish]
        self._add_rows(entry, done)
        if done.confirm:
            self.confirm += [(entry, record) for record in done.confirm]
        if done.failed_plugins and not entry.told:
            self.letters += [(entry, error, plugin) for plugin, error in done.failed_plugins]

    def _add_rows(self, entry: Entry, outcome: Done | Retry | Dead) -> None:
        if outcome.rows:
            self.rows += [(entry, row) for row in outcome.rows]


@define
class Settlement:
    """A batch of several partitions on its way to the commit."""

    spans: list[Span] = field(factory=list)
    dead_end: bool = False
    """The worker has no topic for dead letters, so a dead record cannot be settled."""

    def __iter__(self) -> Iterator[Entry]:
        for span in self.spans:
            yield from span.entries

    def __len__(self) -> int:
        return sum(len(span.entries) for span in self.spans)

    def open(self) -> list[Entry]:
        """Return the records that are to be processed."""
        return [entry for entry in self if entry.outcome is None]

    def leave_out(self, assignments: Container[Assignment]) -> list[Span]:
        """Take the records of *assignments* out and return them."""
        gone = [span for span in self.spans if span.assignment in assignments]
        if gone:
            self.spans = [span for span in self.spans if span.assignment not in assignments]
        return gone

    def settled(self) -> Settled:
        """Return what can be settled as things are now."""
        found = Settled()
        blocked: set[Assignment] = set()
        for span in self.spans:
            if span.assignment in blocked:
                continue
            before = len(found.entries)
            for entry in span.entries:
                if not found.add(entry, dead_end=self.dead_end):
                    blocked.add(span.assignment)
                    break
                found.entries.append(entry)
            if len(found.entries) > before:
                found.positions[span.assignment] = found.entries[-1].record.offset + 1
        return found

    def unsettled(self, settled: Settled) -> dict[Assignment, list[Entry]]:
        """Return the records that are not among *settled*, by partition, in order."""
        left: dict[Assignment, list[Entry]] = {}
        for span in self.spans:
            after = settled.positions.get(span.assignment, 0)
            if span.entries[-1].record.offset < after:
                continue
            entries = [entry for entry in span.entries if entry.record.offset >= after]
            left.setdefault(span.assignment, []).extend(entries)
        return left

    def stuck(self, worker: str) -> RecordFailedError | None:
        """Return the first dead record that has nowhere to go, as the error that stops."""
        if not self.dead_end:
            return None
        for entry in self:
            if type(entry.outcome) is Dead:
                record = entry.record
                where = (record.topic, record.partition, record.offset)
                return RecordFailedError(worker, *where, "dead", entry.outcome.error)
        return None


def merged(settlements: Sequence[Settlement]) -> Settlement:
    """Return consecutive batches as one."""
    first, *others = settlements
    if not others:
        return first
    return Settlement([span for each in settlements for span in each.spans], first.dead_end)


def give_each(entries: Sequence[Entry], outcomes: Sequence[Outcome]) -> None:
    """Note what became of each of *entries*.

    Raises:
        RuntimeError: There is not exactly one outcome per record.
    """
    if len(entries) != len(outcomes):
        raise RuntimeError(f"{len(outcomes)} outcomes for {len(entries)} records")
    for entry, outcome in zip(entries, outcomes, strict=True):
        entry.give(outcome)
