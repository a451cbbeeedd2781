"""Test suites to inherit: what every stage and every plugin has to keep.

A test module derives a class, says how its subject is made, and pytest runs the suite::

    class TestGeofence(PluginContract):
        def make_plugin(self):
            return Geofence(GeofenceConfig(radius_km=5))

The methods that are to be overridden raise ``NotImplementedError``.
"""

from __future__ import annotations

import asyncio
import copy
import inspect
from collections.abc import Coroutine
from types import SimpleNamespace
from typing import Any, TypeVar

import attrs
import msgspec
from prometheus_client import CollectorRegistry

from claimx_pipeline.clock import SystemClock
from claimx_pipeline.hooks.context import EnrichmentContext
from claimx_pipeline.hooks.result import PluginResult, Publish
from claimx_pipeline.isolation import message
from claimx_pipeline.plugins.base import Plugin
from claimx_pipeline.plugins.host.results import AnswerReader, PublishRules
from claimx_pipeline.settings.tree.settings import Settings
from claimx_pipeline.stages.protocol import Item, Stage
from claimx_pipeline.telemetry.plugin_metrics import PluginMetrics
from claimx_pipeline.testing.builders import make_item
from claimx_pipeline.testing.contexts import make_context

T = TypeVar("T")

# These are tests, and tests assert.
# ruff: noqa: S101


class StageContract:
    """What a worker relies on in every stage."""

    def make_stage(self) -> Stage:
        """Return the stage, with options."""
        raise NotImplementedError("say how the stage is made")

    def good(self) -> dict[str, Any]:
        """Return data that the stage lets through, another object at each call."""
        raise NotImplementedError("give data that the stage lets through")

    def bad(self) -> dict[str, Any] | None:
        """Return data that the stage refuses; None if it takes anything."""
        return None

    def resources(self) -> Any:
        """Return what ``open`` is given; override it for a stage that needs more."""
        return SimpleNamespace(clock=SystemClock(), tables={}, stages={})

    def run(self, *items: Item) -> None:
        """Pass *items* through a stage that is opened before and closed after."""

        async def through() -> None:
            stage = self.make_stage()
            await stage.open(self.resources())
            try:
                await stage.process(items)
            finally:
                await stage.close()

        _run(through())

    def test_its_options_are_an_attrs_class(self) -> None:
        """Settings are structured into it, with file and line in every complaint."""
        assert attrs.has(self.make_stage().config_class)

    def test_a_good_record_goes_on(self) -> None:
        """No outcome means: on to the next stage."""
        item = make_item(self.good())
        self.run(item)
        assert item.outcome is None, item.outcome

    def test_an_empty_batch_is_no_mistake(self) -> None:
        """It may come while a worker stops."""
        self.run()

    def test_the_published_message_stays_as_it_was(self) -> None:
        """Dead letters and later tries are made from it."""
        item = make_item(self.good())
        before = copy.deepcopy(item.message)
        self.run(item)
        assert item.message == before

    def test_records_come_out_alike_alone_and_together(self) -> None:
        """How a broker cuts batches must not matter."""
        alone, *together = (make_item(self.good(), offset=number) for number in range(4))
        self.run(alone)
        self.run(*together)
        assert all(type(item.outcome) is type(alone.outcome) for item in together)
        assert {len(item.rows) for item in together} == {len(alone.rows)}
        assert {len(item.publish) for item in together} == {len(alone.publish)}

    def test_one_bad_record_is_its_own_failure_alone(self) -> None:
        """The records beside it go on."""
        refused = self.bad()
        if refused is None:
            return
        before, between, after = make_item(self.good()), make_item(refused), make_item(self.good())
        self.run(before, between, after)
        assert between.outcome is not None
        assert before.outcome is None
        assert after.outcome is None


