"""How long a connection waits before it sends a request again."""

from __future__ import annotations

import random

from attrs import define, field

from claimx_pipeline.clock import doubled
from claimx_pipeline.connections.breaker import Breaker, State
from claimx_pipeline.errors import Category, RecordError
from claimx_pipeline.settings.tree.connections import ConnectionSettings


@define(eq=False)
class Waits:
    """The waits of one connection."""

    _settings: ConnectionSettings
    _breaker: Breaker
    _random: random.Random = field(factory=random.Random, init=False, repr=False)

    def before_retry(self, error: RecordError, retries: int) -> float | None:
        """Return the seconds to wait before a request is sent again; None if it is not.

        Args:
            error: What it failed with.
            retries: How often it was sent again before.
        """
        passing = error.category in {Category.TRANSIENT, Category.THROTTLED}
        if not passing or retries >= self._settings.max_retries:
            return None
        if self._breaker.state is not State.CLOSED:
            # While open nothing is sent, and while half-open one try has to do.
            return None
        if error.retry_after is not None:
            longest = self._settings.backoff_max_seconds
            return error.retry_after if error.retry_after <= longest else None
        return self.backoff(retries)

    def backoff(self, retries: int) -> float:
        """Return the seconds to wait before the next try, after so many that failed."""
        longest = self._settings.backoff_max_seconds
        backoff = doubled(self._settings.backoff_seconds, retries, longest)
        return backoff * self._random.uniform(0.5, 1.0)
