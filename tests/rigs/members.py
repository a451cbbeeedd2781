"""Members of workers' groups, run in the test's own process."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Awaitable, Callable, Sequence
from typing import Any

from claimx_pipeline import Pipeline, WorkerSpec
from claimx_pipeline.broker.protocol import Broker
from claimx_pipeline.runtime.idle import wait_until_idle
from claimx_pipeline.runtime.loop import WorkerLoop
from claimx_pipeline.telemetry.health import Health
from claimx_pipeline.telemetry.metrics import Metrics
from tests.rigs.topics import admin_of
from tests.rigs.until import until


def member(
    pipeline: Pipeline,
    spec: WorkerSpec,
    stop: asyncio.Event,
    metrics: Metrics,
    broker: Broker | None = None,
) -> WorkerLoop:
    """Return a member of the worker *spec*, with a health of its own."""
    health = Health(pipeline.clock)
    health.expect(spec.name)
    resources = pipeline.resources(broker or pipeline.broker(), health, metrics)
    return WorkerLoop(spec, resources, metrics.worker(spec.name, health), stop)


@contextlib.asynccontextmanager
async def running(*loops: WorkerLoop) -> AsyncIterator[list[asyncio.Task[None]]]:
    """Run members within a block and stop them at its end; what one failed with is raised."""
    tasks = [asyncio.create_task(loop.run()) for loop in loops]
    try:
        yield tasks
    finally:
        for loop in loops:
            loop.stop.set()
        await asyncio.gather(*tasks)


async def run_until(
    condition: Callable[[], Any | Awaitable[Any]], *loops: WorkerLoop, seconds: float = 60
) -> None:
    """Run members until *condition* holds, then stop them; it may be async."""
    async with running(*loops) as tasks:
        await until(condition, *tasks, seconds=seconds)


async def idle(
    pipeline: Pipeline,
    specs: Sequence[WorkerSpec],
    *running: asyncio.Task[None],
    seconds: float = 60,
) -> None:
    """Wait until these workers, which *running* runs, have nothing left to do.

    Raises:
        AssertionError: One of *running* has ended before.
        TimeoutError: They went on for longer than *seconds*.
    """
    async with admin_of(pipeline.broker()) as admin:
        waiting = asyncio.create_task(
            wait_until_idle(admin, pipeline.topology, specs, pipeline.clock)
        )
        try:
            await until(waiting.done, *running, seconds=seconds)
            await waiting
        finally:
            waiting.cancel()
            await asyncio.wait([waiting])
