"""Stops asking a service that fails, and finds out when it works again."""

from __future__ import annotations

import enum
import logging

from attrs import define, field
from attrs.validators import ge, gt

from claimx_pipeline.clock import Clock
from claimx_pipeline.connections.answer import RequestFailedError
from claimx_pipeline.errors import Category

logger = logging.getLogger(__name__)

_TRIAL_SECONDS = 1.0
"""``retry_after`` of calls that are refused while a trial call is under way."""


class State(enum.Enum):
    """Whether calls are let through."""

    CLOSED = "closed"
    """All are."""
    OPEN = "open"
    """None is."""
    HALF_OPEN = "half_open"
    """A few are, to find out."""


@define(eq=False)
class Breaker:
    """Closed, open, half-open, and only then closed again.

    Opens after ``failures`` calls in a row that the service failed, whatever calls they
    were. Nothing here waits, so the coroutines of one event loop share it without a lock.
    A call that was admitted before the state changed does not count after it.
    """

    failures: int = field(validator=ge(0))
    """Failed calls in a row that open it; 0 for never."""
    open_seconds: float = field(validator=gt(0))
    """How long it lets nothing through."""
    clock: Clock
    probes: int = field(default=1, validator=ge(1))
    """Calls under way at once while half-open."""
    name: str = field(default="", kw_only=True)
    """Name of the connection, for errors and the log."""
    endpoint: str = field(default="", kw_only=True)
    """Where the service is: scheme, host and path."""
    cause: str = field(default="", init=False)
    """Why the last call failed; "" after one that did not."""
    state: State = field(default=State.CLOSED, init=False)
    """As of the last call: open becomes half-open when the next one comes."""
    _failed: int = field(default=0, init=False)
    _trials: int = field(default=0, init=False)
    _opened_at: float = field(default=0.0, init=False)
    period: int = field(default=0, init=False)
    """Goes up with every change of the state."""

    def admit(self) -> Permit:
        """Let a call through; its permit must be settled or released.

        Raises:
            RequestFailedError: Of category ``circuit_open``; nothing may be sent for
                ``retry_after`` seconds.
        """
        permit = Permit(self)
        permit.renew()
        return permit

    def enter(self) -> int:
        """Count a call in and return the period it belongs to; for permits.

        Raises:
            RequestFailedError: As ``admit`` does.
        """
        if self.state is State.CLOSED:
            return self.period
        wait = self._opened_at + self.open_seconds - self.clock.monotonic()
        if self.state is State.OPEN and wait <= 0:
            self._change(State.HALF_OPEN, "one call tries whether it answers again")
        if self.state is State.OPEN or self._trials >= self.probes:
            wait = wait if self.state is State.OPEN else min(_TRIAL_SECONDS, self.open_seconds)
            at = f" ({self.endpoint})" if self.endpoint else ""
            last = f"; last failure: {self.cause}" if self.cause else ""
            raise RequestFailedError(
                f"connection {self.name!r}{at} failed {self.failures} times in a row, so nothing "
                f"is sent; trying again in {wait:.3g} s{last}",
                Category.CIRCUIT_OPEN,
                retry_after=wait,
                outage=True,
                connection=self.name,
            )
        self._trials += 1
        return self.period

    def leave(self, period: int, *, ok: bool | None, cause: str = "") -> None:
        """Count a call out: the service worked, failed, or neither is known; for permits."""
        if period != self.period:
            return
        if ok is not None:
            self.cause = "" if ok else cause
        if self.state is State.HALF_OPEN:
            self._trials -= 1
            if ok:
                self._change(State.CLOSED, "it answers again")
            elif ok is False:
                self._change(State.OPEN, f"it still fails; next try in {self.open_seconds:g} s")
        elif ok is not None:
            self._failed = 0 if ok else self._failed + 1
            if not ok and self._failed == self.failures:
                text = f"{self._failed} failures in a row; next try in {self.open_seconds:g} s"
                self._change(State.OPEN, text)

    def _change(self, state: State, why: str) -> None:
        level = logging.INFO if state is not State.OPEN else logging.WARNING
        why += f": {self.cause}" if state is State.OPEN and self.cause else ""
        logger.log(level, "breaker of connection %r is %s: %s", self.name, state.value, why)
        self.state = state
        self.period += 1
        self._failed = self._trials = 0
        if state is State.OPEN:
            self._opened_at = self.clock.monotonic()


@define(eq=False)
class Permit:
    """The permission for one call. Only the first outcome reported to it counts."""

    _breaker: Breaker
    _period: int | None = field(default=None, init=False)

    def renew(self) -> None:
        """See, just before sending, that the breaker has not opened since.

        Raises:
            RequestFailedError: It has; of category ``circuit_open``.
        """
        if self._period is None or self._period != self._breaker.period:
            self._period = None
            self._period = self._breaker.enter()

    def succeeded(self) -> None:
        """Report that the service gave a definite answer."""
        self._settle(ok=True)

    def failed(self, cause: str = "") -> None:
        """Report that the service failed, and of what, for those who are not let through."""
        self._settle(ok=False, cause=cause)

    def release(self) -> None:
        """Release it without an outcome; does nothing after one was reported."""
        self._settle(ok=None)

    def _settle(self, *, ok: bool | None, cause: str = "") -> None:
        if self._period is not None:
            self._breaker.leave(self._period, ok=ok, cause=cause)
            self._period = None
