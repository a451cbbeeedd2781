"""Calls what listens to an event: collected at start, called as plain objects per event."""

from __future__ import annotations

import hashlib
import inspect
import logging
from collections.abc import Callable, Collection, Sequence
from typing import TYPE_CHECKING, Any

import msgspec
import pluggy
from attrs import define, field, frozen

from claimx_pipeline.broker.protocol import OutRecord
from claimx_pipeline.errors import HookFailedError
from claimx_pipeline.media.messages import task_record
from claimx_pipeline.plugins.context import EnrichmentContext, FileContext, FileStage
from claimx_pipeline.plugins.result import Log, PluginResult, Publish

if TYPE_CHECKING:
    from claimx_pipeline.plugins.loading import PluginSet

log = logging.getLogger(__name__)

DEFAULT_PRIORITY = 100

AnyContext = EnrichmentContext | FileContext
"""What listeners are told about."""


@frozen
class Listener:
    """One implementation of a per-event hook."""

    plugin: str
    hook: str
    priority: int
    function: Callable[..., Any]
    arguments: tuple[str, ...]

    async def call(self, **given: Any) -> Any:
        """Return what the implementation answers, awaited if need be.

        Raises:
            HookFailedError: It raised.
        """
        try:
            answer = self.function(*(given[name] for name in self.arguments))
            return await answer if inspect.isawaitable(answer) else answer
        except Exception as error:
            reason = f"{type(error).__name__}: {error}"
            raise HookFailedError(self.plugin, self.hook, reason) from error


@define
class Dispatched:
    """What the plugins made of an event."""

    publish: list[OutRecord] = field(factory=list)
    filtered: str | None = None
    """Why the event's own rows are to be dropped; None if they are not."""
    failed: list[tuple[str, Exception]] = field(factory=list)
    """Plugins that failed, with their errors; the event goes on without them."""


@define
class Dispatcher:
    """Knows who listens to what, in order of priority."""

    enrichment: list[Listener]
    files: dict[FileStage, list[Listener]]
    starting: list[Listener]
    stopping: list[Listener]
    core_topics: Collection[str]
    """Topics that plugins may not publish to."""

    @classmethod
    def of(cls, plugins: PluginSet, core_topics: Collection[str]) -> Dispatcher:
        """Return the dispatcher for the loaded plugins."""
        hooks = plugins.manager.hook
        return cls(
            _listeners(hooks.claimx_enrichment_complete, plugins),
            {
                "download_complete": _listeners(hooks.claimx_download_complete, plugins),
                "upload_complete": _listeners(hooks.claimx_upload_complete, plugins),
            },
            _listeners(hooks.claimx_worker_starting, plugins),
            _listeners(hooks.claimx_worker_stopping, plugins),
            core_topics,
        )

    async def enrichment_complete(
        self, context: EnrichmentContext, only: str | None = None
    ) -> Dispatched:
        """Ask every listener, in order; stop at the first that filters the event out.

        A plugin that raises, or answers what cannot be carried out, is noted and the
        others are asked all the same.

        Args:
            context: The event.
            only: Ask this plugin alone.
        """
        dispatched = await self._ask(self.enrichment, context, only)
        dispatched.publish += [task_record(task) for task in context.downloads]
        return dispatched

    async def file_complete(self, context: FileContext, only: str | None = None) -> Dispatched:
        """Ask every listener of the file's stage, as ``enrichment_complete`` does.

        A file cannot be filtered out: a listener that does so only stops the later ones.
        """
        return await self._ask(self.files[context.stage], context, only)

    async def _ask(
        self, listeners: Sequence[Listener], context: AnyContext, only: str | None
    ) -> Dispatched:
        dispatched = Dispatched()
        for listener in listeners:
            if only is not None and listener.plugin != only:
                continue
            asked = len(context.downloads) if isinstance(context, EnrichmentContext) else 0
            try:
                result = await listener.call(context=context)
                self._carry_out(listener, context, result, dispatched)
            except HookFailedError as error:
                if isinstance(context, EnrichmentContext):
                    del context.downloads[asked:]
                dispatched.failed.append((listener.plugin, error))
                log.exception("event %s goes on without a plugin", context.event_id)
                continue
            if result is not None and result.filtered:
                dispatched.filtered = result.message or f"filtered out by {listener.plugin}"
                break
        return dispatched

    def _carry_out(
        self,
        listener: Listener,
        context: AnyContext,
        result: object,
        dispatched: Dispatched,
    ) -> None:
        """Carry out all that *result* asks for, or nothing of it.

        Raises:
            HookFailedError: Something in it cannot be carried out.
        """
        if result is None:
            return
        if not isinstance(result, PluginResult):
            told = f"it returned {type(result).__name__}, not PluginResult or None"
            raise HookFailedError(listener.plugin, listener.hook, told)
        records = []
        for number, action in enumerate(result.actions):
            match action:
                case Log(level, message):
                    logger = logging.getLogger(f"claimx_pipeline.plugin.{listener.plugin}")
                    logger.log(logging.getLevelNamesMapping()[level.upper()], message)
                case Publish():
                    records.append(self._record(listener, context, action, number))
        dispatched.publish += records

    def _record(
        self, listener: Listener, context: AnyContext, action: Publish, number: int
    ) -> OutRecord:
        if action.topic in self.core_topics:
            raise HookFailedError(
                listener.plugin,
                listener.hook,
                f"topic {action.topic!r} belongs to the pipeline; publish to a topic of your own",
            )
        cause = f"{context.cause}|{listener.plugin}|{action.topic}|{number}"
        headers = {
            **context.headers,
            **action.headers,
            "claimx-id": hashlib.sha256(cause.encode()).hexdigest()[:32],
        }
        return OutRecord(
            action.topic,
            msgspec.json.encode(action.payload, enc_hook=str),
            (action.key or context.event_id).encode(),
            tuple((name, value.encode()) for name, value in headers.items()),
        )

    async def worker_starting(self, **given: Any) -> None:
        """Tell every plugin that a worker is about to start; the first error stops the start."""
        for listener in self.starting:
            await listener.call(**given)

    async def worker_stopping(self, **given: Any) -> None:
        """Tell every plugin that a worker has stopped; errors are logged, all are told."""
        for listener in self.stopping:
            try:
                await listener.call(**given)
            except HookFailedError:
                log.exception("a plugin could not stop cleanly")


def _listeners(hook: pluggy.HookCaller, plugins: PluginSet) -> list[Listener]:
    """Return the implementations of *hook*: lower priority first, then by plugin name."""
    found = [
        Listener(
            implementation.plugin_name,
            hook.name,
            plugins.priority(implementation.plugin_name),
            implementation.function,
            implementation.argnames,
        )
        for implementation in hook.get_hookimpls()
    ]
    return sorted(found, key=lambda listener: (listener.priority, listener.plugin))
