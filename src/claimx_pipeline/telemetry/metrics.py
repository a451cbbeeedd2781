"""What is counted, and the one registry of a process that holds it."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING

from attrs import define, field
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from claimx_pipeline.telemetry.plugin_metrics import PluginMetrics

if TYPE_CHECKING:
    from claimx_pipeline.telemetry.health import Health, Pulse


@define
class Metrics:
    """The metrics of a process. Labels are names of workers and tables, never ids."""

    registry: CollectorRegistry = field(factory=CollectorRegistry)
    """Where they are registered."""
    received: Counter = field(init=False)
    outcomes: Counter = field(init=False)
    published: Counter = field(init=False)
    records_overtaken: Counter = field(init=False)
    rows: Counter = field(init=False)
    batch_seconds: Histogram = field(init=False)
    parked: Gauge = field(init=False)
    in_flight: Gauge = field(init=False)
    up: Gauge = field(init=False)
    files: Counter = field(init=False)
    file_bytes: Counter = field(init=False)
    file_seconds: Histogram = field(init=False)
    link_renewals: Counter = field(init=False)
    maintained_tables: Counter = field(init=False)
    plugins: PluginMetrics = field(init=False)
    """What is counted about plugins, and what they count themselves."""

    def __attrs_post_init__(self) -> None:
        registry = self.registry
        self.plugins = PluginMetrics(registry)
        self.received = Counter(
            "claimx_records_received",
            "Records taken from the broker",
            ["worker"],
            registry=registry,
        )
        self.outcomes = Counter(
            "claimx_records_settled",
            "Records by outcome; of given_up ones the partition was revoked",
            ["worker", "outcome"],
            registry=registry,
        )
        self.published = Counter(
            "claimx_records_published", "Records acknowledged", ["worker"], registry=registry
        )
        self.records_overtaken = Counter(
            "claimx_records_overtaken",
            "Records that retention deleted before the worker has read them",
            ["worker"],
            registry=registry,
        )
        self.rows = Counter(
            "claimx_table_rows",
            "Rows given to a table: written, skipped as known, refused",
            ["worker", "table", "result"],
            registry=registry,
        )
        self.batch_seconds = Histogram(
            "claimx_batch_seconds",
            "From a batch's poll to its commit",
            ["worker"],
            registry=registry,
        )
        self.parked = Gauge(
            "claimx_records_parked",
            "Records that wait in the process for a service or their time",
            ["worker"],
            registry=registry,
        )
        self.in_flight = Gauge(
            "claimx_records_in_flight",
            "Records taken from the broker that are neither settled nor parked",
            ["worker"],
            registry=registry,
        )
        self.up = Gauge(
            "claimx_worker_up",
            "Members of the worker that take records",
            ["worker"],
            registry=registry,
        )
        self.maintained_tables = Counter(
            "claimx_maintenance",
            "Tables looked after by the worker maintenance: done, or failed",
            ["table", "outcome"],
            registry=registry,
        )
        self._add_files()

    def maintained(self, table: str, outcome: str) -> None:
        """Count that a table was looked after: ``done`` or ``failed``."""
        self.maintained_tables.labels(table, outcome).inc()

    def _add_files(self) -> None:
        registry = self.registry
        self.files = Counter(
            "claimx_files", "Files by what became of them", ["worker", "outcome"], registry=registry
        )
        self.file_bytes = Counter(
            "claimx_file_bytes",
            "Bytes of files dealt with",
            ["worker"],
            registry=registry,
        )
        self.file_seconds = Histogram(
            "claimx_file_seconds",
            "How long one file took",
            ["worker"],
            buckets=(0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300),
            registry=registry,
        )
        self.link_renewals = Counter(
            "claimx_link_renewals",
            "Requests to the media endpoint for a new link",
            registry=registry,
        )

    def worker(self, name: str, health: Health) -> WorkerMetrics:
        """Return what worker *name* counts with."""
        return WorkerMetrics(name, self, health)


@define
class WorkerMetrics:
    """One worker's share of the metrics, and the way to its signs of life."""

    name: str
    """The worker's name."""
    _metrics: Metrics
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

    def pulse(self) -> Pulse:
        """Return the signs of life of one more member."""
        return self._health.member(self.name)

    def up(self) -> None:
        """One more member takes records."""
        self._metrics.up.labels(self.name).inc()

    def down(self) -> None:
        """A member takes no more records."""
        self._metrics.up.labels(self.name).dec()

    def batch(self, seconds: float) -> None:
        """Note how long a batch took from its poll to its commit."""
        self._metrics.batch_seconds.labels(self.name).observe(seconds)

    def received(self, count: int) -> None:
        """Count records taken from the broker."""
        self._metrics.received.labels(self.name).inc(count)
        self._metrics.in_flight.labels(self.name).inc(count)

    def committed(self, counts: Mapping[str, int]) -> None:
        """Count the outcomes of committed records."""
        total = sum(counts.values())
        self.records += total
        self.retried += counts.get("retry", 0)
        self.dead += counts.get("dead", 0)
        self._health.count(self.name, counts)
        for outcome, count in counts.items():
            if count:
                self._metrics.outcomes.labels(self.name, outcome).inc(count)
        self._metrics.in_flight.labels(self.name).dec(total)

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
        self._metrics.parked.labels(self.name).inc(count)
        self._metrics.in_flight.labels(self.name).dec(count)

    def revoked(self, count: int) -> None:
        """Count records in flight whose partitions were revoked."""
        if count:
            self._metrics.outcomes.labels(self.name, "given_up").inc(count)
            self._metrics.in_flight.labels(self.name).dec(count)

    def overtaken(self, count: int) -> None:
        """Count records that were deleted before they were read."""
        self._metrics.records_overtaken.labels(self.name).inc(count)

    def published(self, count: int) -> None:
        """Count acknowledged records."""
        self._metrics.published.labels(self.name).inc(count)

    def written(self, table: str, *, written: int, skipped: int, refused: int) -> None:
        """Count a table's rows: in the table now, there before, and never taken."""
        for name, count in (("written", written), ("skipped", skipped), ("refused", refused)):
            if count:
                self._metrics.rows.labels(self.name, table, name).inc(count)
