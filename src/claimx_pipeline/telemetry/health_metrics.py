"""The state of each worker as metrics, read from its health at each scrape."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from attrs import frozen
from prometheus_client import CollectorRegistry
from prometheus_client.core import GaugeMetricFamily, Metric

from claimx_pipeline.telemetry.health import STATES, Health


@frozen(eq=False)
class HealthMetrics:
    """Shows ``Health`` to Prometheus."""

    _health: Health

    def register(self, registry: CollectorRegistry) -> None:
        """Let *registry* ask."""
        registry.register(self)

    def describe(self) -> Iterable[Metric]:
        """Return the metrics without values."""
        return _families()

    def collect(self) -> Iterator[Metric]:
        """Yield the metrics as of now."""
        state, waiting, beat = _families()
        for name, report in self._health.reports().items():
            for each in STATES:
                state.add_metric([name, each], float(report.state == each))
            for reason in report.reasons:
                waiting.add_metric([name, reason.what], 1)
        for name, age in self._health.beats().items():
            beat.add_metric([name], age)
        yield from (state, waiting, beat)


def _families() -> tuple[GaugeMetricFamily, GaugeMetricFamily, GaugeMetricFamily]:
    return (
        GaugeMetricFamily(
            "claimx_worker_state",
            f"1 for the state that the worker is in: {', '.join(STATES)}",
            labels=["worker", "state"],
        ),
        GaugeMetricFamily(
            "claimx_worker_reason",
            "1 for each thing that the worker waits for or that degrades it; its text is in the "
            "answer to /health/ready",
            labels=["worker", "what"],
        ),
        GaugeMetricFamily(
            "claimx_worker_beat_age_seconds",
            "Seconds since the worker's loop last went round; it does so twice a second",
            labels=["worker"],
        ),
    )
