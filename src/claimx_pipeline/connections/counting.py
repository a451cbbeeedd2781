"""Counting the requests of one connection."""

from __future__ import annotations

from collections.abc import Awaitable, Iterator
from contextlib import contextmanager

from attrs import define, field

from claimx_pipeline.clock import Clock
from claimx_pipeline.connections.answer import Answer, RequestFailedError
from claimx_pipeline.connections.breaker import Breaker
from claimx_pipeline.connections.call import Call
from claimx_pipeline.connections.slots import FairSlots
from claimx_pipeline.telemetry.request_metrics import RequestMetrics


@define(eq=False)
class ConnectionState:
    """What is shown of a connection as of each scrape."""

    _breaker: Breaker
    _slots: FairSlots
    _most: int

    @property
    def breaker_state(self) -> str:
        """The state of its breaker."""
        return self._breaker.state.name.lower()

    @property
    def slots(self) -> tuple[int, int]:
        """Requests under way, and how many may be."""
        return self._most - self._slots.free, self._most


@define
class Counting:
    """Counts in *metrics*, if there are any, under *name*."""

    metrics: RequestMetrics | None
    name: str
    clock: Clock
    _state: ConnectionState | None = field(default=None, init=False)
    """Kept here: the metrics forget it with the connection."""

    def show(self, breaker: Breaker, slots: FairSlots, most: int) -> None:
        """Show the state of the connection for as long as it is used."""
        if self.metrics is not None:
            self._state = ConnectionState(breaker, slots, most)
            self.metrics.watch(self.name, self._state)

    async def answered(self, call: Call, answering: Awaitable[Answer]) -> Answer:
        """Return the answer to *call* and count it.

        Raises:
            RequestFailedError: There is none; it is counted too.
        """
        if self.metrics is None:
            return await answering
        began, status_class = self.clock.monotonic(), "unreached"
        try:
            answer = await answering
            status_class = f"{answer.status // 100}xx"
        except RequestFailedError as error:
            status_class = "timeout" if error.timed_out else status_class
            raise
        finally:
            took = self.clock.monotonic() - began
            self.metrics.sent(self.name, call.method, call.endpoint, status_class, took)
        return answer

    @contextmanager
    def refusing(self) -> Iterator[None]:
        """Count a request that the breaker does not let through in the block."""
        try:
            yield
        except RequestFailedError:
            if self.metrics is not None:
                self.metrics.refused(self.name)
            raise

    def renewed(self, ok: bool) -> None:
        """Count one renewal of the credential."""
        if self.metrics is not None:
            self.metrics.renewed(self.name, ok=ok)
