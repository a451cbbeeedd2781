"""What a metric of an earlier system is declared as."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Literal

from attrs import field, frozen


@frozen
class CountedIn:
    """A metric of ours, or the part of it that some labels choose."""

    metric: str
    """Name as it is served: ``claimx_records_received_total``; a histogram without its endings."""
    where: Mapping[str, Collection[str]] = field(factory=dict)
    """Label to the values that count."""


@frozen(kw_only=True)
class FormerMetric:
    """A metric of an earlier system, for dashboards and alerts that still use its name."""

    name: str
    """As it was served, counters with ``_total``."""
    help: str
    """One line."""
    kind: Literal["counter", "histogram"] = "counter"
    """What it is for Prometheus."""
    of: Sequence[CountedIn]
    """What is summed up."""
