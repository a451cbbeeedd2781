"""Tells an orchestrator whether the process lives and works, per worker and as a whole."""

from __future__ import annotations

import logging
from collections.abc import Mapping

from attrs import define, field, frozen

from claimx_pipeline.clock import Clock
from claimx_pipeline.telemetry.failures import RecentFailures

log = logging.getLogger(__name__)

STALE_SECONDS = 60.0
"""A loop not heard of for this long counts as stuck; it beats twice a second, busy or idle."""
BATCH_SECONDS = 300.0
THROUGH_SECONDS = 10.0
"""A worker that waits and has committed a record within this time gets some through."""

STATES = (
    "starting",
    "ready",
    "degraded",
    "waiting",
    "nothing_gets_through",
    "failed",
    "stopped",
)
"""What a worker can be. The first two and ``degraded`` say nothing against sending it records."""

GOOD = frozenset({"ready", "degraded"})


@frozen
class Reason:
    """One thing that keeps a worker from being ``ready``."""

    what: str
    """What it is about, one word of a short list: ``broker``, ``table claimx_media``, ``records``,
    or ``connection claimx`` for a service."""
    text: str
    """In a sentence."""


@frozen
class WorkerReport:
    """The state of one worker."""

    state: str
    """One of ``STATES``."""
    reasons: tuple[Reason, ...] = ()
    members: int = 0
    """Members of it in this process that have not ended."""

    @property
    def is_good(self) -> bool:
        """Whether records get through."""
        return self.state in GOOD

    def __str__(self) -> str:
        texts = "; ".join(dict.fromkeys(reason.text for reason in self.reasons))
        state = self.state.replace("_", " ")
        return f"{state}: {texts}" if texts else state


@define(eq=False)
class Pulse:
    """The signs of life of one member of a worker."""

    clock: Clock
    """Tells the time."""
    state: str = "starting"
    """What its member is doing."""
    waits: dict[str, str] = field(factory=dict, init=False)
    """Why it waits, by what is unavailable."""
    service: str = field(default="", init=False)
    """The connection or table that records wait for, if they do and it is known."""
    _beat: float = field(default=0.0, init=False)
    _waits_since: float = field(default=0.0, init=False)
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
            if not self.waits:
                self._waits_since = self.clock.monotonic()
            self.waits[what] = reason
        else:
            self.waits.pop(what, None)

    def records_wait(self, reason: str, service: str = "") -> None:
        """Records wait here because of *reason*; empty: none do.

        Args:
            reason: In a sentence.
            service: ``connection NAME`` or ``table NAME``, if it is known.
        """
        self.service = service if reason else ""
        self.waits_for("parked", reason)

    def reasons(self) -> list[Reason]:
        """Return what it waits for."""
        waits = tuple(self.waits.items())
        named = {"parked": self.service or "service"}
        return [Reason(named.get(what, what), text) for what, text in waits]

    @property
    def waits_since(self) -> float:
        """When it began to wait, by the clock's monotonic time."""
        return self._waits_since

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

    done_at: float | None = field(default=None, init=False)
    """When a record was last committed that has not failed, by the clock's monotonic time."""

    def report(self, now: float) -> WorkerReport:
        """Return what its members say: one that is not ready speaks for all."""
        going = [pulse for pulse in tuple(self.members) if pulse.state != "stopped"]
        if self.failure:
            return WorkerReport("failed", (Reason("failure", self.failure),), len(going))
        if self.members and not going:
            return WorkerReport("stopped")
        reasons = tuple(dict.fromkeys(reason for pulse in going for reason in pulse.reasons()))
        if not going or any(pulse.state == "starting" for pulse in going):
            return WorkerReport("starting", reasons, len(going))
        if reasons:
            state = "degraded" if self._gets_through(going, now) else "waiting"
            return WorkerReport(state, reasons, len(going))
        state, text = self.recent.judged(now)
        failing = (Reason("records", text),) if text else ()
        return WorkerReport(state, failing, len(going))

    def _gets_through(self, going: list[Pulse], now: float) -> bool:
        """Return whether records are committed although members wait."""
        since = [pulse.waits_since for pulse in going if pulse.waits]
        done = self.done_at
        return done is not None and done > max(since) and now - done <= THROUGH_SECONDS

    def state(self, now: float) -> str:
        """Return the state and its reasons in a sentence."""
        return str(self.report(now))


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
        worker, now = self.workers[name], self.clock.monotonic()
        worker.recent.note(counts, now)
        if counts.get("done") or counts.get("skipped"):
            worker.done_at = now

    def failed(self, name: str, reason: str) -> None:
        """Worker *name* has ended and does not come back, because of *reason*."""
        self.workers[name].failure = reason

    def reports(self) -> dict[str, WorkerReport]:
        """Return the state of every worker."""
        now = self.clock.monotonic()
        return {name: worker.report(now) for name, worker in tuple(self.workers.items())}

    def beats(self) -> dict[str, float]:
        """Return, by worker, the seconds since the last beat of the member that is oldest."""
        ages: dict[str, float] = {}
        for name, worker in tuple(self.workers.items()):
            going = [pulse for pulse in tuple(worker.members) if pulse.state == "ready"]
            if going:
                ages[name] = max(pulse.age() for pulse in going)
        return ages

    def live(self) -> tuple[bool, dict[str, object]]:
        """Return whether every loop goes round, and the ages of their last beats."""
        stuck = [
            name
            for name, worker in sorted(self.workers.items())
            if any(pulse.stuck(worker.batch_seconds) for pulse in tuple(worker.members))
        ]
        status = "stuck" if stuck else "alive"
        return not stuck, {"status": status, "stuck": stuck, "beats": self.beats()}

    def ready(self) -> tuple[bool, dict[str, object]]:
        """Return whether records get through every worker, and the state of each with reasons.

        A worker that is ``degraded`` takes records, but some of them fail or wait. A process that
        does not know its workers yet is not ready.
        """
        reports = self.reports()
        states = {name: str(report) for name, report in reports.items()}
        reasons = {
            name: [{"what": each.what, "text": each.text} for each in report.reasons]
            for name, report in reports.items()
            if report.reasons
        }
        said: dict[str, object] = {"workers": states} | ({"reasons": reasons} if reasons else {})
        if not reports or not all(report.is_good for report in reports.values()):
            return False, {"status": "not_ready", **said}
        degraded = any(report.state == "degraded" for report in reports.values())
        return True, {"status": "degraded" if degraded else "ready", **said}

    def ready_worker(self, name: str) -> tuple[bool, dict[str, object]] | None:
        """Return the same of one worker; None if there is none of that name."""
        report = self.reports().get(name)
        if report is None:
            return None
        reasons = [{"what": each.what, "text": each.text} for each in report.reasons]
        facts = {"worker": name, "state": report.state, "members": report.members}
        return report.is_good, {
            "status": "ready" if report.is_good else "not_ready",
            **facts,
            "reasons": reasons,
        }
