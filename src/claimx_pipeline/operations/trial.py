"""One plugin, called about one event as a worker calls it; nothing of its answer is done."""

from __future__ import annotations

import asyncio
import inspect
from typing import TYPE_CHECKING, Any, NoReturn

from attrs import frozen
from prometheus_client import CollectorRegistry

from claimx_pipeline.errors import HookFailedError
from claimx_pipeline.hooks.context import EnrichmentContext
from claimx_pipeline.hooks.result import PluginResult
from claimx_pipeline.isolation import message
from claimx_pipeline.plugins.host.calling import Listener
from claimx_pipeline.plugins.host.dispatch import ENRICHMENT_COMPLETE, Dispatcher
from claimx_pipeline.plugins.host.hands import Lent
from claimx_pipeline.plugins.host.results import PublishRules
from claimx_pipeline.runtime.worker import WorkerSpec
from claimx_pipeline.settings.tree.settings import Settings
from claimx_pipeline.telemetry.plugin_metrics import PluginMetrics

if TYPE_CHECKING:
    from claimx_pipeline.pipeline import Pipeline

STARTING, STOPPING = "claimx_worker_starting", "claimx_worker_stopping"


class _NoConnections:
    """Connections of a trial: a request may change something, and a trial does not."""

    def get(self, name: str) -> NoReturn:
        """Refuse connection *name*.

        Raises:
            LookupError: Always.
        """
        raise LookupError(
            f"context.connection({name!r}): nothing is sent by a trial; try it in a sandbox"
        )


@frozen
class PluginTrial:
    """Calls the plugin as the host does, with a host of its own."""

    plugin: str
    worker: WorkerSpec
    settings: Settings
    _host: Dispatcher

    @classmethod
    def of(cls, pipeline: Pipeline, plugin: str, domain: str) -> PluginTrial:
        """Return the trial of *plugin* in the worker that enriches events of *domain*."""
        rules = PublishRules(
            core_topics=pipeline.core_topics(),
            known_topics=frozenset(pipeline.topology.topics),
            most_bytes=pipeline.settings.broker.largest_record,
        )
        metrics = PluginMetrics(CollectorRegistry())
        lent = Lent(
            _NoConnections(),
            lambda: pipeline.table_store,
            pipeline.clock,
            pipeline.settings.plugins,
        )
        host = Dispatcher.of(
            pipeline.plugins, rules=rules, clock=pipeline.clock, metrics=metrics, lent=lent
        )
        worker = pipeline.workers[pipeline.domains[domain].worker_name("enrichment")]
        return cls(plugin, worker, pipeline.settings, host)

    async def run(self, context: EnrichmentContext) -> tuple[PluginResult | None, str]:
        """Return the answer, and why a worker would count it as a failure, empty if it would not.

        Raises:
            HookFailedError: The plugin cannot be loaded: no worker would start.
        """
        started = [each for each in self._host.listeners[STARTING] if each.plugin == self.plugin]
        try:
            for listener in started:
                await _await(listener, worker=self.worker, settings=self.settings)
            return await self._asked(context)
        finally:
            for listener in self._host.listeners[STOPPING]:
                if listener.plugin == self.plugin:
                    await _await(listener, worker=self.worker)
            self._host.close()

    async def _asked(self, context: EnrichmentContext) -> tuple[PluginResult | None, str]:
        listener = next(
            each for each in self._host.listeners[ENRICHMENT_COMPLETE] if each.plugin == self.plugin
        )
        if listener.domains is not None and context.domain not in listener.domains:
            return None, f"nothing: it hears of events of {', '.join(listener.domains)} only"
        try:
            answer = await self._answer(listener, context)
        except HookFailedError as error:
            return None, f"a failure: {error}"
        if answer is None or isinstance(answer, PluginResult):
            return self._checked(listener, context, answer)
        kind = type(answer).__name__
        return None, f"a {kind}, which is a failure: it must be PluginResult or None"

    async def _answer(self, listener: Listener, context: EnrichmentContext) -> Any:
        if listener.wants is not None:
            try:
                if not listener.wants(context):
                    return None
            except BaseException as error:
                raise listener.raised(error, " (in should_run)") from error
        asked = context.copy()
        hands = self._host.hands[self.plugin]
        hands.loop = asyncio.get_running_loop()
        asked.lend(hands)
        return await self._host.callers[self.plugin].ask(listener, context=asked)

    def _checked(
        self, listener: Listener, context: EnrichmentContext, answer: PluginResult | None
    ) -> tuple[PluginResult | None, str]:
        if answer is None:
            return None, ""
        try:
            self._host.answers.prepare(self.plugin, listener.hook, context.copy(), answer)
        except (ValueError, TypeError, AttributeError) as error:
            return answer, f"a failure: {message(error)}"
        return answer, ""


async def _await(listener: Listener, **given: Any) -> None:
    try:
        answer = listener.call(**given)
        if inspect.isawaitable(answer):
            await answer
    except BaseException as error:
        raise listener.raised(error) from error
