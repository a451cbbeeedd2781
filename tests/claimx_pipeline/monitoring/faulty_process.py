"""A process whose metrics show every fault at once, and then none.

Faults are made where the product counts: on the objects that workers count with, served by the
product's own server.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterator

from attrs import define, field

from claimx_pipeline.connections.breaker import State
from claimx_pipeline.telemetry.health import Health
from claimx_pipeline.telemetry.lag_metrics import LagCause, PartitionLag, RetryLag
from claimx_pipeline.telemetry.metrics import Metrics
from claimx_pipeline.telemetry.worker_metrics import WorkerMetrics

STEP_SECONDS = 0.2
ITEL = ("itel-api", "itel-tracking")


@define
class FakeConnection:
    """A connection in a state of the test's choice."""

    state: State = State.CLOSED

    @property
    def breaker_state(self) -> str:
        return self.state.name.lower()

    @property
    def slots(self) -> tuple[int, int]:
        return 0, 10

    def __hash__(self) -> int:
        return id(self)


@define
class FaultyProcess:
    """Counts like a process at work, and with faults as long as ``faulty`` is set."""

    metrics: Metrics
    health: Health
    faulty: bool = False
    _workers: dict[str, WorkerMetrics] = field(factory=dict, init=False)
    _open: FakeConnection = field(factory=FakeConnection, init=False)
    _half: FakeConnection = field(factory=FakeConnection, init=False)
    _offset: int = field(default=1000, init=False)

    def __attrs_post_init__(self) -> None:
        for name in ("events", "enrichment", "slow", "download", "retry", *ITEL):
            self._workers[name] = self.metrics.worker(name, self.health)
            self.health.member(name).ready()
        self.metrics.requests.watch("itel_cabinet_api", self._open)
        self.metrics.requests.watch("other", self._half)

    async def run(self) -> None:
        """Count for ever."""
        while True:
            self.step()
            await asyncio.sleep(STEP_SECONDS)

    def step(self) -> None:
        """Count what happens in a fifth of a second."""
        self._usual()
        if self.faulty:
            self._count_faults()
        self._show_states()
        self._offset += 0 if self.faulty else 20
        self.metrics.lag.partitions = tuple(self._partitions())
        late = 2000 if self.faulty else 0
        self.metrics.lag.tiers = (
            RetryLag("claimx.enrichment", "a.retry.5m", 300, 1, time.time() - late),
        )
        self.metrics.lag.dead_letters = {"claimx.events.dlq": 2000 if self.faulty else 0}
        # Once it was found out, and then not again.
        self.metrics.lag.looked_at = time.time() - (1000 if self.faulty else 0)

    def _usual(self) -> None:
        worker = self._workers["events"]
        counts = {"done": 20, "skipped": 0, "retry": 0, "dead": 0}
        worker.received(20)
        worker.committed(counts)
        worker.batch(0.1)
        table = worker.table("claimx_events")
        table.committed(0.1, at=time.time(), conflicts=0, version=self._offset)
        self.metrics.requests.sent("claimx", "GET", "/e", "2xx", 0.01)
        self.metrics.plugins.called("p", "hook", "ok", 0.001)
        self.metrics.files.handled("download", "fetched", 0.1)
        self.metrics.process._loop_lag.observe(0.001)
        if not self.faulty:
            for name in (*ITEL, "enrichment"):
                self._workers[name].received(50)
            self.metrics.plugins.called("slow", "hook", "ok", 0.1)
        for name in ITEL:
            self._workers[name].received(0)

    def _count_faults(self) -> None:
        metrics, worker = self.metrics, self._workers["enrichment"]
        worker.committed({"done": 0, "skipped": 0, "retry": 3, "dead": 5})
        worker.failed("retry", "transient", 3)
        worker.failed("record", "permanent", 5)
        worker.overtaken(1)
        # Between the bounds of both alerts, and above both.
        for seconds in (20, 20):
            self._workers["slow"].batch(seconds)
        table = self._workers["itel-tracking"].table("claimx_itel_forms")
        table.failed(50)
        table.failed(50)
        table.committed(50, at=time.time(), conflicts=5, version=1)
        for connection in ("claimx_api", "itel_cabinet_api"):
            for status_class in ("5xx", "4xx", "timeout"):
                for _ in range(2):
                    metrics.requests.sent(connection, "GET", "/e", status_class, 1)
        metrics.requests.renewed("claimx", ok=False)
        metrics.plugins.called("p", "hook", "failed", 0.001)
        metrics.plugins.called("slow", "hook", "suspended", 0.0)
        for _ in range(2):
            metrics.plugins.called("itel_cabinet_trigger", "hook", "failed", 0.001)
        metrics.plugins.count("itel_cabinet_form", "form_misfits", 1, {"reason": "unknown"})
        metrics.files.handled("download", "transient", 1)
        metrics.process._loop_lag.observe(2)
        metrics.drift.unknown("/e", "new")

    def _show_states(self) -> None:
        self._open.state = State.OPEN if self.faulty else State.CLOSED
        self._half.state = State.HALF_OPEN if self.faulty else State.CLOSED
        for name, worker in self.health.workers.items():
            for pulse in worker.members:
                if not (name == "slow" and self.faulty):
                    pulse.beat()
        reason = "no answer" if self.faulty else ""
        self.health.workers["retry"].members[0].waits_for("broker", reason)
        failed = {"done": 1, "retry": 1 if self.faulty else 0}
        if self.faulty:
            self.health.count("events", failed)
        else:
            self.health.workers["events"].recent._slots.clear()
            self.health.workers["enrichment"].recent._slots.clear()

    def _partitions(self) -> Iterator[PartitionLag]:
        behind = 20_000 if self.faulty else 0
        names = {"enrichment": LagCause("no_member"), "itel-api": LagCause("waiting", "x")}
        names["itel-tracking"] = LagCause("busy", "write")
        for worker, cause in names.items():
            yield PartitionLag(
                worker=worker,
                group=f"g-{worker}",
                topic=f"t-{worker}",
                partition=0,
                committed=self._offset,
                end=self._offset + behind,
                oldest_at=time.time() - 1000 if behind else None,
                retention_seconds=1100,
                cause=cause if behind else None,
            )
