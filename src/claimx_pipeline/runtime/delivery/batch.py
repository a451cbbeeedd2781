"""Which records of a batch are committable, and how far each partition may be committed."""

from __future__ import annotations

from collections.abc import Container, Iterator, Sequence
from typing import Any

from attrs import define, field, frozen

from claimx_pipeline.broker.protocol import Assignment, OutRecord
from claimx_pipeline.delta.rows import TableRow
from claimx_pipeline.errors import ClaimxError, category_of
from claimx_pipeline.isolation import EscapedError, message, representation
from claimx_pipeline.runtime.outcome import Dead, Done, Held, Outcome, Retry
from claimx_pipeline.runtime.worker import Received

RETRIED = "wait in a retry topic, others go on"
DEAD = "are dead letters"
_OUTCOMES = (Done, Retry, Dead, Held)


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
        known = isinstance(self.error, (ClaimxError, EscapedError))
        what = message(self.error) if known else representation(self.error)
        return (
            f"worker {self.worker!r} stopped at {self.topic}[{self.partition}] offset {self.offset}"
            f" ({kind}, {self.outcome}): {what}; nothing was committed past it, so it comes again "
            "at the next start"
        )


@define(eq=False)
class BatchRecord(Received[Any]):
    """A record on its way from the broker to the commit.

    What was done for it is kept while it waits for others, so that it is done once: a
    request is not sent again because a table is unavailable.
    """

    outcome: Done | Retry | Dead | None = None
    """What became of it; None while it has not been processed."""
    returning: OutRecord | None = None
    """How it waits for another try, if it failed and there is to be one."""
    held: Held | None = None
    """Why it waits here, with all that is behind it."""
    published: bool = False
    """What it publishes first is acknowledged."""
    dead_letters_acknowledged: bool = False
    reports: tuple[OutRecord, ...] = ()
    """What happened meanwhile and is not published yet, whatever becomes of the record."""
    span: Any = None
    """Its span; None if nothing is traced."""

    def take(self, outcome: Outcome) -> None:
        """Note what became of the record."""
        self.reports += outcome.reports
        if isinstance(outcome, Held):
            self.held = outcome
        else:
            self.outcome = outcome

    def fail(self, error: Exception) -> None:
        """Note that the record is dead, whatever was to become of it."""
        self.returning, self.held, self.outcome = None, None, Dead(error)

    def hold(self, held: Held) -> None:
        """Let the record wait here and be processed again."""
        self.outcome, self.held = None, held


@define(eq=False)
class PartitionRun:
    """Consecutive records of one partition, in offset order."""

    assignment: Assignment
    records: list[BatchRecord]


@define
class DeadLetterWanted:
    """A dead letter that is to be written."""

    record: BatchRecord
    error: Exception
    plugin: str = ""
    """The plugin that failed on a good record, if one did."""


@frozen
class FailedRecord:
    """A record that did not simply work."""

    record: BatchRecord
    error: Exception
    becomes: str
    """What becomes of it, in words."""


@define
class Committable:
    """The records before the first unfinished one of each partition, and what they ask for."""

    records: list[BatchRecord] = field(factory=list)
    positions: dict[Assignment, int] = field(factory=dict)
    """The next offset to read of each partition that got on."""
    publish: list[tuple[BatchRecord, OutRecord]] = field(factory=list)
    """To be published before anything is written."""
    rows: list[tuple[BatchRecord, TableRow]] = field(factory=list)
    confirm: list[tuple[BatchRecord, OutRecord]] = field(factory=list)
    """To be published once the rows are written."""
    dead_letters: list[DeadLetterWanted] = field(factory=list)
    failed: list[FailedRecord] = field(factory=list)
    """Those that are to be retried or dead, and those that a plugin failed on."""
    counts: dict[str, int] = field(factory=lambda: {"done": 0, "skipped": 0, "retry": 0, "dead": 0})

    def add(self, record: BatchRecord, *, dead_end: bool) -> bool:
        """Add *record* if it is finished; return whether it is."""
        outcome = record.outcome
        if record.held is not None or outcome is None:
            return False
        if record.returning is not None:
            self.counts["retry"] += 1
            if isinstance(outcome, Retry):
                self.failed.append(FailedRecord(record, outcome.error, RETRIED))
            if not record.published:
                self.publish.append((record, record.returning))
            self._add_rows(record, outcome)
        elif type(outcome) is Done:
            self.counts["skipped" if outcome.skipped else "done"] += 1
            self._add_done(record, outcome)
        elif type(outcome) is Dead and not dead_end:
            self.counts["dead"] += 1
            self.failed.append(FailedRecord(record, outcome.error, DEAD))
            if not record.dead_letters_acknowledged:
                self.dead_letters.append(DeadLetterWanted(record, outcome.error))
            self._add_rows(record, outcome)
        else:
            return False
        self.records.append(record)
        return True

    def reached(self) -> int | None:
        """Return the timestamp of the last record; None without any."""
        return self.records[-1].record.timestamp if self.records else None

    def _add_done(self, record: BatchRecord, done: Done) -> None:
        if done.publish and not record.published:
            self.publish += [(record, each) for each in done.publish]
        self._add_rows(record, done)
        if done.confirm:
            self.confirm += [(record, each) for each in done.confirm]
        for plugin, error in done.failed_plugins:
            becomes = f"are dead letters of plugin {plugin!r}, and go on without it"
            self.failed.append(FailedRecord(record, error, becomes))
        for plugin, error in done.retried_plugins:
            becomes = f"wait in a retry topic for plugin {plugin!r} alone, and go on without it"
            self.failed.append(FailedRecord(record, error, becomes))
        if done.failed_plugins and not record.dead_letters_acknowledged:
            self.dead_letters += [
                DeadLetterWanted(record, error, plugin) for plugin, error in done.failed_plugins
            ]

    def _add_rows(self, record: BatchRecord, outcome: Done | Retry | Dead) -> None:
        if outcome.rows:
            self.rows += [(record, row) for row in outcome.rows]


