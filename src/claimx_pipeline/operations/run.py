"""Runs workers in this process until they are stopped, fail, or have nothing left to do.

This is the only such loop: ``claimx-run worker``, ``up`` and ``demo``, the test kit's sandbox
and library users all run workers through ``running``.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from datetime import datetime
from typing import TYPE_CHECKING

from attrs import define, evolve, frozen

from claimx_pipeline.connections.known_secrets import redactor_of
from claimx_pipeline.errors import UsageError
from claimx_pipeline.operations.checking import to_start
from claimx_pipeline.operations.watching import watching
from claimx_pipeline.runtime.idle import Progress, progress, wait_until_idle
from claimx_pipeline.runtime.process import WorkerProcess, stop_on_signals
from claimx_pipeline.telemetry.health import Health
from claimx_pipeline.telemetry.metrics import Metrics
from claimx_pipeline.telemetry.server import HealthServer
from claimx_pipeline.telemetry.summary import Summaries

if TYPE_CHECKING:
    from claimx_pipeline.broker.protocol import Admin
    from claimx_pipeline.pipeline import Pipeline
    from claimx_pipeline.runtime.worker import WorkerSpec
    from claimx_pipeline.telemetry.tracing import Tracing


@frozen
class WorkerRun:
    """What one worker did in a run."""

    worker: str
    """The worker's name."""
    records: int
    """Records that it dealt with and committed, all its members together."""
    retried: int = 0
    """Of these, those that wait in a retry topic, or have waited there."""
    dead: int = 0
    """Of these, those that became dead letters."""
    waiting: int = 0
    """Records that it held as it ended: they are not committed, and come again."""
    until: datetime | None = None
    """When the last of those retried or waiting is due; None if no time is known."""
    failure: str = ""
    """What it ended with; empty if it was stopped."""

    @property
    def done(self) -> int:
        """Records that it dealt with and that did not fail."""
        return self.records - self.retried - self.dead


@define(eq=False)
class Running:
    """Workers under way in this event loop; ``running`` starts and ends them."""

    workers: Sequence[WorkerSpec]
    """The workers that run."""
    broker_url: str
    """The broker, without credentials."""
    health_port: int
    """Port of the probes and metrics; 0 if none are served."""
    _pipeline: Pipeline
    _process: WorkerProcess
    _admin: Admin
    _task: asyncio.Task[None]

    def stop(self) -> None:
        """Let the workers finish what is in flight and end."""
        self._process.stop.set()

    @property
    def stopping(self) -> bool:
        """Whether they were asked to end, or all have ended."""
        return self._process.stop.is_set()

    async def until_loaded(self) -> None:
        """Return once every worker has begun to poll or has failed, or all are to end."""
        await self._process.loaded.wait()

    async def until_ended(self) -> None:
        """Return once the workers have ended, because they were stopped.

        Raises:
            ClaimxError: A worker could not start, or failed.
        """
        await asyncio.shield(self._task)

    async def until_idle(self) -> None:
        """Return once the workers have nothing left to do, or have ended.

        A worker that has failed is not waited for, and one that waits for a person to decide
        about its offsets fails instead.

        Raises:
            ClaimxError: A worker could not start, or failed.
            BrokerError: The broker did not answer how far they are.
        """
        process = self._process
        process.ends_if_refused = True
        idle = asyncio.create_task(
            wait_until_idle(
                self._admin,
                self._pipeline.topology,
                self.workers,
                self._pipeline.clock,
                left_out=process.failures,
            )
        )
        try:
            await asyncio.wait([idle, self._task], return_when=asyncio.FIRST_COMPLETED)
        finally:
            process.ends_if_refused = False
            idle.cancel()
            await asyncio.gather(idle, return_exceptions=True)
        if self._task.done():
            self._task.result()
        elif not idle.cancelled():
            idle.result()

    async def progress(self) -> Progress:
        """Return how much each worker has left to do now.

        Raises:
            BrokerError: The broker did not answer.
        """
        return await progress(self._admin, self._pipeline.topology, self.workers)

    async def to_be_retried(self) -> int:
        """Return how many records are in the retry topics now, of any worker.

        Raises:
            BrokerError: The broker did not answer.
        """
        retry = self._pipeline.workers["retry"]
        return (await progress(self._admin, self._pipeline.topology, [retry])).lag[retry.name]

    def done(self) -> list[WorkerRun]:
        """Return what each worker has done so far; all of it once they have ended."""
        failures = self._process.failures
        return [
            WorkerRun(
                name,
                counted.records,
                counted.retried,
                counted.dead,
                counted.waiting,
                counted.waits_until if counted.retried or counted.waiting else None,
                str(failures.get(name, "")),
            )
            for name, counted in self._process.counters.items()
        ]