class PluginContract:
    """What the enrichment worker relies on in every ``Plugin``."""

    def make_plugin(self) -> Plugin:
        """Return the plugin, with its settings."""
        raise NotImplementedError("say how the plugin is made")

    def make_context(self) -> EnrichmentContext:
        """Return what a plugin is shown of an event that it reacts to.

        It is an event of the first of its ``event_types``, with the rows that the simulated
        ClaimX brings. Override it for a plugin that reacts to certain rows only, or to events
        of another domain: ``make_context("…", tasks=[{…}])``.
        """
        return make_context(min(self.make_plugin().event_types, default=""))

    def test_it_has_a_name(self) -> None:
        """Settings, logs and dead letters call it by that."""
        assert self.make_plugin().name

    def test_its_settings_are_an_attrs_class(self) -> None:
        """Settings are structured into it, with file and line in every complaint."""
        kind = self.make_plugin().config_class
        assert kind is None or attrs.has(kind)

    def test_deciding_is_cheap_and_changes_nothing(self) -> None:
        """``should_run`` is asked for every event, in the event loop."""
        plugin, context = self.make_plugin(), self.make_context()
        before = copy.deepcopy(context)
        answers = {plugin.should_run(context) for _ in range(3)}
        assert len(answers) == 1
        assert not inspect.isawaitable(answers.pop())
        assert context == before

    def test_it_runs(self) -> None:
        """A suite in which the plugin never does anything shows nothing."""
        context = self.make_context()
        wants = self.make_plugin().should_run(context)
        assert wants, (
            f"should_run refuses the event {context.event_type} of make_context(); override "
            "make_context with one that the plugin reacts to"
        )

    def test_it_answers_with_a_result_or_none(self) -> None:
        """Anything else is a failure of the plugin."""
        assert isinstance(self.result(), PluginResult | None)

    def test_what_it_answers_can_be_carried_out(self) -> None:
        """It publishes JSON, to topics that it declares; headers, metrics and webhooks are valid.

        Declared is what ``topics()`` returns, and what workers of its own read or write.
        """
        plugin, context, result = self.make_plugin(), self.make_context(), self.result()
        if result is None:
            return
        rules = PublishRules(known_topics=_declared(plugin))
        reader = AnswerReader(rules, PluginMetrics(CollectorRegistry()))
        problem = ""
        try:
            for action in result.actions:
                if isinstance(action, Publish):
                    msgspec.json.encode(action.payload)
            reader.prepare(plugin.name, "claimx_enrichment_complete", context, result)
        except (ValueError, TypeError, AttributeError) as error:
            problem = message(error)
        assert not problem, problem

    def test_the_same_event_gets_the_same_answer_again(self) -> None:
        """Events come again after a crash; what they cause must be the same."""
        assert self.result() == self.result()

    def test_loading_and_unloading_can_be_done_again(self) -> None:
        """A worker starts and stops with its partitions."""

        async def twice() -> None:
            plugin = self.make_plugin()
            for _ in range(2):
                await plugin.on_load()
                await plugin.on_unload()

        _run(twice())

    def result(self) -> PluginResult | None:
        """Return what the plugin answers to ``make_context``."""

        async def execute() -> PluginResult | None:
            plugin = self.make_plugin()
            await plugin.on_load()
            try:
                context = self.make_context()
                if not plugin.should_run(context):
                    return None
                answer = plugin.execute(context)
                return await answer if inspect.isawaitable(answer) else answer
            finally:
                await plugin.on_unload()

        return _run(execute())


def _declared(plugin: Plugin) -> frozenset[str]:
    names = {topic.name for topic in plugin.topics()}
    offered = getattr(plugin, "claimx_register_workers", None)
    if offered is not None:
        given = {"settings": Settings(), "domains": ()}
        wanted = inspect.signature(offered).parameters
        for worker in offered(*(given[name] for name in wanted)):
            names |= {topic.name for topic in worker.topics().all()}
    return frozenset(names)


def _run(work: Coroutine[Any, Any, T]) -> T:
    with asyncio.Runner() as runner:
        return runner.run(work)
