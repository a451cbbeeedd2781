"""Starting workers from the command line: what ``worker``, ``up`` and ``demo`` share."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING

from claimx_pipeline.cli.output import note

if TYPE_CHECKING:
    from claimx_pipeline.pipeline import Pipeline
    from claimx_pipeline.runtime.worker import WorkerSpec


def run_workers(
    pipeline: Pipeline,
    workers: Sequence[WorkerSpec],
    *,
    instances: int = 1,
    until_idle: bool = False,
) -> None:
    """Run *workers* in this process until a signal, a failure or, if asked, until idle.

    Raises:
        ClaimxError: A setting is missing, a worker cannot start, or a record failed.
    """
    from claimx_pipeline.telemetry.log import configure

    pipeline.require(workers)
    configure(pipeline.settings.logging)
    asyncio.run(_run(pipeline, workers, instances=instances, until_idle=until_idle))


async def _run(
    pipeline: Pipeline, workers: Sequence[WorkerSpec], *, instances: int, until_idle: bool
) -> None:
    from claimx_pipeline.runtime.idle import wait_until_idle
    from claimx_pipeline.runtime.process import (
        WorkerProcess,
        stop_on_signals,
    )
    from claimx_pipeline.telemetry.health import Health
    from claimx_pipeline.telemetry.metrics import Metrics
    from claimx_pipeline.telemetry.server import HealthServer

    metrics, health = Metrics(), Health(pipeline.clock)
    server = HealthServer(pipeline.settings.health, health, metrics)
    await server.start()
    broker = pipeline.broker()
    process = WorkerProcess(
        workers, pipeline.resources(broker, health, metrics), metrics, instances
    )
    _announce(pipeline, workers, broker.url, server)
    idle = None
    try:
        async with stop_on_signals(process.stop.set):
            if until_idle:
                admin = broker.admin()
                idle = asyncio.create_task(
                    wait_until_idle(admin, pipeline.topology, workers, pipeline.clock)
                )
                idle.add_done_callback(lambda _: process.stop.set())
            await process.run()
    finally:
        if idle is not None:
            idle.cancel()
            await asyncio.gather(idle, return_exceptions=True)
            await admin.close()
        await server.close()
    for name, counted in process.counters.items():
        note(f"worker {name} stopped after {counted.records} records")
    if until_idle and idle is not None and not idle.cancelled():
        idle.result()


def _announce(pipeline: Pipeline, workers: Sequence[WorkerSpec], url: str, server: object) -> None:
    """Say what is about to run, and where."""
    note(f"broker  {url}")
    port = getattr(server, "port", 0)
    if port:
        note(f"health  http://{pipeline.settings.health.host}:{port}/health/ready  and /metrics")
    if any("plugins" in worker.needs for worker in workers):
        note(_plugins(pipeline))
        for warning in pipeline.plugins.warnings:
            note(f"warning: {warning}")
    topology = pipeline.topology
    for worker in workers:
        reads = ", ".join(topology.physical(topic.name) for topic in worker.reads)
        note(f"worker  {worker.name}: reads {reads} as group {topology.group(worker.group)}")
    for topic in topology.without_reader():
        if any(topic == written.name for worker in workers for written in worker.writes):
            note(f"warning: nothing reads {topology.physical(topic)}, which is written here")


def _plugins(pipeline: Pipeline) -> str:
    """Return which plugins were found, by what became of them."""
    by_state: dict[str, list[str]] = {}
    for info in pipeline.plugins.infos.values():
        by_state.setdefault(info.state, []).append(info.name)
    told = [
        f"{', '.join(by_state[state])} {state}"
        for state in ("loaded", "disabled", "failed")
        if state in by_state
    ]
    return f"plugins {'; '.join(told) or 'none found'}"
