"""R11: what a plugin costs per event: when nothing matches, and with one message published.

And what all the moments cost together when nobody listens, per event.

Absolute figures: microseconds per event through the dispatcher, against the same trigger
called directly. A hook that matches pays for a thread of its own and a copy of the rows.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Awaitable, Callable
from datetime import UTC, datetime

import pluggy
from harness import Conditions, Result
from prometheus_client import CollectorRegistry

from claimx_pipeline import (
    EnrichmentContext,
    EntityRows,
    Event,
    SystemClock,
    TaskTriggerPlugin,
    hookspecs,
)
from claimx_pipeline.hooks.markers import PROJECT
from claimx_pipeline.plugins.host.dispatch import MOMENTS, Dispatcher
from claimx_pipeline.plugins.host.loading import PluginSet
from claimx_pipeline.plugins.host.results import PublishRules
from claimx_pipeline.telemetry.plugin_metrics import PluginMetrics

TRIGGERS = {"triggers": {4001: {"on_any": {"publish_to_topic": "bench"}}}}
COLUMNS = 25
"""About as many as a task row has."""

Way = Callable[[], Awaitable[object]]


def context(task_id: int) -> EnrichmentContext:
    """Return a task event of template *task_id*."""
    event = Event("e", "CUSTOM_TASK_ASSIGNED", "1", datetime(2026, 1, 1, tzinfo=UTC))
    row = {f"column_{number}": f"value {number}" for number in range(COLUMNS)}
    task = {**row, "task_id": task_id, "assignment_id": 7, "status": "ASSIGNED"}
    return EnrichmentContext(event, EntityRows(projects=[dict(row)], tasks=[task]))


async def seconds_per_event(
    call: Way, events: int, clock: Callable[[], float] = time.perf_counter
) -> float:
    """Return how long one call takes."""
    began = clock()
    for _ in range(events):
        await call()
    return (clock() - began) / events


async def bench(run: Conditions) -> list[Result]:
    """Measure."""
    return await measure(rounds=run.rounds, events=run.of(5_000, 50_000))


async def measure(*, rounds: int, events: int) -> list[Result]:
    """Measure on *events* events that match nothing, and a tenth of that which do."""
    plugin = TaskTriggerPlugin.from_settings(TRIGGERS, "bench")
    manager = pluggy.PluginManager(PROJECT)
    manager.add_hookspecs(hookspecs)
    manager.register(plugin, name=plugin.name)
    dispatcher = Dispatcher.of(
        PluginSet(manager),
        rules=PublishRules(),
        clock=SystemClock(),
        metrics=PluginMetrics(CollectorRegistry()),
    )
    results = []
    for what, task_id, most, count in (
        ("plugin hook, nothing matches; microseconds per event", 4002, 3.0, events),
        ("plugin hook, one publish; microseconds per event", 4001, 300.0, events // 10),
    ):
        given = context(task_id)
        result = Result("R11", what, f"<= {most:g}", "events/s")

        async def direct(given: EnrichmentContext = given) -> object:
            return plugin.claimx_enrichment_complete(given)

        async def dispatched(given: EnrichmentContext = given) -> object:
            return await dispatcher.enrichment_complete(given)

        for number in range(rounds + 1):
            bare = await seconds_per_event(direct, count)
            ours = await seconds_per_event(dispatched, count)
            if number:
                result.ratios.append(ours * 1e6)
                result.product.append(1 / ours)
                result.bare.append(1 / bare)
        result.met = statistics.median(result.ratios) <= most
        print(result.line(), flush=True)
        results.append(result)
    dispatcher.close()
    results.append(await nobody_listens(rounds=rounds, events=events))
    return results


async def nobody_listens(*, rounds: int, events: int) -> Result:
    """Measure all moments of an event, none of which any plugin listens to."""
    manager = pluggy.PluginManager(PROJECT)
    manager.add_hookspecs(hookspecs)
    dispatcher = Dispatcher.of(
        PluginSet(manager),
        rules=PublishRules(),
        clock=SystemClock(),
        metrics=PluginMetrics(CollectorRegistry()),
    )
    given = context(4002)
    result = Result(
        "R11", "all moments, nobody listens; microseconds per event", "<= 3", "events/s"
    )

    async def bare() -> object:
        return None

    async def moments() -> object:
        # As the workers ask: before the API, when it has answered, for each row, and, though
        # these are asked once per batch, for dead letters and rows that are committed.
        if dispatcher.listens(MOMENTS[0]):
            await dispatcher.ask(MOMENTS[0], given)
        dispatched = await dispatcher.enrichment_complete(given)
        for moment in MOMENTS[1:]:
            if dispatcher.listens(moment):
                await dispatcher.ask(moment, given)
        return dispatched

    for number in range(rounds + 1):
        # Of the processor: so little time is lost among other programs otherwise.
        nothing = await seconds_per_event(bare, events, time.thread_time)
        ours = await seconds_per_event(moments, events, time.thread_time)
        if number:
            result.ratios.append((ours - nothing) * 1e6)
            result.product.append(1 / ours)
            result.bare.append(1 / nothing)
    result.met = statistics.median(result.ratios) <= 3.0  # noqa: PLR2004 - microseconds
    print(result.line(), flush=True)
    dispatcher.close()
    return result
