"""What a dashboard and an alert are."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Literal

from attrs import field, frozen
from attrs.validators import matches_re, min_len

Severity = Literal["critical", "warning", "info"]
"""``critical``: call someone now; ``warning``: look today; ``info``: good to know."""


@frozen
class Query:
    """A query of a panel, in PromQL."""

    expr: str
    """PromQL."""
    legend: str = ""
    """``{{label}}`` is the label's value; the panel's title if not given."""


@frozen(kw_only=True)
class Panel:
    """One picture of a dashboard."""

    title: str = field(validator=min_len(1))
    """Above it."""
    text: str = field(validator=matches_re(r"(?s).+\."))
    """A sentence: what is seen, and what is good or bad about it."""
    queries: Sequence[Query] = field(validator=min_len(1))
    """What it shows."""
    unit: str = "short"
    """Unit as Grafana calls it: ``s``, ``bytes``, ``reqps``, ``percentunit`` …"""
    kind: Literal["timeseries", "stat", "table"] = "timeseries"
    """How it is drawn."""


@frozen(kw_only=True)
class Dashboard:
    """A dashboard of Grafana."""

    uid: str = field(validator=matches_re(r"[a-z][a-z0-9-]{1,39}"))
    """Name of its file, and of the dashboard in Grafana's addresses."""
    title: str = field(validator=min_len(1))
    """Its name in Grafana's list."""
    text: str = field(validator=matches_re(r"(?s).+\."))
    """What it is for."""
    panels: Sequence[Panel] = field(validator=min_len(1))
    """From top to bottom."""


@frozen(kw_only=True)
class Alert:
    """An alert of Prometheus, with the page that says what to do."""

    name: str = field(validator=matches_re(r"[A-Z][A-Za-z]+"))
    """In words that begin with a capital: ``ClaimxLagHigh``."""
    expr: str
    """PromQL; a series that it returns is an alert."""
    wait: str = field(validator=matches_re(r"\d+[smh]"))
    """For how long it has to be so: ``5m``."""
    severity: Severity
    """How urgent it is."""
    summary: str = field(validator=min_len(1))
    """One line with ``{{ $labels.worker }}`` and ``{{ $value }}``."""
    means: str = field(validator=matches_re(r"(?s).+\."))
    """What it says about the pipeline."""
    look: Sequence[str] = field(validator=min_len(1))
    """What to look at first, step by step."""
    remedy: Sequence[str] = field(validator=min_len(1))
    """What to do, step by step."""
    call: str = field(validator=matches_re(r"(?s).+\."))
    """Whom to call when that does not help."""

    @property
    def page(self) -> str:
        """File name of its page: ``claimx-lag-high.md``."""
        return re.sub(r"(?<!^)(?=[A-Z])", "-", self.name).lower() + ".md"


MonitoringPart = Dashboard | Alert
