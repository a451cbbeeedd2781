"""Tells an orchestrator whether the process lives and works; serves the metrics too."""

from __future__ import annotations

import logging
from collections.abc import Mapping

from attrs import define, field

from claimx_pipeline.clock import Clock
from claimx_pipeline.telemetry.failures import RecentFailures

log = logging.getLogger(__name__)

STALE_SECONDS = 60.0
"""A loop not heard of for this long counts as stuck; it beats twice a second, busy or idle."""
BATCH_SECONDS = 300.0


@define(eq=False)
class Pulse:
    """The signs of life of one member of a worker."""

    clock: Clock
    """Tells the time."""
    state: str = "starting"
    """What its member is doing."""
    waits: dict[str, str] = field(factory=dict, init=False)
    """Why it waits, by what is unavailable."""
    _beat: float = field(default=0.0, init=False)
    _step: float | None = field(default=None, init=False)
    """When the batches in flight last got on; None while there are none."""

    def ready(self) -> None:
        """The member takes records from here on."""
        self.state = "ready"
        self.beat()

    def stopped(self) -> None:
        """The member takes no more records."""
        self.state = "stopped"
        self.waits.clear()

    def beat(self) -> None:
        """The loop goes round."""
        self._beat = self.clock.monotonic()

    def step(self) -> None:
        """A batch in flight got on."""
        self._step = self.clock.monotonic()

    def waiting(self) -> None:
        """The loop waits for something unavailable, and so does what is in flight."""
        self.beat()
        if self._step is not None:
            self.step()

    def rest(self) -> None:
        """Nothing is in flight."""
        self._step = None

    def waits_for(self, what: str, reason: str) -> None:
        """The member waits for *what*, because of *reason*; empty: it is there again."""
        if reason:
            self.waits[what] = reason
        else:
            self.waits.pop(what, None)

    def stuck(self, batch_seconds: float) -> bool:
        """Return whether the loop makes no progress, or what is in flight makes none."""
        if self.state != "ready":
            return False
        now = self.clock.monotonic()
        step = self._step
        return now - self._beat > STALE_SECONDS or (step is not None and now - step > batch_seconds)

    def age(self) -> float:
        """Return the seconds since the last beat."""
        return round(self.clock.monotonic() - self._beat, 1)


@define
class WorkerHealth:
    """One worker as the probes see it."""

    batch_seconds: float
    """What is in flight may stand still for this long."""
    members: list[Pulse] = field(factory=list)
    """Its members."""
    recent: RecentFailures = field(factory=RecentFailures)
    """What failed lately."""
    failure: str = ""
    """What it has ended with, if it has."""

    def state(self, now: float) -> str:
        """Return what its members say: one that is not ready speaks for all."""
        if self.failure:
            return f"failed: {self.failure}"
        going = [pulse for pulse in tuple(self.members) if pulse.state != "stopped"]
        if self.members and not going:
            return "stopped"
        waits = [reason for pulse in going for reason in tuple(pulse.waits.values())]
        reasons = "; ".join(dict.fromkeys(waits))
        if not going or any(pulse.state == "starting" for pulse in going):
            return f"starting: {reasons}" if reasons else "starting"
        return f"waiting: {reasons}" if reasons else self.recent.state(now) or "ready"


@define
class Health:
    """What is known about the workers of this process. Read by a thread of its own."""

    clock: Clock
    """Tells the time."""
    workers: dict[str, WorkerHealth] = field(factory=dict)
    """How each worker is, by name."""

    def expect(self, name: str, batch_seconds: float = BATCH_SECONDS) -> None:
        """Worker *name* is going to start."""
        self.workers[name] = WorkerHealth(batch_seconds)

    def member(self, name: str) -> Pulse:
        """Return the signs of life of a new member of worker *name*."""
        if name not in self.workers:
            self.expect(name)
        pulse = Pulse(self.clock)
        self.workers[name].members.append(pulse)
        return pulse

    def count(self, name: str, counts: Mapping[str, int]) -> None:
        """Count what became of records of worker *name*."""
        self.workers[name].recent.note(counts, self.clock.monotonic())

    def failed(self, name: str, reason: str) -> None:
        """Worker *name* has ended and does not come back, because of *reason*."""
        self.workers[name].failure = reason

    def live(self) -> tuple[bool, dict[str, object]]:
        """Return whether every loop goes round, and the ages of their last beats."""
        ages: dict[str, float] = {}
        stuck = []
        for name, worker in sorted(self.workers.items()):
            going = [pulse for pulse in tuple(worker.members) if pulse.state == "ready"]
            if going:
                ages[name] = max(pulse.age() for pulse in going)
            if any(pulse.stuck(worker.batch_seconds) for pulse in going):
                stuck.append(name)
        return not stuck, {"status": "stuck" if stuck else "alive", "stuck": stuck, "beats": ages}

    def ready(self) -> tuple[bool, dict[str, object]]:
        """Return whether every worker takes records, and the state of each.

        A worker that is ``degraded`` takes records, but some of them fail. A process that does
        not know its workers yet is not ready.
        """
        now = self.clock.monotonic()
        states = {name: worker.state(now) for name, worker in tuple(self.workers.items())}
        kinds = {state.partition(":")[0] for state in states.values()}
        if not states or kinds - {"ready", "degraded"}:
            return False, {"status": "not_ready", "workers": states}
        return True, {"status": "degraded" if "degraded" in kinds else "ready", "workers": states}
