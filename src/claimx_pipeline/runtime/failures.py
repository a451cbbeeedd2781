"""What becomes of a record that failed: it climbs the ladder, waits, or is dead."""

from __future__ import annotations

from typing import Literal

from attrs import frozen

from claimx_pipeline.broker.protocol import OutRecord, Record
from claimx_pipeline.clock import Clock
from claimx_pipeline.errors import Category, RecordError, category_of
from claimx_pipeline.runtime.dead_letter import DeadLetter
from claimx_pipeline.runtime.headers import attempts_of
from claimx_pipeline.runtime.ladder import RetryLadder
from claimx_pipeline.runtime.outcome import Dead, Held
from claimx_pipeline.topology import Topology

OUTAGES = frozenset({Category.AUTH, Category.THROTTLED, Category.CIRCUIT_OPEN})
"""Failures of something that every record needs; they say nothing about the record."""


@frozen
class FailurePolicy:
    """Decides for one worker. Looks at types and codes, never at an error's text."""

    worker: str
    group: str
    """Consumer group, as the broker calls it."""
    ladder: RetryLadder | None
    dead_letters: str | None
    """Logical name of the topic of dead letters."""
    outage: Literal["wait", "dead_letter"]
    topology: Topology
    clock: Clock

    def is_outage(self, error: Exception) -> bool:
        """Tell whether *error* is of the service and not of the record."""
        told = isinstance(error, RecordError) and error.outage
        return self.outage == "wait" and (told or category_of(error) in OUTAGES)

    def decide(
        self, record: Record, error: Exception, *, outage: bool = False, stays: bool = True
    ) -> OutRecord | Held | Dead:
        """Return the record as it waits in a retry topic, or why it does not.

        Args:
            record: It failed.
            error: Why.
            outage: Whether the service is known to be away, though *error* does not say so.
            stays: Whether the record waits here for a service that is away. If not it
                waits on the ladder, as often as it takes.
        """
        category = category_of(error)
        attempts = attempts_of(record) + 1
        if outage or self.is_outage(error):
            if stays or self.ladder is None:
                return Held(error)
            return self._returning(record, error, self.ladder, counted=False)
        if category is Category.PERMANENT or (category is Category.BUG and attempts > 1):
            return Dead(error)
        if self.ladder is None:
            # Without a ladder a passing failure is waited for, and a defect does not pass.
            return Dead(error) if category is Category.BUG else Held(error)
        return self._returning(record, error, self.ladder, counted=True)

    def _returning(
        self, record: Record, error: Exception, ladder: RetryLadder, *, counted: bool
    ) -> OutRecord | Dead:
        """Return *record* as it waits on *ladder*, dead if it has been on every rung."""
        retry_after = error.retry_after if isinstance(error, RecordError) else None
        attempts = attempts_of(record) + 1
        if not counted:
            attempts = min(attempts, len(ladder.delays))
        rung = ladder.rung(attempts, retry_after)
        if rung is None:
            return Dead(error)
        return ladder.waiting(
            record,
            rung,
            group=self.group,
            return_to=self.topology.logical(record.topic),
            now=self.clock.now(),
            counted=counted,
        )

    def letter(self, record: Record, error: Exception, plugin: str = "") -> OutRecord | None:
        """Return *record* as a dead letter; None if the worker has no topic for them."""
        if self.dead_letters is None:
            return None
        known = DeadLetter.of(
            record,
            error,
            group=self.group,
            worker=self.worker,
            now=self.clock.now(),
            plugin=plugin,
        )
        return known.letter(record, self.dead_letters)
