"""Metrics of records, from their poll to their commit."""

from __future__ import annotations

from typing import Literal

from attrs import define, field
from prometheus_client import CollectorRegistry, Counter, Gauge, Histogram

Phase = Literal["poll", "process", "publish", "write", "commit"]
"""What a batch goes through: polled, processed, published, written to tables, committed."""

PHASE_BUCKETS = (0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60, 120, 300)
"""Seconds; a commit on Kafka takes a millisecond, a merge into a cloud's table minutes."""


@define
class RecordMetrics:
    """Records by worker and by what became of them, and how long batches take."""

    registry: CollectorRegistry
    received: Counter = field(init=False)
    committed: Counter = field(init=False)
    revoked: Counter = field(init=False)
    retried: Counter = field(init=False)
    dead_letters: Counter = field(init=False)
    published: Counter = field(init=False)
    overtaken: Counter = field(init=False)
    in_flight: Gauge = field(init=False)
    waiting: Gauge = field(init=False)
    members: Gauge = field(init=False)
    batch_seconds: Histogram = field(init=False)
    phase_seconds: Histogram = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._add_counters()
        self._add_gauges()
        self.batch_seconds = Histogram(
            "claimx_batch_duration_seconds",
            "From a batch's poll to its commit",
            ["worker"],
            buckets=PHASE_BUCKETS,
            registry=self.registry,
        )
        self.phase_seconds = Histogram(
            "claimx_batch_phase_duration_seconds",
            "How long one phase of a batch took: poll (from the call to the first records), "
            "process, publish, write, commit",
            ["worker", "phase"],
            buckets=PHASE_BUCKETS,
            registry=self.registry,
        )

    def _add_counters(self) -> None:
        registry = self.registry
        self.received = Counter(
            "claimx_records_received",
            "Records taken from the broker",
            ["worker"],
            registry=registry,
        )
        self.committed = Counter(
            "claimx_records_committed",
            "Records whose offset is committed, by outcome: done, skipped, retry, dead",
            ["worker", "outcome"],
            registry=registry,
        )
        self.revoked = Counter(
            "claimx_records_revoked",
            "Records in flight whose partition was revoked; its new owner reads them again",
            ["worker"],
            registry=registry,
        )
        self.retried = Counter(
            "claimx_records_retried",
            "Records sent to a retry topic, by the category of their failure",
            ["worker", "category"],
            registry=registry,
        )
        self.dead_letters = Counter(
            "claimx_dead_letters",
            "Dead letters written, by kind (record, plugin) and category of the failure",
            ["worker", "kind", "category"],
            registry=registry,
        )
        self.published = Counter(
            "claimx_records_published",
            "Records published and acknowledged, by topic as the broker calls it",
            ["worker", "topic"],
            registry=registry,
        )
        self.overtaken = Counter(
            "claimx_records_overtaken",
            "Records that retention deleted before the worker has read them",
            ["worker"],
            registry=registry,
        )

    def _add_gauges(self) -> None:
        registry = self.registry
        self.in_flight = Gauge(
            "claimx_records_in_flight",
            "Records taken from the broker that are neither committed nor waiting",
            ["worker"],
            registry=registry,
        )
        self.waiting = Gauge(
            "claimx_records_waiting",
            "Records that wait in the process for a service or their time",
            ["worker"],
            registry=registry,
        )
        self.members = Gauge(
            "claimx_worker_members",
            "Members of the worker in this process that take records",
            ["worker"],
            registry=registry,
        )
