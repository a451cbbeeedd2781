"""Metrics of tables: commits, rows, files, bytes, versions, and their age."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Protocol

from attrs import define, field, frozen
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

from claimx_pipeline.clock import Clock
from claimx_pipeline.telemetry.record_metrics import PHASE_BUCKETS


class MeasuredTable(Protocol):
    """What a table's newest version consists of."""

    @property
    def version(self) -> int:
        """Its number."""
        ...

    @property
    def rows(self) -> int:
        """Its rows."""
        ...

    @property
    def files(self) -> int:
        """Its data files."""
        ...

    @property
    def bytes(self) -> int:
        """Their bytes."""
        ...

    @property
    def log_files(self) -> int:
        """Files of the table's log."""
        ...


@frozen
class TableSeries:
    """The series of one worker and table."""

    worker: str
    table: str
    _metrics: TableMetrics

    def written(self, *, written: int, skipped: int, refused: int) -> None:
        """Count rows: in the table now, there before, and never taken."""
        for result, count in (("written", written), ("skipped", skipped), ("refused", refused)):
            if count:
                self._metrics.rows.labels(self.worker, self.table, result).inc(count)

    def committed(self, seconds: float, *, at: float, conflicts: int, version: int | None) -> None:
        """Count a write that worked.

        Args:
            seconds: How long it took, repetitions included.
            at: When it ended, seconds since 1970 UTC.
            conflicts: How often another writer was first.
            version: Version of the table that it made; None if there was nothing to write.
        """
        metrics, names = self._metrics, (self.worker, self.table)
        metrics.seconds.labels(*names).observe(seconds)
        if conflicts:
            metrics.conflicts.labels(*names).inc(conflicts)
        metrics.commits.labels(*names, "unchanged" if version is None else "committed").inc()
        if version is not None:
            metrics.version.labels(self.table).set(version)
            metrics.last.labels(*names).set(at)

    @contextmanager
    def failing(self, clock: Clock) -> Iterator[None]:
        """Count a write that the block does and that does not work, whatever it raises."""
        began = clock.monotonic()
        try:
            yield
        except Exception:
            self.failed(clock.monotonic() - began)
            raise

    def failed(self, seconds: float) -> None:
        """Count a write that did not work; its rows wait and are written again."""
        self._metrics.seconds.labels(self.worker, self.table).observe(seconds)
        self._metrics.commits.labels(self.worker, self.table, "failed").inc()


@define
class TableMetrics:
    """What is counted about tables."""

    registry: CollectorRegistry
    rows: Counter = field(init=False)
    commits: Counter = field(init=False)
    conflicts: Counter = field(init=False)
    seconds: Histogram = field(init=False)
    last: Gauge = field(init=False)
    version: Gauge = field(init=False)
    files: Gauge = field(init=False)
    bytes: Gauge = field(init=False)
    stored_rows: Gauge = field(init=False)
    log_files: Gauge = field(init=False)
    _maintained: Counter = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._add_writes()
        self._add_sizes()

    def _add_writes(self) -> None:
        registry, labels = self.registry, ["worker", "table"]
        self.rows = Counter(
            "claimx_table_rows",
            "Rows given to a table, by result: written, skipped as known, refused",
            [*labels, "result"],
            registry=registry,
        )
        self.commits = Counter(
            "claimx_table_commits",
            "Writes to a table, by outcome: committed, unchanged (all was there), failed",
            [*labels, "outcome"],
            registry=registry,
        )
        self.conflicts = Counter(
            "claimx_table_conflicts",
            "Commits that were tried again because another writer was first",
            labels,
            registry=registry,
        )
        self.seconds = Histogram(
            "claimx_table_write_duration_seconds",
            "How long writing one batch to a table took",
            labels,
            buckets=PHASE_BUCKETS,
            registry=registry,
        )
        self._maintained = Counter(
            "claimx_maintenance",
            "Tables looked after by the worker maintenance: done, or failed",
            ["table", "outcome"],
            registry=registry,
        )
        self.last = Gauge(
            "claimx_table_last_commit_timestamp_seconds",
            "When the worker last committed to the table, seconds since 1970 UTC; "
            "time() minus this is the table's age",
            labels,
            registry=registry,
        )

    def _add_sizes(self) -> None:
        registry, labels = self.registry, ["table"]
        self.version = Gauge(
            "claimx_table_version", "Version of the table", labels, registry=registry
        )
        self.files = Gauge(
            "claimx_table_files",
            "Data files of the table's newest version",
            labels,
            registry=registry,
        )
        self.bytes = Gauge(
            "claimx_table_size_bytes", "Bytes of these files", labels, registry=registry
        )
        self.stored_rows = Gauge(
            "claimx_table_stored_rows",
            "Rows of the table's newest version",
            labels,
            registry=registry,
        )
        self.log_files = Gauge(
            "claimx_table_log_files", "Files of the table's log", labels, registry=registry
        )

    def of(self, worker: str, table: str) -> TableSeries:
        """Return what writes of *worker* to *table* are counted with."""
        return TableSeries(worker, table, self)

    def maintained(self, table: str, outcome: str) -> None:
        """Count that a table was looked after: ``done`` or ``failed``."""
        self._maintained.labels(table, outcome).inc()

    def looked_at(self, table: str, sizes: MeasuredTable) -> None:
        """Note what a look at the log of *table* has shown."""
        self.version.labels(table).set(sizes.version)
        self.files.labels(table).set(sizes.files)
        self.bytes.labels(table).set(sizes.bytes)
        self.stored_rows.labels(table).set(sizes.rows)
        self.log_files.labels(table).set(sizes.log_files)
