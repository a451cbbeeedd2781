"""What the enrichment makes of its plugins' work: the first time, and when one comes back alone."""

import types
from datetime import UTC, datetime

import msgspec
import pluggy
import pytest
from attrs import define
from prometheus_client import CollectorRegistry

from claimx_pipeline import (
    Done,
    EntityRows,
    Event,
    Handled,
    PluginResult,
    Settings,
    SystemClock,
    hookimpl,
)
from claimx_pipeline import hookspecs as specs
from claimx_pipeline.broker.sqlite.log import StoredRecord
from claimx_pipeline.claimx.domain import CLAIMX
from claimx_pipeline.plugins.host.dispatch import Dispatcher
from claimx_pipeline.plugins.host.loading import PluginSet
from claimx_pipeline.plugins.host.results import PublishRules
from claimx_pipeline.telemetry.plugin_metrics import PluginMetrics
from claimx_pipeline.workers.enrichment import Enriched, EnrichmentProcessor

AT = datetime(2026, 1, 12, tzinfo=UTC)


@define
class Some:
    """The two plugins of these tests; ``seen`` is what they were told."""

    processor: EnrichmentProcessor
    seen: list

    async def outcome(self, *headers: tuple[str, bytes]) -> Done:
        event = Event("e1", "PROJECT_CREATED", "7", AT)
        record = StoredRecord("claimx.enrichment.pending", 0, 0, b"7", b"", headers, 0)
        rows = EntityRows(projects=[{"project_id": "7", "city": "Bonn"}])
        found = Enriched(Handled(rows, api_calls=2), "project", AT, AT)
        return await self.processor._finish(record, event, found)


@pytest.fixture
def some() -> Some:
    seen = []

    async def changing(context):
        seen.append(("changing", context))
        context.project["city"] = "Köln"

    async def telling(context):
        seen.append(("telling", context))
        return PluginResult.publish("x", context.project["city"])

    manager = pluggy.PluginManager(specs.PROJECT)
    manager.add_hookspecs(specs)
    for function in (changing, telling):
        name, function.__name__ = function.__name__, "claimx_enrichment_complete"
        plugin = types.SimpleNamespace(claimx_enrichment_complete=hookimpl(function))
        manager.register(plugin, name=name)
    dispatcher = Dispatcher.of(
        PluginSet(manager),
        rules=PublishRules(),
        clock=SystemClock(),
        metrics=PluginMetrics(CollectorRegistry()),
    )
    resources = types.SimpleNamespace(
        dispatcher=dispatcher, clock=SystemClock(), handlers={"claimx": ()}, settings=Settings()
    )
    return Some(EnrichmentProcessor(CLAIMX, resources), seen)


async def test_plugins_see_what_the_api_was_asked_and_what_plugins_before_them_changed(some):
    rows, told = (await some.outcome(("claimx-attempts", b"2"), ("claimx-hops", b"3"))).publish
    assert msgspec.json.decode(rows.value)["rows"]["projects"][0]["city"] == "Köln"
    assert msgspec.json.decode(told.value) == "Köln"
    (_, context), _ = some.seen
    assert (context.handler, context.api_calls, context.attempt) == ("project", 2, 3)
    assert (context.hops, dict(told.headers)["claimx-hops"]) == (3, b"4")
    assert [kind for kind, _ in context.entities.items()] == list(EntityRows.kinds())


async def test_an_event_that_comes_back_for_a_plugin_is_that_plugins_alone(some):
    (told,) = (await some.outcome(("claimx-plugin", b"telling"))).publish
    assert msgspec.json.decode(told.value) == "Bonn"
    assert [name for name, _ in some.seen] == ["telling"]


async def test_rows_that_a_plugin_changes_when_it_comes_back_are_merged_again(some):
    (rows,) = (await some.outcome(("claimx-plugin", b"changing"))).publish
    assert rows.topic == "claimx.entities.rows"
    assert msgspec.json.decode(rows.value)["rows"]["projects"][0]["city"] == "Köln"
    assert [name for name, _ in some.seen] == ["changing"]
