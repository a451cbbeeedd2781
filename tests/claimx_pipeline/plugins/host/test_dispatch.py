"""Who is called for an event, in which order, and what becomes of the answers."""

import asyncio
import threading
import traceback
import types
from datetime import UTC, datetime

import msgspec
import pluggy
import pytest
from prometheus_client import CollectorRegistry, generate_latest

from claimx_pipeline import (
    EnrichmentContext,
    EntityRows,
    Event,
    PluginResult,
    SystemClock,
    hookimpl,
    hookspecs,
)
from claimx_pipeline.plugins.host.dispatch import Dispatcher
from claimx_pipeline.plugins.host.info import PluginInfo
from claimx_pipeline.plugins.host.loading import PluginSet
from claimx_pipeline.plugins.host.results import PublishRules
from claimx_pipeline.telemetry.plugin_metrics import PluginMetrics
from tests.fakes.virtual_clock import VirtualClock


def plugin(function):
    """Return a module-like plugin with one implementation."""
    function.__name__ = "claimx_enrichment_complete"
    return types.SimpleNamespace(claimx_enrichment_complete=hookimpl(function))


def dispatcher(timeout_seconds=5.0, clock=None, **plugins) -> Dispatcher:
    """Make a dispatcher of plugins given as (priority, implementation)."""
    manager = pluggy.PluginManager(hookspecs.PROJECT)
    manager.add_hookspecs(hookspecs)
    loaded = PluginSet(manager)
    for name, (priority, function) in plugins.items():
        manager.register(plugin(function), name=name)
        loaded.infos[name] = PluginInfo(
            name, "here", "loaded", priority, timeout_seconds=timeout_seconds
        )
    rules = PublishRules(core_topics={"claimx.entities.rows"})
    metrics = PluginMetrics(CollectorRegistry())
    return Dispatcher.of(loaded, rules=rules, clock=clock or SystemClock(), metrics=metrics)


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


async def test_an_added_header_is_on_all_that_follows(context):
    first = PluginResult.publish("x", 1).and_then(PluginResult.add_header("h", "1"))
    done = await dispatcher(
        a=(1, lambda context: first.and_then(PluginResult.publish("y", 1))),
        b=(2, lambda context: PluginResult.publish("z", 1)),
    ).enrichment_complete(context)
    told = {record.topic: dict(record.headers).get("h") for record in done.publish}
    assert told == {"x": None, "y": b"1", "z": b"1"}


@pytest.mark.parametrize(
    ("result", "told"),
    [
        (PluginResult.add_header("Claimx-Group", "x"), "the pipeline's own"),
        (PluginResult.publish("x", 1, headers={"claimx-id": "x"}), "the pipeline's own"),
        (PluginResult.publish("x", 1, headers={"n": 1}), "must be a text"),
        (PluginResult.log("loud", "x"), "not a valid log level"),
        (PluginResult.metric("a b"), "must be named"),
        (PluginResult.metric("x_total"), "must be named"),
        (PluginResult.metric("x", -1), "can only grow"),
        (PluginResult.metric("x", 1, {"plugin": "y"}), "cannot have a label"),
        (PluginResult.webhook(), "either a url or a connection"),
        (PluginResult.webhook("http://x", connection="y"), "either a url or a connection"),
        (PluginResult.webhook("ftp://x"), "must start with http"),
        (PluginResult.webhook("http://x", method="STEAL"), "not a valid method"),
        (PluginResult.webhook("http://x", timeout=0), "must be above 0"),
        (PluginResult(actions=("publish",)), "str is not an action"),
    ],
)
async def test_what_cannot_be_carried_out_is_the_plugins_failure(context, result, told):
    answered = PluginResult.publish("fine", 1).and_then(result)
    done = await dispatcher(bad=(1, lambda context: answered)).enrichment_complete(context)
    assert told in str(done.failed[0][1])
    assert done.publish == []
    assert context.headers == {}


async def test_what_holds_itself_cannot_be_published(context):
    ring: list = []
    ring.append(ring)
    done = await dispatcher(a=(1, lambda context: PluginResult.publish("x", ring))).ask(
        "claimx_enrichment_complete", context
    )
    assert "cannot be written as JSON" in str(done.failed[0][1])


async def test_a_circle_of_messages_ends_after_eight(context):
    asked = dispatcher(a=(1, lambda context: PluginResult.publish("x", 1)))
    for hops in range(9):
        context.hops = hops
        done = await asked.enrichment_complete(context)
        if hops < 8:
            assert dict(done.publish[0].headers)["claimx-hops"] == str(hops + 1).encode()
    assert done.publish == []
    assert "round in a circle" in str(done.failed[0][1])


async def test_sync_code_runs_in_a_thread_of_its_plugin_and_async_code_on_the_loop(context):
    threads = {}

    def sync_one(context):
        threads.setdefault("sync", []).append(threading.current_thread().name)

    async def async_one(context):
        threads.setdefault("async", []).append(threading.current_thread().name)

    asked = dispatcher(a=(1, sync_one), b=(2, async_one))
    await asked.enrichment_complete(context)
    await asked.enrichment_complete(context)
    asked.close()
    here = threading.current_thread().name
    assert threads == {"sync": ["plugin-a"] * 2, "async": [here] * 2}


