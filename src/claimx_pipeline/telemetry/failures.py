"""Records that failed lately: whether a worker that takes records also gets them done."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping

from attrs import define, field

WINDOW_SECONDS = 300.0
"""How long a failure is remembered."""

SLOT_SECONDS = 10.0
"""Counts of so many seconds are kept as one."""

ENOUGH = 20
"""Records that fail, with none done, before nothing is said to get through."""


@define
class Slot:
    """What became of the records of some seconds."""

    began: float
    done: int = 0
    partly: int = 0
    """Of those retried, the ones of which something was written."""
    retried: int = 0
    dead: int = 0


@define
class RecentFailures:
    """Counts of one worker. Written by the event loop, read by the thread of the probes."""

    cause: str = field(default="", init=False)
    """What the last one failed with."""
    _slots: deque[Slot] = field(factory=deque, init=False)

    def note(self, counts: Mapping[str, int], now: float) -> None:
        """Count committed records by outcome; costs nothing while none fails."""
        failed = counts.get("retry", 0) + counts.get("dead", 0)
        slots = self._slots
        while slots and now - slots[0].began > WINDOW_SECONDS:
            slots.popleft()
        if not failed and not slots:
            return
        if not slots or now - slots[-1].began > SLOT_SECONDS:
            slots.append(Slot(now))
        slot = slots[-1]
        slot.done += counts.get("done", 0) + counts.get("skipped", 0)
        slot.retried += counts.get("retry", 0)
        slot.dead += counts.get("dead", 0)

    def partly(self, count: int) -> None:
        """Note that of so many records that are to be retried something was written."""
        if self._slots:
            self._slots[-1].partly += count

    def judged(self, now: float) -> tuple[str, str]:
        """Return ``ready``, ``degraded`` or ``nothing_gets_through``, and why it is not ready."""
        slots = [each for each in tuple(self._slots) if now - each.began <= WINDOW_SECONDS]
        done = sum(each.done for each in slots)
        retried, dead = sum(each.retried for each in slots), sum(each.dead for each in slots)
        if not retried + dead:
            return "ready", ""
        through = done or any(each.partly for each in slots)
        state = "degraded" if through or retried + dead < ENOUGH else "nothing_gets_through"
        return state, (
            f"{done} done, {retried} to be retried and {dead} dead in the last "
            f"{WINDOW_SECONDS / 60:g} minutes; the last because of: {self.cause}"
        )

    def state(self, now: float) -> str:
        """Return the same as a sentence; empty if all is well."""
        state, text = self.judged(now)
        return f"{state.replace('_', ' ')}: {text}" if text else ""
