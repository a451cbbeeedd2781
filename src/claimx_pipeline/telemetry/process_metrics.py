"""Metrics of the process: its event loop, its build, what it needs of the machine."""

from __future__ import annotations

import platform
from importlib import metadata

from attrs import define, field
from prometheus_client import (
    CollectorRegistry,
    Gauge,
    GCCollector,
    Histogram,
    PlatformCollector,
    ProcessCollector,
)

from claimx_pipeline.clock import Clock

LOOP_SECONDS = 0.5
"""How often it is looked how late the event loop is."""


@define
class ProcessMetrics:
    """The process as a whole. Names without ``claimx_`` are those of every Python process."""

    registry: CollectorRegistry
    _loop_lag: Histogram = field(init=False)
    _build: Gauge = field(init=False)
    _plugins: Gauge = field(init=False)

    def __attrs_post_init__(self) -> None:
        registry = self.registry
        self._loop_lag = Histogram(
            "claimx_event_loop_lag_seconds",
            f"How much later than asked for the event loop came back, every {LOOP_SECONDS:g} s; "
            "what blocks it delays every worker of the process",
            buckets=(0.001, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10),
            registry=registry,
        )
        self._build = Gauge(
            "claimx_build_info",
            "1; its labels are the versions of claimx-pipeline and of Python",
            ["version", "python"],
            registry=registry,
        )
        self._build.labels(metadata.version("claimx-pipeline"), platform.python_version()).set(1)
        self._plugins = Gauge(
            "claimx_plugin_info",
            "1 for each plugin that is loaded; its label is the version of its distribution",
            ["plugin", "version"],
            registry=registry,
        )
        ProcessCollector(registry=registry)
        PlatformCollector(registry=registry)
        GCCollector(registry=registry)

    def plugin(self, name: str, version: str) -> None:
        """Show that a plugin is loaded."""
        self._plugins.labels(name, version).set(1)

    async def watch_loop(self, clock: Clock) -> None:
        """Look for ever how late the event loop is."""
        while True:
            began = clock.monotonic()
            await clock.sleep(LOOP_SECONDS)
            self._loop_lag.observe(max(0.0, clock.monotonic() - began - LOOP_SECONDS))