async def test_events_of_several_members_reach_a_plugin_one_at_a_time(context):
    under_way, most = 0, 0

    async def working(context):
        nonlocal under_way, most
        under_way += 1
        most = max(most, under_way)
        await asyncio.sleep(0)
        under_way -= 1

    asked = dispatcher(a=(1, working))
    await asyncio.gather(*(asked.enrichment_complete(context) for _ in range(5)))
    assert most == 1


async def test_a_plugin_is_suspended_while_it_hangs_and_asked_again_afterwards(context):
    let_go, calls = threading.Event(), []

    def hanging(context):
        calls.append(context)
        let_go.wait(30)
        context.entities.projects.clear()
        return PluginResult.publish("x", 1)

    asked = dispatcher(timeout_seconds=0.5, a=(1, hanging))
    first = await asked.enrichment_complete(context)
    second = await asked.enrichment_complete(context)
    assert "longer than its limit of 0.5 s" in str(first.failed[0][1])
    assert "suspended" in str(second.failed[0][1])
    assert len(calls) == 1
    let_go.set()
    async with asyncio.timeout(30):
        while not (done := await asked.enrichment_complete(context)).publish:
            await asyncio.sleep(0.01)
    assert context.entities.projects == []
    assert len(calls) == 2, "the late answer was dropped"
    assert done.failed == []
    asked.close()


async def test_a_plugin_that_overruns_again_and_again_is_left_alone_for_a_while(context):
    clock, calls = VirtualClock(), []

    async def slow(context):
        calls.append(1)
        await asyncio.Event().wait()

    asked = dispatcher(clock=clock, timeout_seconds=0.02, a=(1, slow))
    for _ in range(10):
        done = await asked.enrichment_complete(context)
        assert len(done.failed) == 1
        await asyncio.sleep(0)
    assert len(calls) == 3
    assert "3 calls in a row" in str(done.failed[0][1])
    await clock.advance(61)
    await asked.enrichment_complete(context)
    assert len(calls) == 4


async def test_a_plugin_that_ignores_being_cancelled_is_suspended_as_well(context):
    let_go, calls = asyncio.Event(), []

    async def stubborn(context):
        calls.append(1)
        while not let_go.is_set():
            try:
                await let_go.wait()
            except asyncio.CancelledError:
                continue

    asked = dispatcher(timeout_seconds=0.02, a=(1, stubborn))
    await asked.enrichment_complete(context)
    await asyncio.sleep(0)
    done = await asked.enrichment_complete(context)
    assert "suspended" in str(done.failed[0][1])
    assert len(calls) == 1
    let_go.set()


async def test_what_a_failing_plugin_changed_is_undone(context):
    async def spoiling(context):
        context.project["city"] = "Nowhere"
        context.entities.tasks.append({"task_id": 1})
        context.headers["x"] = "y"
        raise KeyError("x")

    await dispatcher(a=(1, spoiling)).enrichment_complete(context)
    assert context.entities == EntityRows(projects=[{"project_id": "1"}])
    assert context.headers == {}


@pytest.mark.incident("PLG-01")
@pytest.mark.parametrize("how", ["sync", "async"])
async def test_an_error_shows_the_plugins_own_line_first(context, how):
    async def async_step(context):
        return context.nothing

    def sync_step(context):
        return context.nothing

    step = {"sync": sync_step, "async": async_step}[how]
    done = await dispatcher(bad=(1, step)).enrichment_complete(context)
    frames = traceback.extract_tb(done.failed[0][1].__cause__.__traceback__)
    assert [frame.name for frame in frames[:1]] == [f"{how}_step"]
    assert frames[0].filename == __file__


async def test_calls_seconds_failures_and_actions_are_counted(context):
    asked = dispatcher(
        good=(1, lambda context: PluginResult.publish("x", 1)), bad=(2, lambda context: 1 / 0)
    )
    await asked.enrichment_complete(context)
    text = generate_latest(asked.answers.metrics.registry).decode()
    hook = 'hook="claimx_enrichment_complete"'
    assert f'claimx_plugin_calls_total{{{hook},outcome="ok",plugin="good"}} 1.0' in text
    assert f'claimx_plugin_calls_total{{{hook},outcome="failed",plugin="bad"}} 1.0' in text
    assert f'claimx_plugin_call_duration_seconds_count{{{hook},plugin="bad"}} 1.0' in text
    assert 'claimx_plugin_actions_total{action="publish",plugin="good"} 1.0' in text


async def test_a_metric_with_ids_in_it_does_not_fill_the_memory(context):
    numbers = iter(range(1000))
    asked = dispatcher(
        a=(1, lambda context: PluginResult.metric("seen", labels={"id": str(next(numbers))}))
    )
    for _ in range(300):
        await asked.enrichment_complete(context)
    text = generate_latest(asked.answers.metrics.registry).decode()
    series = [line for line in text.splitlines() if line.startswith("claimx_plugin_metric_seen_t")]
    assert len(series) <= 201
    assert next(line for line in series if 'id="other"' in line).endswith("100.0")


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
