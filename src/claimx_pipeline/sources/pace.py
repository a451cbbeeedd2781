"""How many events may go now, so that a rate is held."""

from __future__ import annotations

import math

from attrs import define, field

CATCH_UP_SECONDS = 5.0
"""What was not used within this time is not made up for: no burst follows a long wait."""

PIECES = 5
"""Events go in pieces of a fifth of a second: many small ones would cost a commit each."""


@define
class Pace:
    """Counts what may go; holds a rate on average."""

    rate: float | None
    """Per second; None for no limit."""
    _credit: float = field(default=0.0, init=False)
    _at: float | None = field(default=None, init=False)

    def allowed(self, now: float, most: int) -> int:
        """Return how many events may go at *now*, *most* at most; 0 until a piece is together."""
        if self.rate is None:
            return most
        if self._at is not None:
            earned = (now - self._at) * self.rate
            self._credit = min(self._credit + earned, self._most())
        self._at = now
        return min(most, math.floor(self._credit)) if self._credit >= self._piece(most) else 0

    def take(self, count: int) -> None:
        """Note that *count* events go."""
        self._credit -= count if self.rate is not None else 0

    def seconds_to_next(self, most: int) -> float:
        """Return how long it takes until some may go."""
        if self.rate is None:
            return 0.0
        return max(0.0, (self._piece(most) - self._credit) / self.rate)

    def _piece(self, most: int) -> float:
        return max(1.0, min(float(most), (self.rate or 0.0) / PIECES))

    def _most(self) -> float:
        return max(1.0, (self.rate or 0.0) * CATCH_UP_SECONDS)
