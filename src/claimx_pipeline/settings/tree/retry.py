"""Section ``retry``: how a record that failed is tried again."""

from __future__ import annotations

from collections.abc import Mapping

from attrs import field, frozen
from attrs.validators import deep_iterable, gt, min_len


@frozen(kw_only=True)
class RetryFamilySettings:
    """How the records of one family of retry topics are tried again."""

    delays_seconds: tuple[float, ...] = field(validator=[min_len(1), deep_iterable(gt(0))])
    """Waits between tries, each with a topic of its own; one try more than waits."""


@frozen(kw_only=True)
class RetrySettings:
    """How a record that failed is tried again."""

    delays_seconds: tuple[float, ...] = field(
        default=(300.0, 600.0, 1200.0, 2400.0), validator=[min_len(1), deep_iterable(gt(0))]
    )
    """Waits between tries, each with a topic of its own; one try more than waits."""

    families: Mapping[str, RetryFamilySettings] = field(factory=dict)
    """Other waits for one family of retry topics, such as ``claimx.downloads``."""

    def delays_of(self, family: str) -> tuple[float, ...]:
        """Return the waits of *family*, in seconds."""
        own = self.families.get(family)
        return own.delays_seconds if own else self.delays_seconds
