"""Runs a worker of the product over a filled topic, as it runs in production."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import time
import uuid
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

from attrs import define, evolve
from harness import Measured, Stopwatch
from kafka_topics import FilledTopic

from claimx_pipeline.broker.protocol import Broker
from claimx_pipeline.cli.garbage import THRESHOLDS
from claimx_pipeline.pipeline import Pipeline
from claimx_pipeline.runtime.loop import WorkerLoop
from claimx_pipeline.runtime.worker import WorkerSpec
from claimx_pipeline.telemetry.health import Health
from claimx_pipeline.telemetry.metrics import Metrics, WorkerMetrics
from claimx_pipeline.topics import Topic


@define
class MeasuringMetrics(WorkerMetrics):
    """Starts the watch with the first batch and ends the run after the last commit."""

    watch: Stopwatch
    expected: int
    finished: Callable[[], None]
    first_commit: float | None = None
    """Seconds from the first batch to its commit."""

    def received(self, count: int) -> None:
        """Start the watch, once."""
        if self.records == 0 and not self.watch.began:
            self.watch.start()
        WorkerMetrics.received(self, count)

    def committed(self, counts: Mapping[str, int]) -> None:
        """Stop the watch after the last record."""
        if self.first_commit is None:
            self.first_commit = time.perf_counter() - self.watch.began
        WorkerMetrics.committed(self, counts)
        if self.records >= self.expected:
            self.watch.stop()
            self.finished()


@contextlib.contextmanager
def garbage_as_in_production() -> Iterator[None]:
    """Have garbage collected within the block as ``claimx-run`` does where it runs workers."""
    before = gc.get_threshold()
    gc.collect()
    gc.freeze()
    gc.set_threshold(*THRESHOLDS)
    try:
        yield
    finally:
        gc.set_threshold(*before)
        gc.unfreeze()


async def run_worker(topic: FilledTopic, spec: WorkerSpec, pipeline: Pipeline) -> Measured:
    """Run *spec* over *topic* from the first batch to the commit of the last record."""
    used = evolve(spec, group=f"bench-{uuid.uuid4().hex}", reads=(Topic(topic.name),))
    return await run_until_committed(used, pipeline, topic.broker(), topic.count)


async def run_as_it_is(
    spec: WorkerSpec, pipeline: Pipeline, records: int, units: float
) -> Measured:
    """Run *spec* over its own topics until it has committed *records*; the cost is per unit."""
    measured = await run_until_committed(spec, pipeline, pipeline.broker(), records)
    return evolve(measured, units=units)


async def run_until_committed(
    spec: WorkerSpec, pipeline: Pipeline, broker: Broker, records: int
) -> Measured:
    """Run *spec* from its first batch to the commit of the last of *records* records."""
    stop, watch = asyncio.Event(), Stopwatch()
    health = Health(pipeline.clock)
    health.expect(spec.name)
    resources = pipeline.resources(broker, health)
    counted = Metrics()
    metrics = MeasuringMetrics(
        spec.name,
        counted.records,
        counted.tables,
        health,
        watch=watch,
        expected=records,
        finished=stop.set,
    )
    with garbage_as_in_production():
        await WorkerLoop(spec, resources, metrics, stop).run()
    await resources.connections.close()
    return evolve(watch.measured(records), first_commit=metrics.first_commit or 0.0)


def pipeline_in(folder: Path, topic: FilledTopic) -> Pipeline:
    """Return a pipeline whose tables lie in *folder* and whose topics have their own names."""
    settings = {
        "broker.url": topic.url,
        "plugins.dir": "",
        # Relative places count from where the process runs, which all rounds share.
        "tables.root": str(folder / "tables"),
        "storage.files.root": str(folder / "files"),
    }
    return Pipeline.load(environ={}, cwd=folder, overrides=settings)
