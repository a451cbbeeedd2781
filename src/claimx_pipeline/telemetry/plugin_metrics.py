"""What is counted about plugins, and what plugins count themselves."""

from __future__ import annotations

import re
from typing import Literal

from attrs import define, field
from prometheus_client import CollectorRegistry, Counter, Gauge

from claimx_pipeline.telemetry.plain_series import CallSeries, PlainCounters, PlainHistograms

CallOutcome = Literal["ok", "failed", "overran", "suspended"]

CALL_BUCKETS = (0.0005, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10, 30)
"""Seconds: most plugins take less than a millisecond, and their limit is ten seconds."""

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
    _calls: PlainCounters = field(init=False)
    _seconds: PlainHistograms = field(init=False)
    _suspended: Gauge = field(init=False)
    _actions: PlainCounters = field(init=False)
    _series: dict[tuple[str, str, str], CallSeries] = field(factory=dict, init=False)
    _are_suspended: set[str] = field(factory=set, init=False)
    _used: PlainHistograms = field(init=False)
    _own: dict[str, tuple[tuple[str, ...], Counter, set[tuple[str, ...]]]] = field(
        factory=dict, init=False
    )

    def __attrs_post_init__(self) -> None:
        self._calls = PlainCounters(
            "claimx_plugin_calls",
            "Calls of a plugin's hook by outcome: ok, failed, overran, suspended",
            ["plugin", "hook", "outcome"],
            self.registry,
        )
        self._seconds = PlainHistograms(
            "claimx_plugin_call_duration_seconds",
            "How long a plugin's hook took",
            ["plugin", "hook"],
            CALL_BUCKETS,
            self.registry,
        )
        self._suspended = Gauge(
            "claimx_plugin_suspended",
            "1 while the plugin is not called, as its calls overran their limit or one still hangs",
            ["plugin"],
            registry=self.registry,
        )
        self._actions = PlainCounters(
            "claimx_plugin_actions",
            "Actions carried out for a plugin",
            ["plugin", "action"],
            self.registry,
        )

        self._used = PlainHistograms(
            "claimx_plugin_used_seconds",
            "How long a plugin waited for what the pipeline lends it: connection, reader, query",
            ["plugin", "what"],
            CALL_BUCKETS,
            self.registry,
        )

    def used(self, plugin: str, what: str, seconds: float) -> None:
        """Count one use of what the pipeline lends to a plugin."""
        self._used.of(plugin, what).observe(seconds)

    def called(self, plugin: str, hook: str, outcome: CallOutcome, seconds: float) -> None:
        """Count one call."""
        series = self._series.get((plugin, hook, outcome))
        if series is None:
            calls, seconds_of = (
                self._calls.of(plugin, hook, outcome),
                self._seconds.of(plugin, hook),
            )
            series = self._series[plugin, hook, outcome] = CallSeries(calls, seconds_of)
            self._suspended.labels(plugin).set(0)
        series.ended(seconds)
        if outcome == "suspended" or self._are_suspended:
            self._note_suspended(plugin, outcome)

    def _note_suspended(self, plugin: str, outcome: CallOutcome) -> None:
        """Show that *plugin* is suspended from its first refused call to its next real one."""
        if outcome == "suspended":
            self._are_suspended.add(plugin)
        else:
            self._are_suspended.discard(plugin)
        self._suspended.labels(plugin).set(outcome == "suspended")

    def acted(self, plugin: str, action: str) -> None:
        """Count one action."""
        self._actions.of(plugin, action).value += 1

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
