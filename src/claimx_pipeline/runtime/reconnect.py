"""Waiting until broker or table is available again, visibly."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Coroutine
from typing import Any, TypeVar

from attrs import define, field

from claimx_pipeline.clock import Clock, doubled
from claimx_pipeline.delta.write_errors import TableWriteError
from claimx_pipeline.errors import BrokerUnavailableError, Category
from claimx_pipeline.telemetry.health import Pulse

log = logging.getLogger(__name__)

T = TypeVar("T")

LONGEST_SECONDS = 5.0
"""Pauses double up to this: what is there again is used again soon."""

GRACE_SECONDS = 1.0
"""How long a start that is under way goes on after a stop, so that its error is still reported."""

CANCEL_SECONDS = 2.0
"""How long what was under way may take to end once it is cancelled."""


@define
class Reconnect:
    """Tries again what may be done twice, while the worker says that it is not ready."""

    worker: str
    clock: Clock
    stop: asyncio.Event
    pulse: Pulse
    pause_seconds: float = 1.0
    """Before the second try; doubled before each further one."""
    _failed: dict[str, tuple[int, str]] = field(factory=dict, init=False)
    """How often in a row each thing failed, and why it did last."""

    async def until_available(self, call: Callable[[], Awaitable[T]], what: str = "broker") -> T:
        """Return what *call* returns once broker and storage answer.

        Args:
            call: May be done again.
            what: Names it among the things that a worker may wait for at one time.

        Raises:
            BrokerUnavailableError: The broker does not answer, and the worker is to stop.
            TableWriteError: The same of a table; or its failure does not pass.
        """
        while True:
            try:
                found = await call()
            except (BrokerUnavailableError, TableWriteError) as error:
                if not is_unavailable(error) or self.stop.is_set():
                    raise
                await self.wait(error, what)
                continue
            self.recovered(what)
            return found

    async def wait(self, error: BrokerUnavailableError | TableWriteError, what: str) -> None:
        """Pause before *what* is tried again, or until the worker is to stop, and say why."""
        reason = str(error)
        times, reported = self._failed.get(what, (0, ""))
        if reason != reported:
            log.warning("worker %s waits: %s", self.worker, reason)
        self._failed[what] = times + 1, reason
        self.pulse.waits_for(what, reason)
        # Waiting is not hanging: every call that is tried again has a deadline.
        self.pulse.waiting()
        await self.pause(doubled(self.pause_seconds, times, LONGEST_SECONDS))

    def recovered(self, what: str) -> None:
        """Note that *what* is not waited for any more."""
        self.pulse.waits_for(what, "")
        if self._failed.pop(what, None) is not None:
            log.info("worker %s no longer waits for the %s", self.worker, what)

    async def unless_stopped(self, work: Coroutine[Any, Any, None]) -> bool:
        """Do *work* and return True; or return False if the worker is to stop before.

        Raises:
            ClaimxError: The work failed with something that does not pass.
        """
        task = asyncio.create_task(work)
        stopping = asyncio.create_task(self.stop.wait())
        try:
            await asyncio.wait({task, stopping}, return_when=asyncio.FIRST_COMPLETED)
            await asyncio.wait({task}, timeout=GRACE_SECONDS)
        finally:
            stopping.cancel()
            await _cancelled(task)
        if not task.done() or task.cancelled():
            return False
        error = task.exception()
        if error is not None and not (self.stop.is_set() and is_unavailable(error)):
            raise error
        return error is None

    async def pause(self, seconds: float) -> None:
        """Return after *seconds*, or once the worker is to stop."""
        sleeping = asyncio.ensure_future(self.clock.sleep(seconds))
        stopping = asyncio.ensure_future(self.stop.wait())
        try:
            await asyncio.wait({sleeping, stopping}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            sleeping.cancel()
            stopping.cancel()


def is_unavailable(error: BaseException) -> bool:
    """Return whether *error* means that broker or storage is unavailable."""
    if isinstance(error, TableWriteError):
        return error.category is Category.TRANSIENT
    return isinstance(error, BrokerUnavailableError)


async def concurrently(*works: Coroutine[Any, Any, None]) -> None:
    """Do all of *works* side by side; the first failure ends the others and is raised."""
    tasks = [asyncio.create_task(work) for work in works]
    try:
        done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
        for task in done:
            task.result()
    finally:
        await asyncio.gather(*(_cancelled(task) for task in tasks))


async def _cancelled(task: asyncio.Task[None]) -> None:
    """Cancel *task* unless it is done, wait for its end, and look at its result."""
    if not task.done():
        task.cancel()
        await asyncio.wait({task}, timeout=CANCEL_SECONDS)
    if task.done() and not task.cancelled():
        task.exception()
