"""One worker's share of the metrics, with the series that it counts in kept at hand."""

from __future__ import annotations

from collections import Counter as Counted
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from datetime import datetime
from functools import cached_property
from typing import get_args

from attrs import define, field
from prometheus_client import Counter, Gauge, Histogram

from claimx_pipeline.telemetry.health import Health, Pulse
from claimx_pipeline.telemetry.record_metrics import Phase, RecordMetrics
from claimx_pipeline.telemetry.table_metrics import TableMetrics, TableSeries

OUTCOMES = ("done", "skipped", "retry", "dead")


@define(slots=False)
class WorkerMetrics:
    """Counts for all members of one worker, and leads to its signs of life.

    Series are looked up once: that costs four times what counting does.
    """

    name: str
    """The worker's name."""
    _metrics: RecordMetrics
    _tables: TableMetrics
    _health: Health
    records: int = field(default=0, init=False)
    """Records committed since the start."""
    retried: int = field(default=0, init=False)
    """Of these, those that went to a retry topic."""
    dead: int = field(default=0, init=False)
    """Of these, those that became dead letters."""
    waiting: int = field(default=0, init=False)
    """Records that waited here, uncommitted, as the members ended."""
    waits_until: datetime | None = field(default=None, init=False)
    """When the last of those that were retried or wait is due; None if no time is known."""
    reached: int | None = field(default=None, init=False)
    """Timestamp of the last record committed, milliseconds since 1970 UTC."""
    phase_totals: dict[Phase, float] = field(init=False)
    """Seconds spent in each phase since the start."""
    _topics: dict[str, Counter] = field(factory=dict, init=False)
    _written: dict[str, TableSeries] = field(factory=dict, init=False)

    def __attrs_post_init__(self) -> None:
        self.phase_totals = dict.fromkeys(get_args(Phase), 0.0)

    @cached_property
    def _received(self) -> Counter:
        return self._metrics.received.labels(self.name)

    @cached_property
    def _in_flight(self) -> Gauge:
        return self._metrics.in_flight.labels(self.name)

    @cached_property
    def _waiting_here(self) -> Gauge:
        return self._metrics.waiting.labels(self.name)

    @cached_property
    def _committed(self) -> Mapping[str, Counter]:
        return {each: self._metrics.committed.labels(self.name, each) for each in OUTCOMES}

    @cached_property
    def _phases(self) -> Mapping[Phase, Histogram]:
        phases: tuple[Phase, ...] = get_args(Phase)
        return {each: self._metrics.phase_seconds.labels(self.name, each) for each in phases}

    @cached_property
    def _batches(self) -> Histogram:
        return self._metrics.batch_seconds.labels(self.name)

    def pulse(self) -> Pulse:
        """Return the signs of life of one more member."""
        return self._health.member(self.name)

    def up(self) -> None:
        """One more member takes records."""
        self._metrics.members.labels(self.name).inc()

    def down(self) -> None:
        """A member takes no more records."""
        self._metrics.members.labels(self.name).dec()

    def batch(self, seconds: float) -> None:
        """Note how long a batch took from its poll to its commit."""
        self._batches.observe(seconds)

    def phase(self, phase: Phase, seconds: float) -> None:
        """Note how long one phase of a batch took."""
        self._phases[phase].observe(seconds)
        self.phase_totals[phase] += seconds

    @contextmanager
    def timed(self, phase: Phase) -> Iterator[None]:
        """Note how long the block takes as *phase*, however it ends."""
        clock = self._health.clock
        began = clock.monotonic()
        try:
            yield
        finally:
            self.phase(phase, clock.monotonic() - began)

    def received(self, count: int) -> None:
        """Count records taken from the broker."""
        self._received.inc(count)
        self._in_flight.inc(count)

    def committed(self, counts: Mapping[str, int]) -> None:
        """Count the outcomes of committed records."""
        total = sum(counts.values())
        self.records += total
        self.retried += counts.get("retry", 0)
        self.dead += counts.get("dead", 0)
        self._health.count(self.name, counts)
        for outcome, count in counts.items():
            if count:
                self._committed[outcome].inc(count)
        self._in_flight.dec(total)

    def failed(self, outcome: str, category: str, count: int) -> None:
        """Count records that failed, by what becomes of them.

        Args:
            outcome: ``retry``; or, for a dead letter, its kind: ``record`` or ``plugin``.
            category: Of the failure.
            count: How many.
        """
        if outcome == "retry":
            self._metrics.retried.labels(self.name, category).inc(count)
        else:
            self._metrics.dead_letters.labels(self.name, outcome, category).inc(count)

    def failing(self, cause: str, due: datetime | None, *, partly: int) -> None:
        """Note why records fail.

        Args:
            cause: What the last of them failed with.
            due: When the last of those that are retried is due.
            partly: Of how many of those that are retried something was written.
        """
        recent = self._health.workers[self.name].recent
        recent.cause = cause
        recent.partly(partly)
        self._wait_until(due)

    def left_waiting(self, count: int, due: datetime | None) -> None:
        """Count records that a member held when it ended."""
        self.waiting += count
        self._wait_until(due)

    def _wait_until(self, due: datetime | None) -> None:
        if due is not None and (self.waits_until is None or due > self.waits_until):
            self.waits_until = due

    def paused(self, count: int) -> None:
        """Count records that wait in this process now; a negative *count* ends their wait."""
        if count:
            self._waiting_here.inc(count)
            self._in_flight.dec(count)

    def revoked(self, count: int) -> None:
        """Count records in flight whose partitions were revoked."""
        if count:
            self._metrics.revoked.labels(self.name).inc(count)
            self._in_flight.dec(count)

    def overtaken(self, count: int) -> None:
        """Count records that were deleted before they were read."""
        self._metrics.overtaken.labels(self.name).inc(count)

    def published(self, topics: Iterable[str]) -> None:
        """Count acknowledged records, one for each of *topics*."""
        for topic, count in Counted(topics).items():
            series = self._topics.get(topic)
            if series is None:
                series = self._topics[topic] = self._metrics.published.labels(self.name, topic)
            series.inc(count)

    def table(self, table: str) -> TableSeries:
        """Return what writes to *table* are counted with."""
        if table not in self._written:
            self._written[table] = self._tables.of(self.name, table)
        return self._written[table]
