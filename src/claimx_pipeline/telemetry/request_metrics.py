"""Metrics of requests to services: their answers, breakers, credentials, caches."""

from __future__ import annotations

import weakref
from collections.abc import Iterable, Iterator
from typing import Protocol

from attrs import define, field
from prometheus_client import CollectorRegistry, Counter
from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, Metric

from claimx_pipeline.telemetry.plain_series import CallSeries, PlainCounters, PlainHistograms

Gauges = GaugeMetricFamily

OTHER = "other"
"""Endpoint of a request whose path is not declared, and connection of a host that is not named."""

REQUEST_BUCKETS = (0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30, 60)
"""Seconds."""

BREAKER_STATES = ("closed", "open", "half_open")


class Watched(Protocol):
    """A connection, as far as its state is shown."""

    @property
    def breaker_state(self) -> str:
        """One of ``BREAKER_STATES``."""
        ...

    @property
    def slots(self) -> tuple[int, int]:
        """Requests under way, and how many may be."""
        ...


@define
class CacheCounts:
    """How often a cache was asked. Plain numbers, read at each scrape: counting costs nothing."""

    hits: int = 0
    """The answer was there."""
    shared: int = 0
    """Another one asked the same at that moment, and both got its answer."""
    misses: int = 0
    """The service was asked."""


@define
class RequestMetrics:
    """Requests by connection, declared path and class of status."""

    registry: CollectorRegistry
    _requests: PlainCounters = field(init=False)
    _seconds: PlainHistograms = field(init=False)
    _refused: Counter = field(init=False)
    _renewals: Counter = field(init=False)
    _series: dict[tuple[str, str, str, str], CallSeries] = field(factory=dict, init=False)
    _watched: dict[str, weakref.WeakSet[Watched]] = field(factory=dict, init=False)
    _caches: dict[str, CacheCounts] = field(factory=dict, init=False)

    def __attrs_post_init__(self) -> None:
        registry = self.registry
        self._requests = PlainCounters(
            "claimx_requests",
            "Requests sent, repetitions included, by declared path (never the real one) and class "
            "of status: 2xx to 5xx; timeout; unreached (no connection, or it was lost)",
            ["connection", "method", "endpoint", "status_class"],
            registry,
        )
        self._seconds = PlainHistograms(
            "claimx_request_duration_seconds",
            "How long one request took, to the end of its answer",
            ["connection", "endpoint"],
            REQUEST_BUCKETS,
            registry,
        )
        self._refused = Counter(
            "claimx_requests_refused",
            "Requests that were not sent since the connection's breaker is open",
            ["connection"],
            registry=registry,
        )
        self._renewals = Counter(
            "claimx_token_renewals",
            "Renewals of a connection's credential, by outcome: renewed, failed",
            ["connection", "outcome"],
            registry=registry,
        )
        registry.register(_Scraped(self._watched, self._caches))

    def sent(
        self, connection: str, method: str, endpoint: str, status_class: str, seconds: float
    ) -> None:
        """Count one request that was answered, or has failed."""
        key = (connection, method, endpoint, status_class)
        series = self._series.get(key)
        if series is None:
            counts, times = self._requests.of(*key), self._seconds.of(connection, endpoint)
            series = self._series[key] = CallSeries(counts, times)
        series.ended(seconds)

    def refused(self, connection: str) -> None:
        """Count one request that the breaker did not let through."""
        self._refused.labels(connection).inc()

    def renewed(self, connection: str, *, ok: bool) -> None:
        """Count one renewal of a credential."""
        self._renewals.labels(connection, "renewed" if ok else "failed").inc()

    def watch(self, name: str, connection: Watched) -> None:
        """Show the state of *connection* under *name* for as long as it is used."""
        self._watched.setdefault(name, weakref.WeakSet()).add(connection)

    def cache(self, name: str) -> CacheCounts:
        """Return what the caches called *name* count in."""
        return self._caches.setdefault(name, CacheCounts())


@define(eq=False)
class _Scraped:
    """What is read when it is asked for."""

    _watched: dict[str, weakref.WeakSet[Watched]]
    _caches: dict[str, CacheCounts]

    def describe(self) -> Iterable[Metric]:
        """Return the metrics without values."""
        return self._families()

    def collect(self) -> Iterator[Metric]:
        """Yield the metrics as of now."""
        state, used, limit, asked = self._families()
        for name, connections in tuple(self._watched.items()):
            going = [each for each in tuple(connections) if each is not None]
            if not going:
                continue
            states = [each.breaker_state for each in going]
            for one in BREAKER_STATES:
                state.add_metric([name, one], float(one in states))
            slots = [each.slots for each in going]
            used.add_metric([name], sum(busy for busy, _ in slots))
            limit.add_metric([name], sum(most for _, most in slots))
        for name, counts in tuple(self._caches.items()):
            for outcome in ("hits", "shared", "misses"):
                word = {"hits": "hit", "misses": "miss"}.get(outcome, outcome)
                asked.add_metric([name, word], getattr(counts, outcome))
        yield from (state, used, limit, asked)

    def _families(self) -> tuple[Gauges, Gauges, Gauges, CounterMetricFamily]:
        return (
            GaugeMetricFamily(
                "claimx_connection_breaker_state",
                "1 for the state that the connection's breaker is in: closed, open, half_open",
                labels=["connection", "state"],
            ),
            GaugeMetricFamily(
                "claimx_connection_requests_in_use",
                "Requests of the connection under way",
                labels=["connection"],
            ),
            GaugeMetricFamily(
                "claimx_connection_requests_limit",
                "Requests of the connection that may be under way at a time (max_concurrent)",
                labels=["connection"],
            ),
            CounterMetricFamily(
                "claimx_cache_requests",
                "Answers asked of a cache, by outcome: hit, shared (with one who asks the same at "
                "that moment), miss",
                labels=["cache", "outcome"],
            ),
        )
