"""Decides whose failure it was: the service's or the record's.

The part of the judge that knows a service: by status and kind of failure, never by a text. What
becomes of the record then is decided in ``runtime/failure_policy.py``, for services, brokers,
tables and stores alike, by ``Category`` and ``outage``.
"""

from __future__ import annotations

from attrs import define, evolve, field

from claimx_pipeline.clock import Clock
from claimx_pipeline.connections.answer import MISSING, RequestFailedError
from claimx_pipeline.connections.breaker import Breaker, Permit, State
from claimx_pipeline.connections.missing import SUBJECTS, MissingSubjects
from claimx_pipeline.connections.probe import Doubt, Probe
from claimx_pipeline.errors import Category

_FORBIDDEN = 403


@define(eq=False)
class Judge:
    """Judges the failures of one connection and reports them to its breaker."""

    endpoint: str
    """Where the service is: scheme, host and path."""
    setting: str
    """Section of the settings that describes the connection."""
    _breaker: Breaker
    _probe: Probe | None
    _clock: Clock
    _missing: MissingSubjects = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._missing = MissingSubjects(self._clock)

    def succeeded(self, permit: Permit) -> None:
        """A request was answered as it should be."""
        permit.succeeded()
        self._missing.works()

    async def judged(
        self, error: RequestFailedError, permit: Permit, subject: str | None
    ) -> RequestFailedError:
        """Return *error* as the service's failure or the record's.

        Args:
            error: What a request failed with.
            permit: Of that request.
            subject: What was asked about, if 404 says something about it alone.
        """
        if error.status in MISSING:
            return await self._judged_missing(error, permit, subject)
        doubted = error.status == _FORBIDDEN and self._probe is not None
        if error.category is not Category.TRANSIENT and not doubted:
            if error.answer and error.category is not Category.THROTTLED:
                permit.succeeded()
                if error.category is Category.PERMANENT:
                    self._missing.works()
            return error
        answered = error.status is not None and 200 <= error.status < 300  # noqa: PLR2004 - the class of successes
        if await self._excused(Doubt.NOT_JSON if answered else Doubt.FAILED):
            permit.succeeded()
            return error
        permit.failed(error.reason)
        outage = self._probe is not None or self._breaker.state is not State.CLOSED
        return evolve(error, category=Category.TRANSIENT, outage=outage)

    async def _judged_missing(
        self, error: RequestFailedError, permit: Permit, subject: str | None
    ) -> RequestFailedError:
        """Return *error*, a 404 or 405, as the record's own unless everything is missing."""
        if self._probe is not None:
            if await self._excused(Doubt.MISSING):
                permit.succeeded()
                return error
            why = "the connection's probe does not answer as it should either"
        elif subject is not None and self._missing.is_outage(subject):
            why = f"{SUBJECTS} different records were answered so, and none in another way"
        else:
            permit.succeeded()
            return error
        reason = (
            f"{error.reason}; {why}, so this is taken for an outage; "
            f"check {self.setting}.base_url, which is {self.endpoint!r}"
        )
        permit.failed(reason)
        return evolve(error, reason=reason, category=Category.TRANSIENT, outage=True)

    async def _excused(self, doubt: Doubt) -> bool:
        """Return whether the probe shows that the service works."""
        # Nothing more is sent to a service that is known to fail.
        asked = self._probe if self._breaker.state is not State.OPEN else None
        return asked is not None and await asked.healthy(doubt)
