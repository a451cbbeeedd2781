"""Tells one missing thing from a service that knows nothing at all."""

from __future__ import annotations

from attrs import define, field

from claimx_pipeline.clock import Clock

SUBJECTS = 5
"""So many different ones missing in a row, and nothing else answered: an outage."""

HELD_SECONDS = 300.0
"""How long that is taken for an outage. Five projects may really be deleted: they are believed
then, and others wait again."""


@define(eq=False)
class MissingSubjects:
    """Counts what a service answered 404 or 405 about since its last other definite answer."""

    _clock: Clock
    _counted: set[str] = field(factory=set, init=False)
    _since: float | None = field(default=None, init=False)
    """When there were enough of them; None while there are not."""
    _believed: set[str] = field(factory=set, init=False)

    def works(self) -> None:
        """The service answered something else: what was missing was missing."""
        if self._counted or self._believed:
            self._counted.clear()
            self._believed.clear()
            self._since = None

    def is_outage(self, subject: str) -> bool:
        """Count *subject* as missing; return whether the whole service is taken for missing."""
        now = self._clock.monotonic()
        if self._since is not None and now - self._since >= HELD_SECONDS:
            # These alone: of all others it is as little known as before.
            self._believed = set(self._counted)
            self._counted.clear()
            self._since = None
        if subject in self._believed:
            return False
        if self._since is None:
            self._counted.add(subject)
            if len(self._counted) < SUBJECTS:
                return False
            self._since = now
        return True
