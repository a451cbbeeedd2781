"""Runs workers in this process until they are stopped, fail, or have nothing left to do."""

from __future__ import annotations

import asyncio
import logging
import os
import signal
from collections.abc import AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager

from attrs import define, field

from claimx_pipeline.errors import ClaimxError
from claimx_pipeline.isolation import message
from claimx_pipeline.runtime.loop import WorkerLoop
from claimx_pipeline.runtime.resources import Resources
from claimx_pipeline.runtime.worker import WorkerSpec
from claimx_pipeline.telemetry.metrics import Metrics, WorkerMetrics

log = logging.getLogger(__name__)


@define
class WorkerProcess:
    """The workers of one process, each with one or more members of its group.

    What ends a worker ends that worker: the others go on, and the process as long as one does.
    """

    specs: Sequence[WorkerSpec]
    resources: Resources
    metrics: Metrics
    instances: int = 1
    stop: asyncio.Event = field(factory=asyncio.Event)
    """Ends every worker; set as well once the last one has ended."""
    ends_if_refused: bool = False
    """Whether a worker that must not go on ends, rather than waits for a person."""
    loaded: asyncio.Event = field(factory=asyncio.Event, init=False)
    """Set once every worker has been up or has failed, or all are to end."""
    counters: dict[str, WorkerMetrics] = field(factory=dict, init=False)
    failures: dict[str, BaseException] = field(factory=dict, init=False)
    """What workers have failed with, by name."""
    _opening: set[str] = field(init=False)
    """Workers that have not been up yet."""
    _stops: dict[str, asyncio.Event] = field(factory=dict, init=False)
    """What ends the members of one worker."""

    @_opening.default
    def _all(self) -> set[str]:
        return {spec.name for spec in self.specs}

    async def run(self) -> None:
        """Work until ``stop`` is set or no worker is left.

        Raises:
            ClaimxError: A worker could not start, or one of its records failed. The first
                failure; the others are logged.
        """
        dispatcher = self.resources.dispatcher
        started: list[WorkerSpec] = []
        try:
            for spec in self.specs:
                self.resources.health.expect(spec.name, spec.batch_seconds)
            for spec in self.specs:
                try:
                    await dispatcher.worker_starting(worker=spec, settings=self.resources.settings)
                except ClaimxError as error:
                    self._failed(spec.name, error)
                    continue
                started.append(spec)
            await self._run_members(started)
        finally:
            for spec in reversed(started):
                await dispatcher.worker_stopping(worker=spec)
            self.loaded.set()
            dispatcher.close()
            await self.resources.connections.close()
        if self.failures:
            raise next(iter(self.failures.values()))

    async def _run_members(self, specs: Sequence[WorkerSpec]) -> None:
        tasks = {
            asyncio.create_task(self._member(spec).run(), name=spec.name): spec
            for spec in specs
            for _ in range(self.instances)
        }
        stopping = asyncio.create_task(self.stop.wait())
        going = set(tasks)
        while going and not stopping.done():
            await asyncio.wait({*going, stopping}, return_when=asyncio.FIRST_COMPLETED)
            ended = {task for task in going if task.done()}
            self._note_ended(ended)
            going -= ended
        self.stop.set()
        stopping.cancel()
        for stop in self._stops.values():
            stop.set()
        if going:
            await self._finish(going, max(tasks[each].stop_seconds for each in going))

    async def _finish(self, going: set[asyncio.Task[None]], limit: float) -> None:
        """Let the members finish what is in flight."""
        _, late = await asyncio.wait(going, timeout=limit)
        for task in late:
            log.warning(
                "worker %s did not finish within %g s; what it had in flight comes again",
                task.get_name(),
                limit,
            )
            task.cancel()
        await asyncio.gather(*going, return_exceptions=True)
        self._note_ended(going)

    def _note_ended(self, tasks: Iterable[asyncio.Task[None]]) -> None:
        for task in tasks:
            error = None if task.cancelled() else task.exception()
            if error is not None:
                self._failed(task.get_name(), error)

    def _failed(self, name: str, error: BaseException) -> None:
        """Note that worker *name* has failed; its other members would fail as well."""
        if name in self.failures:
            log.warning("another member of worker %s ended as well: %s", name, error)
            return
        self.failures[name] = error
        self._opened(name)
        self.resources.health.failed(name, message(error) or type(error).__name__)
        others = len(self.specs) - len(self.failures)
        if others or len(self.failures) > 1:
            # The first failure is raised as well, but only once all have ended.
            log.error(
                "worker %s has ended, %d others go on: %s",
                name,
                others,
                error,
                exc_info=None if isinstance(error, ClaimxError) else error,
            )
        if name in self._stops:
            self._stops[name].set()

    def _member(self, spec: WorkerSpec) -> WorkerLoop:
        counted = self.counters.setdefault(
            spec.name, self.metrics.worker(spec.name, self.resources.health)
        )
        stop = self._stops.setdefault(spec.name, asyncio.Event())
        return WorkerLoop(
            spec,
            self.resources,
            counted,
            stop,
            lambda: self.ends_if_refused,
            lambda: self._opened(spec.name),
        )

    def _opened(self, name: str) -> None:
        self._opening.discard(name)
        if not self._opening:
            self.loaded.set()


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