@asynccontextmanager
async def running(
    pipeline: Pipeline,
    *workers: str,
    instances: int = 1,
    stop: asyncio.Event | None = None,
    signals: bool = False,
    health_server: bool = False,
) -> AsyncIterator[Running]:
    """Run workers while the ``async with`` block runs; its end stops them.

    Args:
        pipeline: The pipeline; its topics and tables exist.
        workers: Names of workers or of sets of them, such as ``claimx``.
        instances: Members of each worker in this process.
        stop: Stops the workers when it is set; it is set as well when the last one has ended.
        signals: Also stop at SIGTERM or SIGINT, and end the process at the second one. Only in
            the main thread.
        health_server: Serve the probes and metrics on the port that the settings name.

    Yields:
        The workers under way.

    Raises:
        UsageError: No worker is named, or there is none of a name.
        SettingsError: A setting is missing that they need, or the port is taken.
        ClaimxError: A worker could not start, or failed.
    """
    if instances < 1:
        raise UsageError(f"instances is {instances}; a worker has at least one member")
    chosen = to_start(pipeline, workers)
    metrics, health = Metrics(clock=pipeline.clock), Health(pipeline.clock)
    async with AsyncExitStack() as closing:
        port = 0
        metrics.watch(health)
        for spec in chosen:
            # Before anyone can ask: the workers themselves begin once their address is known.
            health.expect(spec.name, spec.batch_seconds)
        if health_server:
            server = HealthServer(
                pipeline.settings.health, health, metrics, redactor_of(pipeline.loaded)
            )
            await server.start()
            closing.push_async_callback(server.close)
            port = server.port
        broker = pipeline.broker()
        tracing = await closing.enter_async_context(_tracing(pipeline))
        resources = evolve(pipeline.resources(broker, health, metrics), tracing=tracing)
        process = WorkerProcess(chosen, resources, metrics, instances, stop or asyncio.Event())
        if signals:
            await closing.enter_async_context(stop_on_signals(process.stop.set))
        admin = broker.admin()
        closing.push_async_callback(admin.close)
        if port:
            await closing.enter_async_context(watching(pipeline, process, broker.admin()))
        task = asyncio.create_task(process.run())
        summaries = _summaries(pipeline, process, health)
        try:
            yield Running(chosen, broker.url, port, pipeline, process, admin, task)
        finally:
            process.stop.set()
            summaries.cancel()
            await task


@asynccontextmanager
async def _tracing(pipeline: Pipeline) -> AsyncIterator[Tracing | None]:
    """Yield what makes spans; None if the settings do not ask for any.

    Raises:
        SettingsError: They do, and what is needed is not installed.
    """
    settings = pipeline.settings.tracing
    if not settings.endpoint:
        yield None
        return
    from claimx_pipeline.telemetry.tracing import Tracing  # noqa: PLC0415 - it is an extra

    tracing = Tracing.of(settings, redactor_of(pipeline.loaded))
    try:
        yield tracing
    finally:
        await asyncio.to_thread(tracing.close)


def _summaries(pipeline: Pipeline, process: WorkerProcess, health: Health) -> asyncio.Task[None]:
    """Write a line per worker and minute from now on."""

    async def lag() -> Mapping[str, int]:
        admin = process.resources.broker.admin()
        try:
            return (await progress(admin, pipeline.topology, process.specs)).lag
        finally:
            await admin.close()

    made = Summaries(pipeline.clock, health, process.counters, lag)
    return asyncio.create_task(made.run(), name="summaries")


async def run_workers(
    pipeline: Pipeline,
    *workers: str,
    instances: int = 1,
    until_idle: bool = False,
    stop: asyncio.Event | None = None,
    signals: bool = False,
    health_server: bool = False,
) -> list[WorkerRun]:
    """Run workers in this event loop until they are stopped or, if asked, are idle.

    Args:
        pipeline: The pipeline; its topics and tables exist.
        workers: Names of workers or of sets of them, such as ``claimx``.
        instances: Members of each worker in this process.
        until_idle: End when they have nothing left to do.
        stop: Ends the run when it is set; what is in flight is finished and committed.
        signals: Also end at SIGTERM or SIGINT. Only in the main thread.
        health_server: Serve the probes and metrics on the port that the settings name.

    Returns:
        What each worker did.

    Raises:
        UsageError: No worker is named, or there is none of a name.
        SettingsError: A setting is missing that they need, or the port is taken.
        ClaimxError: A worker could not start, or failed.
    """
    async with running(
        pipeline,
        *workers,
        instances=instances,
        stop=stop,
        signals=signals,
        health_server=health_server,
    ) as run:
        await (run.until_idle() if until_idle else run.until_ended())
    return run.done()


async def run_until_idle(pipeline: Pipeline, *workers: str) -> list[WorkerRun]:
    """Run workers in this event loop until they have nothing left to do.

    Args:
        pipeline: The pipeline; its topics and tables exist.
        workers: Names of workers or of sets of them, such as ``claimx``.

    Returns:
        What each worker did.

    Raises:
        UsageError: No worker is named, or there is none of a name.
        SettingsError: A setting is missing that they need.
        ClaimxError: A worker could not start, or failed.
    """
    return await run_workers(pipeline, *workers, until_idle=True)
