"""What is counted, under which names, and with labels that stay few."""

import re

import pytest
from prometheus_client import CollectorRegistry

from claimx_pipeline.clock import SystemClock
from claimx_pipeline.telemetry.drift import MOST_FIELDS, AnswerDrift
from claimx_pipeline.telemetry.former import FormerMetrics
from claimx_pipeline.telemetry.former_names import CountedIn, FormerMetric
from claimx_pipeline.telemetry.health import Health
from claimx_pipeline.telemetry.metrics import Metrics
from tests.fakes.virtual_clock import VirtualClock
from tests.pages.metrics import served


@pytest.fixture
def metrics() -> Metrics:
    return Metrics()


def counted(metrics: Metrics):
    health = Health(SystemClock())
    health.expect("w")
    return metrics.worker("w", health)


@pytest.mark.parametrize("metric", served(), ids=lambda each: each.name)
def test_a_metric_keeps_to_prometheus_conventions(metric):
    assert re.fullmatch(r"(claimx|itel|process|python)_[a-z0-9_]+", metric.name)
    assert metric.name.endswith("_total") == (metric.kind == "counter")
    assert not re.search(r"_(ms|millis|minutes|kb|mb)(_|$)", metric.name), "a base unit"
    assert metric.help
    assert len(metric.labels) <= 6
    assert not {"id", "event_id", "project_id", "member", "url", "path"} & set(metric.labels)


def test_failures_are_counted_by_category_and_kind(metrics):
    worker, value = counted(metrics), metrics.registry.get_sample_value
    worker.failed("retry", "transient", 3)
    worker.failed("record", "permanent", 2)
    worker.failed("plugin", "bug", 1)
    labels = {"worker": "w", "category": "transient"}
    assert value("claimx_records_retried_total", labels) == 3
    for kind, category, count in (("record", "permanent", 2), ("plugin", "bug", 1)):
        labels = {"worker": "w", "kind": kind, "category": category}
        assert value("claimx_dead_letters_total", labels) == count


def test_published_records_are_counted_by_topic(metrics):
    worker = counted(metrics)
    worker.published(["a", "b", "a"])
    value = metrics.registry.get_sample_value
    assert value("claimx_records_published_total", {"worker": "w", "topic": "a"}) == 2
    assert value("claimx_records_published_total", {"worker": "w", "topic": "b"}) == 1


async def test_a_phase_is_timed_however_it_ends():
    clock, metrics = VirtualClock(), Metrics()
    worker = metrics.worker("w", Health(clock))
    with pytest.raises(OSError), worker.timed("write"):
        await clock.advance(2)
        raise OSError
    labels = {"worker": "w", "phase": "write"}
    found = metrics.registry.get_sample_value("claimx_batch_phase_duration_seconds_sum", labels)
    assert found == 2
    assert worker.phase_totals["write"] == 2


def test_a_table_that_was_written_has_version_conflicts_and_time(metrics):
    series, value = counted(metrics).table("t"), metrics.registry.get_sample_value
    series.committed(0.5, at=1000.0, conflicts=2, version=7)
    series.committed(0.5, at=2000.0, conflicts=0, version=None)
    with pytest.raises(OSError), series.failing(SystemClock()):
        raise OSError
    labels = {"worker": "w", "table": "t"}
    for outcome in ("committed", "unchanged", "failed"):
        assert value("claimx_table_commits_total", {**labels, "outcome": outcome}) == 1
    assert value("claimx_table_conflicts_total", labels) == 2
    assert value("claimx_table_version", {"table": "t"}) == 7
    assert value("claimx_table_last_commit_timestamp_seconds", labels) == 1000, "nothing new came"


def test_drift_tells_few_fields_apart_and_counts_all():
    registry = CollectorRegistry()
    drift = AnswerDrift(registry)
    drift.also_known.add("plugins")
    drift.look("/a/{id}", {"known": {"new": 1}, "items": [{"other": 2}], "plugins": 3}, {"known"})
    value = registry.get_sample_value
    for name in ("known.new", "items", "items.other"):
        labels = {"endpoint": "/a/{id}", "kind": "unknown", "field": name}
        assert value("claimx_answer_drift_total", labels) == 1
    assert not value("claimx_answer_drift_total", {**labels, "field": "plugins"})
    for number in range(2 * MOST_FIELDS):
        drift.unknown("/b", f"field{number}")
    drift.unknown("/b", 'odd "name"\n')
    series = [s for f in registry.collect() for s in f.samples if s.labels.get("endpoint") == "/b"]
    counts = {s.labels["field"]: s.value for s in series if s.name.endswith("_total")}
    assert len(counts) == MOST_FIELDS + 1
    assert counts["other"] == MOST_FIELDS + 1


def test_a_former_name_sums_up_what_it_is_made_of(metrics):
    worker = counted(metrics)
    worker.received(5)
    worker.batch(0.2)
    former = [
        FormerMetric(
            name="old_seen_total",
            help="seen",
            of=[CountedIn("claimx_records_received_total", {"worker": ["w", "x"]})],
        ),
        FormerMetric(
            name="old_seconds",
            help="took",
            kind="histogram",
            of=[CountedIn("claimx_batch_duration_seconds", {"worker": ["w"]})],
        ),
        FormerMetric(name="old_none_total", help="none", of=[CountedIn("claimx_files_total")]),
    ]
    FormerMetrics(former, metrics.registry).register()
    value = metrics.registry.get_sample_value
    assert value("old_seen_total") == 5
    assert value("old_none_total") == 0
    assert value("old_seconds_count") == 1
    assert value("old_seconds_sum") == pytest.approx(0.2)
    assert value("old_seconds_bucket", {"le": "0.1"}) == 0
    assert value("old_seconds_bucket", {"le": "0.25"}) == 1


def test_a_suspended_plugin_shows_until_it_is_called_again(metrics):
    plugins, value = metrics.plugins, metrics.registry.get_sample_value

    def suspended() -> float | None:
        return value("claimx_plugin_suspended", {"plugin": "p"})

    plugins.called("p", "hook", "overran", 5.0)
    assert suspended() == 0
    plugins.called("p", "hook", "suspended", 0.0)
    assert suspended() == 1
    plugins.called("p", "hook", "ok", 0.1)
    assert suspended() == 0
