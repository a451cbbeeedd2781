"""Waiting until broker or table answers again, visibly."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable
from typing import TypeVar

from attrs import define

from claimx_pipeline.clock import Clock
from claimx_pipeline.delta.faults import TableWriteError
from claimx_pipeline.errors import BrokerUnavailableError
from claimx_pipeline.telemetry.health import Pulse

log = logging.getLogger(__name__)

T = TypeVar("T")


@define
class Patience:
    """Tries again what may be done twice, while the worker says that it is not ready."""

    worker: str
    clock: Clock
    stop: asyncio.Event
    pulse: Pulse
    pause_seconds: float
    """Between two tries."""

    async def insist(self, call: Callable[[], Awaitable[T]]) -> T:
        """Return what *call* returns once the broker answers.

        Raises:
            BrokerUnavailableError: It does not, and the worker is to stop.
        """
        while True:
            try:
                found = await call()
            except BrokerUnavailableError as error:
                if self.stop.is_set():
                    raise
                await self.wait(error, "broker")
                continue
            self.pulse.waits_for("broker", "")
            return found

    async def wait(self, error: BrokerUnavailableError | TableWriteError, what: str) -> None:
        """Pause before *what* is tried again, and say why."""
        log.warning("worker %s waits: %s", self.worker, error)
        self.pulse.waits_for(what, str(error))
        # Waiting is no hanging: every call that is tried again has a deadline.
        self.pulse.beat()
        self.pulse.step()
        await self.clock.sleep(self.pause_seconds)
