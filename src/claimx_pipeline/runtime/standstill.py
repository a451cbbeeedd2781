"""A member that has stopped because going on would lose records or rows.

It has left its group, so that the offsets can be repaired, and is not ready. It looks again
and again, says what is wrong by then, and goes on by itself once that is put right.
"""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable

from attrs import define, field

from claimx_pipeline.delta.write_errors import TableWriteError
from claimx_pipeline.errors import (
    BrokerUnavailableError,
    ClaimxError,
    TableError,
    UnknownTopicError,
)
from claimx_pipeline.runtime.offsets.start_checks import StartRefusedError
from claimx_pipeline.runtime.reconnect import Reconnect, is_unavailable

log = logging.getLogger(__name__)

REFUSED = (StartRefusedError, UnknownTopicError, TableError)
"""What a person has to put right; a worker that was at work does not end by it."""

LOOK_SECONDS = 5.0
"""Between two looks at whether it is put right."""

LOG_SECONDS = 60.0
"""Between two log lines about a loss that grows."""


@define
class Standstill:
    """Waits until a worker may go on."""

    worker: str
    reconnect: Reconnect
    recheck: Callable[[], Awaitable[None]]
    """Raises what is still wrong."""
    ends: Callable[[], bool]
    """Whether to end rather than to wait, since the end of the run is waited for."""
    _logged: str = field(default="", init=False)
    _logged_at: float = field(default=0.0, init=False)

    async def until_repaired(self, error: ClaimxError) -> None:
        """Return once what *error* says is put right.

        Raises:
            ClaimxError: What is wrong, if the worker is to stop before.
        """
        reconnect = self.reconnect
        while True:
            self._say(error)
            if self.ends() or reconnect.stop.is_set():
                raise error
            await reconnect.pause(LOOK_SECONDS)
            try:
                await reconnect.until_available(self.recheck, "assignment")
            except REFUSED as again:
                error = again
            except (BrokerUnavailableError, TableWriteError) as unavailable:
                if not (reconnect.stop.is_set() and is_unavailable(unavailable)):
                    raise
            else:
                reconnect.pulse.waits_for("offsets", "")
                log.warning("worker %s goes on", self.worker)
                return

    def _say(self, error: ClaimxError) -> None:
        text, now = str(error), self.reconnect.clock.monotonic()
        self.reconnect.pulse.waits_for("offsets", text)
        self.reconnect.pulse.waiting()
        if not self._logged or (text != self._logged and now - self._logged_at >= LOG_SECONDS):
            log.error("worker %s does nothing until this is put right: %s", self.worker, text)
            self._logged, self._logged_at = text, now
