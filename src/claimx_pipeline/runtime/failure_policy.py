"""What becomes of a record that failed: it climbs the ladder, waits, or is dead."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Literal

from attrs import field, frozen

from claimx_pipeline.broker.protocol import OutRecord, Record
from claimx_pipeline.clock import Clock
from claimx_pipeline.connections.answer import connection_of, is_missing
from claimx_pipeline.errors import (
    Category,
    HookFailedError,
    RecordError,
    category_of,
    is_outage,
    may_pass,
)
from claimx_pipeline.redaction import Redactor
from claimx_pipeline.runtime.dead_letters.dead_letter import DeadLetter
from claimx_pipeline.runtime.headers import PLUGIN, attempts_of, header
from claimx_pipeline.runtime.outcome import Dead, Held
from claimx_pipeline.runtime.resources import Resources
from claimx_pipeline.runtime.retry_ladder import RetryLadder
from claimx_pipeline.runtime.worker import WorkerSpec
from claimx_pipeline.topics import BRAND, Topic, Topology


@frozen
class FailurePolicy:
    """Decides for one worker. Looks at types and codes, never at an error's text."""

    worker: str
    group: str
    """Consumer group, as the broker calls it."""
    ladder: RetryLadder | None
    dead_letters: str | None
    """Logical name of the topic of dead letters."""
    outage: Literal["wait", "detour", "dead_letter"]
    topology: Topology
    clock: Clock
    redactor: Redactor = field(factory=Redactor, repr=False)
    """Cleans what dead letters say."""
    domain: str = BRAND
    """The domain whose events the worker reads."""
    plugin_ladder: RetryLadder | None = None
    """Of the records that come back for one plugin."""
    dead_letters_of: Mapping[str, Topic] = field(factory=dict)
    """Where dead records of some topics go instead, by the logical names of those."""

    @classmethod
    def of(cls, spec: WorkerSpec, resources: Resources) -> FailurePolicy:
        """Return the policy of worker *spec*."""
        return cls(
            worker=spec.name,
            group=resources.topology.group(spec.group),
            ladder=spec.retry,
            plugin_ladder=spec.plugin_retry,
            dead_letters=spec.dead_letters.name if spec.dead_letters else None,
            outage=spec.outage,
            topology=resources.topology,
            clock=resources.clock,
            redactor=resources.redactor,
            domain=spec.domain,
            dead_letters_of=spec.dead_letters_of,
        )

    def is_outage(self, error: Exception) -> bool:
        """Return whether *error* is of the service and not of the record."""
        return self.outage != "dead_letter" and is_outage(error)

    def of_services(self, errors: Sequence[Exception]) -> list[bool]:
        """Return which of *errors*, met together, are of a service and not of their record.

        A service that became unavailable meanwhile was so for those before as well: for what
        may pass, and for 404 and 405 if those are what it answers to everything.
        """
        outages = [error for error in errors if self.is_outage(error)]
        unavailable = {connection_of(error) for error in outages}
        missing = {connection_of(error) for error in outages if is_missing(error)}
        return [
            self.is_outage(error)
            or (category_of(error) is Category.TRANSIENT and connection_of(error) in unavailable)
            or (is_missing(error) and connection_of(error) in missing)
            for error in errors
        ]

    def decide(
        self, record: Record, error: Exception, *, detour: bool = False
    ) -> OutRecord | Held | Dead:
        """Return the record as it waits in a retry topic, or why it does not.

        Args:
            record: It failed.
            error: Why.
            detour: Whether it waits in a retry topic for a service that is unavailable.
        """
        category = category_of(error)
        attempts = attempts_of(record) + 1
        if self.is_outage(error):
            return self.sit_out(record, error, detour=detour)
        if category is Category.PERMANENT or (category is Category.BUG and attempts > 1):
            return Dead(error)
        ladder = self.ladder
        if self.plugin_ladder is not None and header(record.headers, PLUGIN):
            ladder = self.plugin_ladder  # its tries were counted there
        if ladder is None:
            # Without a ladder a passing failure is waited for, and a defect does not pass.
            return Dead(error) if category is Category.BUG else Held(error)
        rung = ladder.rung(attempts, _retry_after(error))
        if rung is None:
            return Dead(error)
        return ladder.waiting(
            record,
            rung,
            group=self.group,
            return_to=self.topology.logical(record.topic),
            now=self.clock.now(),
        )

    def sit_out(
        self, record: Record, error: Exception, *, detour: bool = False
    ) -> OutRecord | Held:
        """Return how *record* waits for a service to come back; it is not the record's fault."""
        if not (detour or self.outage == "detour") or self.ladder is None:
            return Held(error)
        return self.ladder.waiting(
            record,
            self.ladder.rung(1, _retry_after(error)) or 0,
            group=self.group,
            return_to=self.topology.logical(record.topic),
            now=self.clock.now(),
            counted=False,
        )

    def for_plugin(self, record: Record, plugin: str, error: Exception) -> OutRecord | None:
        """Return *record* as it waits to come back for *plugin* alone; None if it does not.

        The tries are the plugin's own: those that the record itself took are not among them. An
        outage of what the plugin needs counts as none, so the record waits however long it lasts.
        """
        ladder = self.plugin_ladder
        if ladder is None or not may_pass(error):
            return None
        counted = not self.is_outage(error)
        is_its_own = header(record.headers, PLUGIN) == plugin
        attempts = attempts_of(record) + 1 if is_its_own and counted else 1
        rung = ladder.rung(attempts, _retry_after(error))
        if rung is None:
            return None
        return ladder.waiting(
            record,
            rung,
            group=self.group,
            return_to=self.topology.logical(record.topic),
            now=self.clock.now(),
            counted=counted,
            plugin=plugin,
        )

    def dead_letter(self, record: Record, error: Exception, plugin: str = "") -> OutRecord | None:
        """Return *record* as a dead letter; None if the worker has no topic for them."""
        own = self._dead_letters_of(record.topic)
        topic = own.name if own else self.dead_letters
        if topic is None:
            return None
        known = DeadLetter.of(
            record,
            error,
            group=self.group,
            worker=self.worker,
            now=self.clock.now(),
            redactor=self.redactor,
            # One that came back for a plugin and failed again is the plugin's as before.
            plugin=plugin or header(record.headers, PLUGIN) or "",
        )
        return known.to_record(record, topic)

    def _dead_letters_of(self, topic: str) -> Topic | None:
        """Return where dead records of *topic*, as the broker calls it, go instead.

        A retry topic whose delay the settings no longer have is of the family of its siblings.
        """
        if own := self.dead_letters_of.get(self.topology.logical(topic)):
            return own
        family = topic.rpartition(".")[0]
        for name, dead_letters in self.dead_letters_of.items():
            if self.topology.physical(name).rpartition(".")[0] == family:
                return dead_letters
        return None


def _retry_after(error: Exception) -> float | None:
    return error.retry_after if isinstance(error, (RecordError, HookFailedError)) else None
