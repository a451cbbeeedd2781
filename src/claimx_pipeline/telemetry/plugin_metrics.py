"""What is counted about plugins, and what plugins count themselves."""

from __future__ import annotations

import re
from typing import Literal

from attrs import define, field
from prometheus_client import CollectorRegistry, Counter, Histogram

CallOutcome = Literal["ok", "failed", "overran", "suspended"]

MOST_SERIES = 200
"""Label combinations of one plugin metric; a metric with ids in it would fill the memory."""

OTHER = "other"
"""What every label of a further combination becomes."""

_NAME = re.compile(r"[a-zA-Z][a-zA-Z0-9_]*")


@define
class PluginMetrics:
    """Calls, seconds and failures per plugin and hook; actions; the plugins' own counters."""

    registry: CollectorRegistry
    """Where they are registered."""
    _calls: Counter = field(init=False)
    _seconds: Histogram = field(init=False)
    _actions: Counter = field(init=False)
    _own: dict[str, tuple[tuple[str, ...], Counter, set[tuple[str, ...]]]] = field(
        factory=dict, init=False
    )

    def __attrs_post_init__(self) -> None:
        self._calls = Counter(
            "claimx_plugin_calls",
            "Calls of a plugin's hook by what became of them",
            ["plugin", "hook", "outcome"],
            registry=self.registry,
        )
        self._seconds = Histogram(
            "claimx_plugin_seconds",
            "How long a plugin's hook took",
            ["plugin", "hook"],
            registry=self.registry,
        )
        self._actions = Counter(
            "claimx_plugin_actions",
            "Actions carried out for a plugin",
            ["plugin", "action"],
            registry=self.registry,
        )

    def called(self, plugin: str, hook: str, outcome: CallOutcome, seconds: float) -> None:
        """Count one call."""
        self._calls.labels(plugin, hook, outcome).inc()
        self._seconds.labels(plugin, hook).observe(seconds)

    def acted(self, plugin: str, action: str) -> None:
        """Count one action."""
        self._actions.labels(plugin, action).inc()

    def problem(self, name: str, value: float, labels: dict[str, str]) -> str | None:
        """Return why a plugin cannot count so, None if it can."""
        if not _NAME.fullmatch(name) or name.endswith(("_total", "_created")):
            return (
                f"metric {name!r} must be named with letters, digits and underscores, "
                "without the ending that counters get"
            )
        if not value >= 0:
            return f"metric {name!r} can only grow; {value!r} is below 0"
        wrong = [label for label in labels if not _NAME.fullmatch(label) or label == "plugin"]
        if wrong:
            return f"metric {name!r} cannot have a label {wrong[0]!r}"
        known = self._own.get(name)
        if known is not None and known[0] != tuple(sorted(labels)):
            had = ", ".join(known[0]) or "none"
            return f"metric {name!r} was counted with other labels before: {had}"
        return None

    def count(self, plugin: str, name: str, value: float, labels: dict[str, str]) -> None:
        """Add *value* to a plugin's own counter, of which ``problem`` found none."""
        names = tuple(sorted(labels))
        if name not in self._own:
            counter = Counter(
                f"claimx_plugin_metric_{name}",
                "Counted by plugins",
                ["plugin", *names],
                registry=self.registry,
            )
            self._own[name] = (names, counter, set())
        _, counter, seen = self._own[name]
        series = (plugin, *(labels[label] for label in names))
        if series not in seen and len(seen) >= MOST_SERIES:
            series = (plugin, *(OTHER for _ in names))
        seen.add(series)
        counter.labels(*series).inc(value)
