"""What the console remembers of the last hours: rates and lag, looked at again and again."""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Mapping
from datetime import datetime
from typing import TYPE_CHECKING, Final

from attrs import define, field, frozen

from claimx_pipeline import operations
from claimx_pipeline.errors import ClaimxError

if TYPE_CHECKING:
    from claimx_pipeline.operations import PipelineStatus
    from claimx_pipeline.pipeline import Pipeline

log = logging.getLogger(__name__)

LOOK_SECONDS: Final = 5.0
KEPT_LOOKS: Final = 2160
"""Three hours; two numbers for each worker and look."""
FRESH_SECONDS: Final = 2.0
"""A page that is loaded again within this time shows the same look."""


@frozen
class Sample:
    """One moment."""

    at: datetime
    rates: Mapping[str, float]
    """Worker to records per second."""
    lags: Mapping[str, int]
    """Worker to records that it has not committed."""
    dead: int


@define(eq=False)
class History:
    """Looks at the pipeline while the console runs, and keeps what it saw."""

    _pipeline: Pipeline
    samples: deque[Sample] = field(factory=lambda: deque(maxlen=KEPT_LOOKS), init=False)
    status: PipelineStatus | None = field(default=None, init=False)
    """As it was at the last look."""
    error: str = field(default="", init=False)
    """Why the last look failed; empty if it did not."""
    _lock: asyncio.Lock = field(factory=asyncio.Lock, init=False)
    _looked: float | None = field(default=None, init=False)

    async def run(self) -> None:
        """Look, for as long as the console runs."""
        while True:
            await self.look()
            await self._pipeline.clock.sleep(LOOK_SECONDS)

    async def look(self) -> PipelineStatus | None:
        """Return how everything is now; None, with ``error``, if that cannot be known."""
        clock = self._pipeline.clock
        async with self._lock:
            if self._looked is not None and clock.monotonic() - self._looked < FRESH_SECONDS:
                return None if self.error else self.status
            try:
                found = await operations.look_at_status(self._pipeline, self.status)
            except ClaimxError as error:
                self.error = str(error)
                log.warning("console: the pipeline could not be looked at; %s", error)
                return None
            finally:
                self._looked = clock.monotonic()
            self.error = ""
            self.status = found
            self.samples.append(sample_of(found))
            return found


def sample_of(status: PipelineStatus) -> Sample:
    """Return what is kept of a look."""
    return Sample(
        at=status.at,
        rates={each.worker: each.rate for each in status.workers if each.rate is not None},
        lags={each.worker: each.lag for each in status.workers},
        dead=sum(cause.count for cause in status.dead) + status.dead_older,
    )
