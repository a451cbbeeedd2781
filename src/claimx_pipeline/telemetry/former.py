"""Metrics under the names of an earlier system, made of ours at each scrape."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence

from attrs import frozen
from prometheus_client import CollectorRegistry
from prometheus_client.core import CounterMetricFamily, HistogramMetricFamily, Metric

from claimx_pipeline.telemetry.former_names import CountedIn, FormerMetric


@frozen(eq=False)
class FormerMetrics:
    """Serves metrics under former names, beside ours."""

    metrics: Sequence[FormerMetric]
    registry: CollectorRegistry
    """Where ours are; and where these are served."""

    def register(self) -> None:
        """Serve them from now on."""
        if self.metrics:
            self.registry.register(self)

    def describe(self) -> Iterable[Metric]:
        """Return the metrics without values."""
        return [_family(each) for each in self.metrics]

    def collect(self) -> Iterator[Metric]:
        """Yield the metrics as of now."""
        names = {part.metric for each in self.metrics for part in each.of}
        served = names | {f"{name}_{end}" for name in names for end in ("bucket", "sum")}
        families = [*self.registry.restricted_registry(served).collect()]
        for each in self.metrics:
            family = _family(each)
            if isinstance(family, HistogramMetricFamily):
                _add_histogram(family, each, families)
            else:
                family.add_metric([], sum(_values(each, families)))
            yield family


def _family(metric: FormerMetric) -> CounterMetricFamily | HistogramMetricFamily:
    if metric.kind == "histogram":
        return HistogramMetricFamily(metric.name, metric.help)
    return CounterMetricFamily(metric.name.removesuffix("_total"), metric.help)


def _values(metric: FormerMetric, families: Iterable[Metric]) -> Iterator[float]:
    for sample in (sample for family in families for sample in family.samples):
        if any(_counts(part, sample.name, sample.labels) for part in metric.of):
            yield sample.value


def _add_histogram(
    family: HistogramMetricFamily, metric: FormerMetric, families: Iterable[Metric]
) -> None:
    buckets: defaultdict[str, float] = defaultdict(float)
    total = 0.0
    for sample in (sample for family in families for sample in family.samples):
        base, _, ending = sample.name.rpartition("_")
        if not any(_counts(part, base, sample.labels) for part in metric.of):
            continue
        if ending == "bucket":
            buckets[sample.labels["le"]] += sample.value
        elif ending == "sum":
            total += sample.value
    ordered = sorted(buckets.items(), key=lambda item: float(item[0]))
    family.add_metric([], ordered or [("+Inf", 0.0)], total)


def _counts(part: CountedIn, name: str, labels: Mapping[str, str]) -> bool:
    return part.metric == name and all(
        labels.get(label) in values for label, values in part.where.items()
    )
