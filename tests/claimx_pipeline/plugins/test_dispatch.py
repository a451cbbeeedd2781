"""Who is called for an event, in which order, and what becomes of the answers."""

import types
from datetime import UTC, datetime

import msgspec
import pluggy
import pytest
from prometheus_client import CollectorRegistry

from claimx_pipeline import (
    EnrichmentContext,
    EntityRows,
    Event,
    PluginResult,
    SystemClock,
    hookimpl,
    hookspecs,
)
from claimx_pipeline.plugins.answers import PublishRules
from claimx_pipeline.plugins.dispatch import Dispatcher
from claimx_pipeline.plugins.loading import PluginInfo, PluginSet
from claimx_pipeline.telemetry.plugin_metrics import PluginMetrics


def plugin(function):
    """Return a module-like plugin with one implementation."""
    function.__name__ = "claimx_enrichment_complete"
    return types.SimpleNamespace(claimx_enrichment_complete=hookimpl(function))


def dispatcher(**plugins) -> Dispatcher:
    """Make a dispatcher of plugins given as (priority, implementation)."""
    manager = pluggy.PluginManager(hookspecs.PROJECT)
    manager.add_hookspecs(hookspecs)
    loaded = PluginSet(manager)
    for name, (priority, function) in plugins.items():
        manager.register(plugin(function), name=name)
        loaded.infos[name] = PluginInfo(name, "here", "loaded", priority)
    rules = PublishRules(core_topics={"claimx.entities.rows"})
    metrics = PluginMetrics(CollectorRegistry())
    return Dispatcher.of(loaded, rules=rules, clock=SystemClock(), metrics=metrics)


@pytest.fixture
def context() -> EnrichmentContext:
    event = Event("e1", "PROJECT_CREATED", "1", datetime(2026, 1, 12, tzinfo=UTC))
    return EnrichmentContext(event, EntityRows(projects=[{"project_id": "1"}]))


async def test_lower_priority_first_then_by_name(context):
    order = []

    def noting(name):
        def implementation(context):
            order.append(name)

        return implementation

    await dispatcher(
        c=(50, noting("c")), b=(100, noting("b")), a=(100, noting("a")), z=(1, noting("z"))
    ).enrichment_complete(context)
    assert order == ["z", "c", "a", "b"]


async def test_sync_and_async_implementations_are_both_awaited(context):
    async def slow(context):
        return PluginResult.publish("x", {"n": 1})

    def quick(context):
        return PluginResult.publish("y", {"n": 2})

    done = await dispatcher(a=(1, slow), b=(2, quick)).enrichment_complete(context)
    assert [record.topic for record in done.publish] == ["x", "y"]


async def test_an_implementation_may_take_no_argument(context):
    done = await dispatcher(a=(1, lambda: None)).enrichment_complete(context)
    assert done.publish == []


async def test_a_published_message_carries_key_headers_and_a_stable_id(context):
    def publish(context):
        context.headers["shared"] = "1"
        return PluginResult.publish("x", {"at": context.event.ingested_at}, headers={"h": "v"})

    records = [
        (await dispatcher(a=(1, publish)).enrichment_complete(context)).publish[0] for _ in range(2)
    ]
    assert records[0] == records[1], "the same cause gives the same message"
    assert records[0].key == b"e1"
    assert dict(records[0].headers).keys() == {"shared", "h", "claimx-id", "claimx-hops"}
    assert msgspec.json.decode(records[0].value) == {"at": "2026-01-12T00:00:00Z"}


async def test_two_actions_of_one_plugin_have_two_ids(context):
    def twice(context):
        return PluginResult.publish("x", 1).and_then(PluginResult.publish("x", 1))

    first, second = (await dispatcher(a=(1, twice)).enrichment_complete(context)).publish
    assert dict(first.headers)["claimx-id"] != dict(second.headers)["claimx-id"]


async def test_filtering_stops_later_plugins_and_keeps_earlier_actions(context):
    done = await dispatcher(
        a=(1, lambda context: PluginResult.publish("x", 1)),
        b=(2, lambda context: PluginResult.filter_out("not ours")),
        c=(3, lambda context: PluginResult.publish("never", 1)),
    ).enrichment_complete(context)
    assert [record.topic for record in done.publish] == ["x"]
    assert done.filtered == "not ours"


async def test_a_plugin_that_raises_is_named(context):
    def broken(context):
        raise ValueError("oops")

    after = (2, lambda context: PluginResult.publish("x", 1))
    done = await dispatcher(bad=(1, broken), good=after).enrichment_complete(context)
    ((name, error),) = done.failed
    assert name == "bad"
    assert "plugin 'bad' failed" in str(error)
    assert "ValueError: oops" in str(error)
    assert len(done.publish) == 1, "the others are asked all the same"


async def test_an_answer_of_the_wrong_type_is_named(context):
    done = await dispatcher(bad=(1, lambda context: "done")).enrichment_complete(context)
    assert "it returned str, not PluginResult" in str(done.failed[0][1])


async def test_topics_of_the_core_are_refused(context):
    both = PluginResult.publish("mine", 1).and_then(PluginResult.publish("claimx.entities.rows", 1))
    done = await dispatcher(bad=(1, lambda context: both)).enrichment_complete(context)
    assert "belongs to the pipeline" in str(done.failed[0][1])
    assert done.publish == [], "an answer is carried out whole or not at all"


async def test_log_lines_come_from_the_plugins_own_logger(context, caplog):
    with caplog.at_level("INFO"):
        await dispatcher(
            a=(1, lambda context: PluginResult.log("warning", "look here"))
        ).enrichment_complete(context)
    assert [(r.name, r.levelname, r.message) for r in caplog.records] == [
        ("claimx_pipeline.plugin.a", "WARNING", "look here")
    ]


async def test_rows_can_be_changed_in_place(context):
    def change(context):
        context.project["city"] = "Testville"

    await dispatcher(a=(1, change)).enrichment_complete(context)
    assert context.entities.projects[0]["city"] == "Testville"


async def test_one_plugin_can_be_asked_alone(context):
    done = await dispatcher(
        a=(1, lambda context: PluginResult.publish("x", 1)),
        b=(2, lambda context: PluginResult.publish("y", 1)),
    ).enrichment_complete(context, only="b")
    assert [record.topic for record in done.publish] == ["y"]
