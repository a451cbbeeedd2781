"""Metrics of files that are fetched and stored."""

from __future__ import annotations

from attrs import define, field
from prometheus_client import CollectorRegistry, Counter, Histogram


@define
class FileMetrics:
    """Files by outcome, their bytes, how long each took, and renewed links."""

    registry: CollectorRegistry
    _files: Counter = field(init=False)
    _bytes: Counter = field(init=False)
    _seconds: Histogram = field(init=False)
    _renewals: Counter = field(init=False)

    def __attrs_post_init__(self) -> None:
        registry = self.registry
        self._files = Counter(
            "claimx_files",
            "Files by outcome: fetched, known (stored already, so not fetched again), stored, "
            "in_progress (the rest is fetched later), held (waits for a service), or the category "
            "of the failure",
            ["worker", "outcome"],
            registry=registry,
        )
        self._bytes = Counter(
            "claimx_files_bytes", "Bytes of files fetched or stored", ["worker"], registry=registry
        )
        self._seconds = Histogram(
            "claimx_file_duration_seconds",
            "How long one file took",
            ["worker"],
            buckets=(0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300),
            registry=registry,
        )
        self._renewals = Counter(
            "claimx_link_renewals",
            "Requests to the media endpoint for a new link, as the one at hand had expired",
            registry=registry,
        )

    def handled(self, worker: str, outcome: str, seconds: float) -> None:
        """Count a file."""
        self._files.labels(worker, outcome).inc()
        self._seconds.labels(worker).observe(seconds)

    def moved(self, worker: str, size: int) -> None:
        """Count bytes that were fetched or stored."""
        self._bytes.labels(worker).inc(size)

    def renewed(self, count: int) -> None:
        """Count links that were asked for again."""
        self._renewals.inc(count)
