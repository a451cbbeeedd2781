"""Calls what listens to an event: collected at start, called as plain objects per event."""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import Collection, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

import pluggy
from attrs import define, evolve, field

from claimx_pipeline.clock import Clock
from claimx_pipeline.errors import HookFailedError
from claimx_pipeline.hooks.context import Dispatched, EnrichmentContext, FileContext, HookContext
from claimx_pipeline.hooks.result import PluginResult
from claimx_pipeline.isolation import message
from claimx_pipeline.media.codec import FileCodec
from claimx_pipeline.plugins.base import Plugin, keeps_state, listens, reacts_by_execute
from claimx_pipeline.plugins.host.calling import Listener, PluginCaller
from claimx_pipeline.plugins.host.hands import Lent, PluginHands
from claimx_pipeline.plugins.host.heard_domains import domains_of
from claimx_pipeline.plugins.host.objects import plugin_objects
from claimx_pipeline.plugins.host.results import AnswerReader, PublishRules
from claimx_pipeline.plugins.state.follower import StateFollower
from claimx_pipeline.plugins.state.keeper import StateKeeper
from claimx_pipeline.settings.tree.plugins import PluginsSettings
from claimx_pipeline.telemetry.plugin_metrics import PluginMetrics

if TYPE_CHECKING:
    from claimx_pipeline.plugins.host.loading import PluginSet
from claimx_pipeline.telemetry.log_context import about

log = logging.getLogger(__name__)

ENRICHMENT_COMPLETE = "claimx_enrichment_complete"

EVENT_HOOKS = (ENRICHMENT_COMPLETE, "claimx_download_complete", "claimx_upload_complete")
"""Hooks that are called while events flow; each takes a ``context`` and may answer."""

ROW_PUBLISHING = "claimx_row_publishing"

MOMENTS = (
    "claimx_enrichment_starting",
    ROW_PUBLISHING,
    "claimx_dead_letter",
    "claimx_rows_committed",
    "claimx_worker_readiness",
)
"""Further hooks that are called while workers run; they cost nothing if no plugin listens."""

STOP_SECONDS = 5.0
"""How long a plugin may take to stop."""


