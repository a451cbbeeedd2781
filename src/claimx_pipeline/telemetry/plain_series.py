"""Series that are counted for every single event: plain numbers, read at each scrape.

prometheus_client takes a lock and a search of its buckets for each observation, about a
microsecond; these take a tenth of it. They belong to the event loop's thread, the only one that
counts; a scrape reads numbers that may be one event old.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterable, Iterator, Sequence

from attrs import define, field, frozen
from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily, Metric


@define
class PlainCounter:
    """One series of a counter; add to ``value``."""

    value: float = 0.0


@define
class PlainHistogram:
    """One series of a histogram."""

    _bounds: Sequence[float]
    _counts: list[int] = field(init=False)
    """By bucket, the last one for what is above every bound."""
    _sum: float = field(default=0.0, init=False)

    def __attrs_post_init__(self) -> None:
        self._counts = [0] * (len(self._bounds) + 1)

    def observe(self, value: float) -> None:
        """Count one value."""
        self._counts[bisect_left(self._bounds, value)] += 1
        self._sum += value

    def cumulative(self) -> tuple[list[tuple[str, float]], float]:
        """Return bounds with the number of values up to each, and the sum of all."""
        buckets: list[tuple[str, float]] = []
        total = 0
        for bound, count in zip((*self._bounds, float("inf")), self._counts, strict=True):
            total += count
            buckets.append(("+Inf" if bound == float("inf") else str(float(bound)), total))
        return buckets, self._sum


@define(eq=False)
class PlainCounters:
    """A counter with labels."""

    name: str
    """Without ``_total``."""
    help: str
    labels: Sequence[str]
    registry: CollectorRegistry
    _series: dict[tuple[str, ...], PlainCounter] = field(factory=dict, init=False)

    def __attrs_post_init__(self) -> None:
        self.registry.register(self)

    def of(self, *values: str) -> PlainCounter:
        """Return the series of these labels; keep it where it is used often."""
        return self._series.setdefault(values, PlainCounter())

    def describe(self) -> Iterable[Metric]:
        """Return the metric without values."""
        return (CounterMetricFamily(self.name, self.help, labels=self.labels),)

    def collect(self) -> Iterator[Metric]:
        """Yield the metric as of now."""
        family = CounterMetricFamily(self.name, self.help, labels=self.labels)
        for values, series in tuple(self._series.items()):
            family.add_metric(values, series.value)
        yield family


@define(eq=False)
class PlainHistograms:
    """A histogram with labels."""

    name: str
    help: str
    labels: Sequence[str]
    buckets: Sequence[float]
    registry: CollectorRegistry
    _series: dict[tuple[str, ...], PlainHistogram] = field(factory=dict, init=False)

    def __attrs_post_init__(self) -> None:
        self.registry.register(self)

    def of(self, *values: str) -> PlainHistogram:
        """Return the series of these labels; keep it where it is used often."""
        found = self._series.get(values)
        if found is None:
            found = self._series[values] = PlainHistogram(self.buckets)
        return found

    def describe(self) -> Iterable[Metric]:
        """Return the metric without values."""
        return (HistogramMetricFamily(self.name, self.help, labels=self.labels),)

    def collect(self) -> Iterator[Metric]:
        """Yield the metric as of now."""
        family = HistogramMetricFamily(self.name, self.help, labels=self.labels)
        for values, series in tuple(self._series.items()):
            buckets, total = series.cumulative()
            family.add_metric(values, buckets, total)
        yield family


@frozen
class CallSeries:
    """What calls of one kind, with one outcome, are counted in."""

    count: PlainCounter
    seconds: PlainHistogram

    def ended(self, seconds: float) -> None:
        """Count one call."""
        self.count.value += 1
        self.seconds.observe(seconds)
