"""``docs/reference/metrics.md``, made from the registry of a process.

``python -m tests.pages.metrics`` writes it again, and adds new names to ``metrics.txt``, the list
of names that may only grow until the next major version.
"""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path

from attrs import frozen
from prometheus_client.metrics import MetricWrapperBase

from claimx_pipeline import Pipeline
from claimx_pipeline.plugins.host.monitoring import monitoring_parts
from claimx_pipeline.telemetry.broker_metrics import EmbeddedBrokerFiles
from claimx_pipeline.telemetry.former import FormerMetrics
from claimx_pipeline.telemetry.former_names import FormerMetric
from claimx_pipeline.telemetry.health import Health
from claimx_pipeline.telemetry.metrics import Metrics
from tests.pages.titled import titled

PAGE = Path(__file__).parents[2] / "docs" / "reference" / "metrics.md"
NAMES = Path(__file__).parent / "metrics.txt"
COMMAND = "python -m tests.pages.metrics"

HEAD = """\
# Metrics

What `/metrics` of every process serves, on the port of the probes (`health.port`). This page is
made from the registry by `{command}`; a test fails when it is out of
date, and another when a name disappears: names only grow until the next major version.

- Names follow Prometheus: `claimx_`, base units, `_total` for what only grows. A *histogram* has
  `_bucket`, `_sum` and `_count`.
- Labels are bounded: `worker`, `group`, `topic`, `partition`, `table`, `plugin`, `connection`,
  `endpoint` (the path as it is declared, never the real one), and words of a short list. There are
  no ids in them.
- Topics and groups are as the broker calls them, with `broker.prefix`.
- A consumer group is looked at every `health.lag_seconds` by each process that runs its worker, and
  by the process that runs worker `retry`. So take `max by (group, topic, partition)` of it before
  you sum.
- Plugins count under `claimx_plugin_metric_<name>_total`: see `Metric` in
  [the public API](public-api.md).

[Dashboards and alerts](../how-to/operate/monitor.md) use these names, and the same test sees that
each of them exists.
"""

AREAS = (
    ("Records", "From their poll to their commit.", ("claimx_records_", "claimx_dead_letters_total",
     "claimx_batch_", "claimx_worker_members")),
    ("Lag and topics", "How far consumer groups are behind, and why; what topics hold.",
     ("claimx_consumer_", "claimx_topic_", "claimx_retry_", "claimx_dead_letters_stored",
      "claimx_lag_", "claimx_embedded_")),
    ("Workers' health", "The same as `/health/ready`.", ("claimx_worker_",)),
    ("Tables", "", ("claimx_table_", "claimx_maintenance_")),
    ("Requests", "To ClaimX, iTel and every other service.", ("claimx_request", "claimx_connection_",
     "claimx_token_", "claimx_cache_", "claimx_answer_")),
    ("Files", "", ("claimx_file", "claimx_link_")),
    ("Plugins", "", ("claimx_plugin_",)),
    ("The process", "Names without `claimx_` are those of every Python process.",
     ("claimx_event_loop_", "claimx_build_", "process_", "python_")),
    ("The predecessor's names", "Served by the iTel cabinet plugin beside the others, made of them "
     "at each scrape; `itel_cabinet.former_metrics: false` switches them off.", ("itel_",)),
)  # fmt: skip
"""Heading, what it is about, and beginnings of names; the first that fits counts."""


@frozen
class ServedMetric:
    """One metric as Prometheus sees it."""

    name: str
    kind: str
    help: str
    labels: tuple[str, ...]


def served() -> list[ServedMetric]:
    """Return every metric of a process with both distributions, whether it has values or not."""
    metrics = Metrics()
    with tempfile.TemporaryDirectory() as folder:
        pipeline = Pipeline.load(environ={}, cwd=Path(folder))
        metrics.watch(Health(pipeline.clock))
        EmbeddedBrokerFiles(None).register(metrics.registry)
        parts = monitoring_parts(pipeline.registrations)
        former = [each for each in parts if isinstance(each, FormerMetric)]
        FormerMetrics(former, metrics.registry).register()
    found = [each for collector in metrics.registry._collector_to_names for each in of(collector)]
    return sorted(found, key=lambda each: each.name)


def of(collector: object) -> Iterator[ServedMetric]:
    """Yield the metrics of one collector."""
    if isinstance(collector, MetricWrapperBase):
        yield _served(
            collector._name, collector._type, collector._documentation, collector._labelnames
        )
        return
    describe = getattr(collector, "describe", None) or collector.collect
    for family in describe():
        labels = getattr(family, "_labelnames", ())
        if not labels and family.samples:
            labels = sorted(family.samples[0].labels)
        yield _served(family.name, family.type, family.documentation, tuple(labels))


def _served(name: str, kind: str, text: str, labels: tuple[str, ...]) -> ServedMetric:
    ending = "_total" if kind == "counter" else ""
    return ServedMetric(f"{name}{ending}", kind, text, tuple(labels))


def page() -> str:
    """Return the page."""
    left, parts = served(), [HEAD.format(command=COMMAND)]
    for title, about, beginnings in AREAS:
        here = [each for each in left if each.name.startswith(beginnings)]
        left = [each for each in left if each not in here]
        parts.append("\n".join(_section(title, about, here)))
    assert not left, f"in no area of the page: {left}"
    return "\n".join(parts)


def _section(title: str, about: str, metrics: list[ServedMetric]) -> Iterator[str]:
    yield f"## {title}\n"
    if about:
        yield f"{about}\n"
    yield "| metric | kind | labels |"
    yield "|---|---|---|"
    for each in metrics:
        labels = ", ".join(f"`{label}`" for label in each.labels)
        name = titled(f"`{each.name}`", each.name, each.help.replace("|", "\\|"))
        yield f"| {name} | {each.kind} | {labels} |"
    yield ""


def known() -> list[str]:
    """Return the names that were served before, each with its labels."""
    return NAMES.read_text(encoding="utf-8").splitlines() if NAMES.exists() else []


def signatures() -> list[str]:
    """Return what is served now, as the list has it."""
    return [f"{each.name}{{{','.join(each.labels)}}}" for each in served()]


if __name__ == "__main__":
    PAGE.write_text(page(), encoding="utf-8")
    NAMES.write_text("\n".join(sorted({*known(), *signatures()})) + "\n", encoding="utf-8")
