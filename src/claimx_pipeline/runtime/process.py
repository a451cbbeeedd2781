"""Runs workers in this process until they are stopped, fail, or have nothing left to do."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager

from attrs import define, field

from claimx_pipeline.errors import ClaimxError
from claimx_pipeline.runtime.loop import WorkerLoop
from claimx_pipeline.runtime.resources import Resources
from claimx_pipeline.runtime.worker import WorkerSpec
from claimx_pipeline.telemetry.metrics import Metrics, WorkerMetrics

log = logging.getLogger(__name__)


@define
class WorkerProcess:
    """The workers of one process, each with one or more members of its group."""

    specs: Sequence[WorkerSpec]
    resources: Resources
    metrics: Metrics
    instances: int = 1
    stop: asyncio.Event = field(factory=asyncio.Event)
    counters: dict[str, WorkerMetrics] = field(factory=dict, init=False)

    async def run(self) -> None:
        """Work until ``stop`` is set; the first failure stops every worker.

        Raises:
            ClaimxError: A worker could not start, or one of its records failed.
        """
        dispatcher = self.resources.dispatcher
        started: list[WorkerSpec] = []
        try:
            for spec in self.specs:
                self.resources.health.expect(spec.name, spec.batch_seconds)
                await dispatcher.worker_starting(worker=spec, settings=self.resources.settings)
                started.append(spec)
            await self._run_members()
        finally:
            for spec in reversed(started):
                await dispatcher.worker_stopping(worker=spec)
            dispatcher.close()
            await self.resources.connections.close()

    async def _run_members(self) -> None:
        tasks = [
            asyncio.create_task(self._member(spec).run(), name=spec.name)
            for spec in self.specs
            for _ in range(self.instances)
        ]
        stopping = asyncio.create_task(self.stop.wait())
        await asyncio.wait([*tasks, stopping], return_when=asyncio.FIRST_COMPLETED)
        self.stop.set()
        stopping.cancel()
        limit = max(spec.stop_seconds for spec in self.specs)
        _, late = await asyncio.wait(tasks, timeout=limit)
        for task in late:
            log.warning(
                "worker %s did not finish within %g s; what it had in flight comes again",
                task.get_name(),
                limit,
            )
            task.cancel()
        results = await asyncio.gather(*tasks, return_exceptions=True)
        failures = [
            result
            for result in results
            if isinstance(result, BaseException) and not isinstance(result, asyncio.CancelledError)
        ]
        for failure in failures[1:]:
            log.error("%s", failure, exc_info=None if isinstance(failure, ClaimxError) else failure)
        if failures:
            raise failures[0]

    def _member(self, spec: WorkerSpec) -> WorkerLoop:
        counted = self.counters.setdefault(
            spec.name, self.metrics.worker(spec.name, self.resources.health)
        )
        return WorkerLoop(spec, self.resources, counted, self.stop)


@asynccontextmanager
async def stop_on_signals(stop: Callable[[], None]) -> AsyncIterator[None]:
    """Call *stop* at the first SIGTERM or SIGINT; a second one ends the process at once."""
    loop = asyncio.get_running_loop()
    seen = 0

    def received(number: int) -> None:
        nonlocal seen
        seen += 1
        if seen > 1:
            os._exit(128 + number)
        log.info("stopping: finishing what is in flight (again to stop at once)")
        stop()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, received, number)
    try:
        yield
    finally:
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.remove_signal_handler(number)
