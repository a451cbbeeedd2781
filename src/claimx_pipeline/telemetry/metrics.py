"""What is counted, and the one registry of a process that holds it."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from attrs import define, field
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from claimx_pipeline.runtime.settlement import count_outcomes

if TYPE_CHECKING:
    from claimx_pipeline.delta.sink import WriteResult
    from claimx_pipeline.runtime.settlement import Settlement
    from claimx_pipeline.telemetry.health import Health


@define
class Metrics:
    """The metrics of a process. Labels are names of workers and tables, never ids."""

    registry: CollectorRegistry = field(factory=CollectorRegistry)
    received: Counter = field(init=False)
    outcomes: Counter = field(init=False)
    published: Counter = field(init=False)
    rows: Counter = field(init=False)
    batch_seconds: Histogram = field(init=False)
    parked: Gauge = field(init=False)
    up: Gauge = field(init=False)
    files: Counter = field(init=False)
    file_bytes: Counter = field(init=False)
    file_seconds: Histogram = field(init=False)
    link_renewals: Counter = field(init=False)

    def __attrs_post_init__(self) -> None:
        registry = self.registry
        self.received = Counter(
            "claimx_records_received",
            "Records taken from the broker",
            ["worker"],
            registry=registry,
        )
        self.outcomes = Counter(
            "claimx_records_settled",
            "Records by what became of them",
            ["worker", "outcome"],
            registry=registry,
        )
        self.published = Counter(
            "claimx_records_published", "Records acknowledged", ["worker"], registry=registry
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
        self.up = Gauge(
            "claimx_worker_up", "1 while the worker takes records", ["worker"], registry=registry
        )
        self._add_files()

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
    """One worker's share of the metrics, and its sign of life."""

    name: str
    _metrics: Metrics
    _health: Health
    records: int = field(default=0, init=False)
    """Records settled since the start."""

    def ready(self) -> None:
        """The worker takes records from here on."""
        self._metrics.up.labels(self.name).set(1)
        self._health.worker_ready(self.name)

    def stopped(self) -> None:
        """The worker takes no more records."""
        self._metrics.up.labels(self.name).set(0)
        self._health.worker_stopped(self.name)

    def heartbeat(self) -> None:
        """The loop goes round."""
        self._health.heartbeat(self.name)

    @contextmanager
    def batch(self) -> Iterator[None]:
        """Time a batch."""
        began = time.perf_counter()
        try:
            yield
        finally:
            self._metrics.batch_seconds.labels(self.name).observe(time.perf_counter() - began)

    def settled(self, settlement: Settlement) -> None:
        """Count what became of each record that was settled."""
        counts = count_outcomes(settlement)
        self.records += sum(counts.values())
        for outcome, count in counts.items():
            if count:
                self._metrics.outcomes.labels(self.name, outcome).inc(count)

    def received(self, count: int) -> None:
        """Count records taken from the broker."""
        self._metrics.received.labels(self.name).inc(count)

    def parked(self, count: int) -> None:
        """Tell how many records wait in this process."""
        self._metrics.parked.labels(self.name).set(count)

    def waiting(self, reason: str) -> None:
        """Tell what the worker waits for; nothing if it goes on."""
        self._health.worker_waiting(self.name, reason)

    def published(self, count: int) -> None:
        """Count acknowledged records."""
        self._metrics.published.labels(self.name).inc(count)

    def written(self, table: str, result: WriteResult) -> None:
        """Count a table's rows."""
        for name, count in (
            ("written", result.written),
            ("skipped", result.skipped),
            ("refused", len(result.refused)),
        ):
            if count:
                self._metrics.rows.labels(self.name, table, name).inc(count)