@define
class Dispatcher:
    """Knows who listens to what, in order of priority."""

    listeners: Mapping[str, Sequence[Listener]]
    """Hook to who listens, in the order they are asked."""
    callers: Mapping[str, PluginCaller]
    answers: AnswerReader
    hands: Mapping[str, PluginHands] = field(factory=dict)
    """What each plugin may use while it is called; empty outside a worker."""
    plugins: Sequence[Plugin] = ()
    """Those made from the class."""
    states: StateKeeper = field(factory=lambda: StateKeeper({}, {}))
    """Applies changes of what plugins remember."""
    _follower: StateFollower = field(factory=lambda: StateFollower(()))

    @classmethod
    def of(
        cls,
        plugins: PluginSet,
        *,
        rules: PublishRules,
        clock: Clock,
        metrics: PluginMetrics,
        lent: Lent | None = None,
    ) -> Dispatcher:
        """Return the dispatcher for the loaded plugins.

        Args:
            plugins: The plugins.
            rules: What they may publish.
            clock: Their limits are measured by it.
            metrics: What they do is counted in it.
            lent: What they may use; None if they may use nothing.
        """
        hooks = (*EVENT_HOOKS, *MOMENTS, "claimx_worker_starting", "claimx_worker_stopping")
        listeners = {
            name: _listeners(getattr(plugins.manager.hook, name), plugins) for name in hooks
        }
        names = {each.plugin for found in listeners.values() for each in found}
        callers = {
            name: PluginCaller(name, plugins.timeout_seconds(name), clock, metrics)
            for name in names
        }
        hands = {}
        if lent is not None:
            hands = {name: PluginHands(name, lent, metrics) for name in names}
        objects = dict(plugin_objects(plugins))
        stateful = {name: each for name, each in objects.items() if keeps_state(each)}
        functions = {name: each.change_state for name, each in stateful.items()}
        follower = StateFollower(frozenset(stateful))
        for name, plugin in stateful.items():
            plugin.state = follower.state_of(name)
        return cls(
            listeners,
            callers,
            AnswerReader(evolve(rules, stateful=frozenset(stateful)), metrics, clock),
            hands,
            tuple(objects.values()),
            StateKeeper(functions, callers, lent.plugins if lent else PluginsSettings()),
            follower,
        )

    async def enrichment_complete(
        self, context: EnrichmentContext, only: str | None = None
    ) -> Dispatched:
        """Ask every listener to ``claimx_enrichment_complete``, as ``ask`` does."""
        if not self.listeners[ENRICHMENT_COMPLETE]:
            return Dispatched()  # so that it costs nothing
        dispatched = await self.ask(ENRICHMENT_COMPLETE, context, only)
        dispatched.publish += [
            FileCodec(task.key_name, context.domain).task_record(task) for task in context.downloads
        ]
        return dispatched

    async def file_complete(self, context: FileContext, only: str | None = None) -> Dispatched:
        """Ask every listener to the hook of the file's stage, as ``ask`` does.

        A file cannot be filtered out: a listener that does so only stops the later ones.
        """
        hook = f"claimx_{context.stage}"
        if not self.listeners[hook]:
            return Dispatched()  # so that it costs nothing
        return await self.ask(hook, context, only)

    async def ask(self, hook: str, context: HookContext, only: str | None = None) -> Dispatched:
        """Ask every listener, in order; stop at the first that filters the event out.

        A plugin that raises, takes too long or answers what cannot be carried out is
        noted, nothing of it is done or changed, and the others are asked all the same.

        Args:
            hook: One of ``EVENT_HOOKS``.
            context: What it is about; plugins change it.
            only: Ask this plugin alone.
        """
        dispatched = Dispatched()
        for listener in self.listeners[hook]:
            if only is not None and listener.plugin != only:
                continue
            if not listener.hears(context.domain):
                continue
            with about(plugin=listener.plugin, hook=hook):
                try:
                    result = await self._ask_one(listener, context, dispatched)
                except HookFailedError as error:
                    dispatched.failed.append((listener.plugin, error))
                    log.warning("%s goes on without a plugin: %s", _about(context), error)
                    continue
            if result is not None and result.filtered:
                dispatched.filtered = result.message or f"filtered out by {listener.plugin}"
                break
        return dispatched

    def listens(self, hook: str) -> bool:
        """Return whether a plugin implements *hook*."""
        return bool(self.listeners[hook])

    async def row_publishing(
        self, context: EnrichmentContext, only: str | None = None
    ) -> Dispatched:
        """Show every listener to ``claimx_row_publishing`` each row of *context*, in order.

        What one that fails has changed is not taken over.
        """
        dispatched = Dispatched()
        for listener in self.listeners[ROW_PUBLISHING]:
            if only not in (None, listener.plugin) or not listener.hears(context.domain):
                continue
            its_own = context.copy()
            looking = evolve(
                listener, function=partial(look_at_rows, listener, its_own), arguments=()
            )
            try:
                await self._call(looking, its_own)
            except HookFailedError as error:
                dispatched.failed.append((listener.plugin, error))
                log.warning("%s goes on without a plugin: %s", _about(context), error)
            else:
                context.adopt(its_own)
        return dispatched

    async def _ask_one(
        self, listener: Listener, context: HookContext, dispatched: Dispatched
    ) -> PluginResult | None:
        """Ask one listener and carry out its answer, wholly or not at all.

        Raises:
            HookFailedError: It failed; nothing was done and *context* is as it was.
        """
        if listener.wants is not None:
            try:
                if not listener.wants(context):
                    return None
            except BaseException as error:
                raise listener.raised(error, " (in should_run)") from error
        # It may fail half-way, or still be at it when its time is over.
        its_own = context.copy()
        result = await self._call(listener, its_own)
        if result is None:
            context.adopt(its_own)
            return None
        if not isinstance(result, PluginResult):
            reason = f"it returned {type(result).__name__}, not PluginResult or None"
            raise listener.failed(reason)
        if result.retried:
            raise listener.asks_again(result)
        try:
            prepared = self.answers.prepare(listener.plugin, listener.hook, its_own, result)
        except (ValueError, TypeError, AttributeError) as error:
            raise listener.failed(message(error)) from error
        except BaseException as error:
            # What it answered may be anything, and so may what its parts do when looked at.
            raise listener.raised(error, " (in what it returned)") from error
        for effect in prepared.effects:
            effect()
        context.adopt(its_own)
        dispatched.publish += prepared.records
        return result

    async def _call(self, listener: Listener, context: HookContext) -> Any:
        """Return what *listener* answers; meanwhile *context* has what the plugin may use.

        Raises:
            HookFailedError: It failed.
        """
        if hands := self.hands.get(listener.plugin):
            hands.loop = asyncio.get_running_loop()
            context.lend(hands)
        try:
            return await self.callers[listener.plugin].ask(listener, context=context)
        finally:
            context.lend(None)

    async def worker_starting(self, **given: Any) -> None:
        """Call every plugin because a worker is about to start; the first error stops the start.

        For those that were called already, and the one that failed, the worker then stops.

        Raises:
            HookFailedError: A plugin cannot start.
        """
        began: set[str] = set()
        for plugin in self.plugins:
            plugin._resources = given.get("resources")  # noqa: SLF001 - the host's part of the class
        if "resources" in given:
            await self._follower.begin(given["resources"])
        try:
            for listener in self.listeners["claimx_worker_starting"]:
                began.add(listener.plugin)
                await _tell(listener, given)
        except BaseException:
            await self._stop(given, began)
            raise

    async def worker_stopping(self, **given: Any) -> None:
        """Call every plugin because a worker has stopped; errors are logged, none is left out."""
        await self._stop(given)

    async def _stop(self, given: Mapping[str, Any], only: Collection[str] | None = None) -> None:
        await self._follower.end()
        for listener in self.listeners["claimx_worker_stopping"]:
            if only is not None and listener.plugin not in only:
                continue
            try:
                async with asyncio.timeout(STOP_SECONDS):
                    await _tell(listener, given)
            except (HookFailedError, TimeoutError):
                log.exception("plugin %r could not stop cleanly", listener.plugin)

    def close(self) -> None:
        """Let the plugins' threads end; what hangs is left behind."""
        for caller in self.callers.values():
            caller.close()
        for hands in self.hands.values():
            hands.close()