@define
class Batch:
    """Records of several partitions on their way to the commit."""

    runs: list[PartitionRun] = field(factory=list)
    dead_end: bool = False
    """The worker has no topic for dead letters, so a dead record cannot be committed."""

    def __iter__(self) -> Iterator[BatchRecord]:
        for run in self.runs:
            yield from run.records

    def __len__(self) -> int:
        return sum(len(run.records) for run in self.runs)

    def unprocessed(self) -> list[BatchRecord]:
        """Return the records that are to be processed."""
        return [record for record in self if record.outcome is None]

    def leave_out(self, assignments: Container[Assignment]) -> list[PartitionRun]:
        """Take the records of *assignments* out and return them."""
        left_out = [run for run in self.runs if run.assignment in assignments]
        if left_out:
            self.runs = [run for run in self.runs if run.assignment not in assignments]
        return left_out

    def committable(self) -> Committable:
        """Return what can be committed as things are now."""
        found = Committable()
        blocked: set[Assignment] = set()
        for run in self.runs:
            if run.assignment in blocked:
                continue
            before = len(found.records)
            for record in run.records:
                if not found.add(record, dead_end=self.dead_end):
                    blocked.add(run.assignment)
                    break
            if len(found.records) > before:
                found.positions[run.assignment] = found.records[-1].record.offset + 1
        return found

    def remaining(self, committed: Committable) -> dict[Assignment, list[BatchRecord]]:
        """Return the records that are not among those *committed*, by partition, in order."""
        left: dict[Assignment, list[BatchRecord]] = {}
        for run in self.runs:
            after = committed.positions.get(run.assignment, 0)
            if run.records[-1].record.offset < after:
                continue
            records = [record for record in run.records if record.record.offset >= after]
            left.setdefault(run.assignment, []).extend(records)
        return left

    def failure(self, worker: str) -> RecordFailedError | None:
        """Return the first dead record without a topic to go to, as the error that stops."""
        if not self.dead_end:
            return None
        for each in self:
            if type(each.outcome) is Dead:
                record = each.record
                where = (record.topic, record.partition, record.offset)
                return RecordFailedError(worker, *where, "dead", each.outcome.error)
        return None


def merged(batches: Sequence[Batch]) -> Batch:
    """Return consecutive batches as one."""
    first, *others = batches
    if not others:
        return first
    return Batch([run for each in batches for run in each.runs], first.dead_end)


def check_outcomes(records: Sequence[BatchRecord], outcomes: Sequence[Outcome]) -> None:
    """See that a processor answered as it has to.

    Raises:
        TypeError: Something among *outcomes* is not an outcome.
        RuntimeError: There is not exactly one outcome per record.
    """
    if len(records) != len(outcomes):
        raise RuntimeError(
            f"the processor returned {len(outcomes)} outcomes for {len(records)} records; it must "
            "return one for each"
        )
    for outcome in outcomes:
        if not isinstance(outcome, _OUTCOMES):
            raise TypeError(
                f"the processor returned {type(outcome).__name__} for a record; it must return "
                "Done, Retry, Dead or Held"
            )


def assign_outcomes(records: Sequence[BatchRecord], outcomes: Sequence[Outcome]) -> None:
    """Note what became of each of *records*."""
    for record, outcome in zip(records, outcomes, strict=True):
        record.take(outcome)
