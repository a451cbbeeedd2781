"""What is looked at beside the workers of a process, for its metrics."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from claimx_pipeline.broker.url import sqlite_path
from claimx_pipeline.plugins.host.monitoring import monitoring_parts
from claimx_pipeline.runtime.lag import LagWatch
from claimx_pipeline.runtime.table_sizes import TableSizes
from claimx_pipeline.telemetry.broker_metrics import EmbeddedBrokerFiles
from claimx_pipeline.telemetry.former import FormerMetrics
from claimx_pipeline.telemetry.former_names import FormerMetric

if TYPE_CHECKING:
    from collections.abc import Coroutine
    from typing import Any

    from claimx_pipeline.broker.protocol import Admin
    from claimx_pipeline.pipeline import Pipeline
    from claimx_pipeline.runtime.process import WorkerProcess


@asynccontextmanager
async def watching(pipeline: Pipeline, process: WorkerProcess, admin: Admin) -> AsyncIterator[None]:
    """Fill the metrics that need looks of their own, for as long as the block runs.

    Args:
        pipeline: The pipeline.
        process: Its workers in this process.
        admin: Of the broker; used by nothing else, and closed with the block.
    """
    metrics = process.metrics
    url = pipeline.settings.broker.url
    file = sqlite_path(url) if url.startswith("sqlite://") else None
    EmbeddedBrokerFiles(file).register(metrics.registry)
    for name, info in pipeline.plugins.infos.items():
        if info.state == "loaded":
            metrics.process.plugin(name, info.version)
    parts = monitoring_parts(pipeline.registrations)
    former = [each for each in parts if isinstance(each, FormerMetric)]
    FormerMetrics(former, metrics.registry).register()
    tasks = [asyncio.create_task(each) for each in _watches(pipeline, process, admin)]
    try:
        yield
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await admin.close()


def _watches(
    pipeline: Pipeline, process: WorkerProcess, admin: Admin
) -> Iterator[Coroutine[Any, Any, None]]:
    metrics, clock, health = process.metrics, pipeline.clock, process.resources.health
    settings = pipeline.settings.health
    yield metrics.process.watch_loop(clock)
    if settings.lag_seconds:
        yield LagWatch(
            own=process.specs,
            workers=[*pipeline.workers.values()],
            topology=pipeline.topology,
            admin=admin,
            clock=clock,
            lag=metrics.lag,
            health=health,
            counters=process.counters,
            seconds=settings.lag_seconds,
        ).run()
    tables = sorted({table for spec in process.specs for table in spec.tables})
    if settings.table_sizes_seconds and tables:
        seconds = settings.table_sizes_seconds
        yield TableSizes(tables, pipeline.table_store, metrics.tables, clock, seconds).run()