def look_at_rows(listener: Listener, context: EnrichmentContext) -> None:
    """Show *listener* each row of *context*, and leave out those that it does not want.

    Raises:
        TypeError: It is async, or answers neither None nor a bool.
    """
    for kind, rows in context.entities.items():
        kept = []
        for row in rows:
            answer = listener.call(kind=kind, row=row, context=context)
            if answer is not None and not isinstance(answer, bool):
                if inspect.iscoroutine(answer):
                    answer.close()
                raise TypeError(
                    f"it returned {type(answer).__name__} for a row of {kind}; change the row "
                    "itself, and return False to leave it out; it must not be async"
                )
            if answer is not False:
                kept.append(row)
        rows[:] = kept


def _about(context: HookContext) -> str:
    kind = "event" if context.domain else context.event_type
    return f"{kind} {context.event_id}"


async def _tell(listener: Listener, given: Mapping[str, Any]) -> None:
    try:
        answer = listener.call(**given)
        if inspect.isawaitable(answer):
            await answer
    except BaseException as error:
        raise listener.raised(error) from error


def _listeners(hook: pluggy.HookCaller, plugins: PluginSet) -> list[Listener]:
    """Return the implementations of *hook*: lower priority first, then by plugin name."""
    found = [
        _listener(implementation, hook.name, plugins)
        for implementation in hook.get_hookimpls()
        if listens(implementation.plugin, hook.name)
    ]
    return sorted(found, key=lambda listener: (listener.priority, listener.plugin))


def _listener(implementation: pluggy.HookImpl, hook: str, plugins: PluginSet) -> Listener:
    name, plugin = implementation.plugin_name, implementation.plugin
    function, arguments, wants = implementation.function, implementation.argnames, None
    if isinstance(plugin, Plugin) and hook == ENRICHMENT_COMPLETE and reacts_by_execute(plugin):
        # The same in two steps, so that an event that it does not want costs next to nothing.
        function, arguments, wants = plugin.execute, ("context",), plugin.should_run
    heard = domains_of(plugin)
    return Listener(name, hook, plugins.priority(name), function, arguments, wants, heard)
