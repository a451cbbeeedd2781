"""How long a soak is: ``STRANGERS_SECONDS`` and ``STRANGERS_SEED`` say so, else it is short."""

from __future__ import annotations

import os

from attrs import frozen

HOUR_SECONDS = 3600
EVENTS_OF_AN_HOUR = 20_000
SHORT_SECONDS = 300
"""Up to here a soak has to meet in little time what an hour meets anyway."""


@frozen(kw_only=True)
class SoakForm:
    """The sizes of one soak."""

    seconds: float
    """So long events are published; what is left is dealt with afterwards."""
    events: int
    """Good ones; odd records come on top."""
    odd_share: float
    """Odd records for each good one."""
    odd_answers: float
    """Share of the services' answers that are odd."""
    kill_seconds: float
    """Between two kills, on average."""
    page_seconds: float
    """How long the API answers with pages only, once in each third."""
    linger_seconds: float
    idle_seconds: float
    """How long everything left may take."""

    @classmethod
    def of(cls, seconds: float) -> SoakForm:
        """Return a soak of *seconds*, as much of the hour's as fits."""
        return cls(
            seconds=seconds,
            events=max(80, round(EVENTS_OF_AN_HOUR * seconds / HOUR_SECONDS)),
            odd_share=0.1 if seconds > SHORT_SECONDS else 0.5,
            odd_answers=0.03 if seconds > SHORT_SECONDS else 0.07,
            kill_seconds=min(20.0, seconds / 6),
            page_seconds=min(15.0, seconds / 12),
            linger_seconds=2.0 if seconds > SHORT_SECONDS else 0.2,
            idle_seconds=max(120.0, seconds / 4),
        )


ASKED = os.environ.get("STRANGERS_SECONDS")
SEED = int(os.environ.get("STRANGERS_SEED", "1"))
SHORT = SoakForm.of(10)
