"""Calls one plugin: under a time limit, in a thread if it may block, not at all while it hangs."""

from __future__ import annotations

import asyncio
import inspect
import logging
from collections.abc import Callable
from functools import partial
from types import TracebackType
from typing import Any

from attrs import define, field, frozen

from claimx_pipeline.clock import Clock
from claimx_pipeline.errors import Category, HookFailedError, RecordError, may_pass
from claimx_pipeline.hooks.result import PluginResult
from claimx_pipeline.isolation import EscapedError, as_failure, described
from claimx_pipeline.plugins.host import thread
from claimx_pipeline.plugins.host.thread import PluginThread
from claimx_pipeline.telemetry.plugin_metrics import CallOutcome, PluginMetrics

log = logging.getLogger(__name__)

OVERRUNS = 3
"""Calls in a row that overran their limit before a plugin is left alone for a while."""

PAUSE_SECONDS = 60.0
"""How long it is left alone; the worker would wait for its limit event after event."""

_OURS = frozenset({__file__, thread.__file__})


@frozen
class Listener:
    """One implementation of a hook that is called while events flow."""

    plugin: str
    hook: str
    priority: int
    function: Callable[..., Any]
    arguments: tuple[str, ...]
    wants: Callable[[Any], bool] | None = None
    """Cheap look whether to call at all; None for always."""
    domains: tuple[str, ...] | None = None
    """Domains of which it hears; None for every one."""

    def hears(self, domain: str) -> bool:
        """Return whether it hears of *domain*; empty for what is of none."""
        return self.domains is None or not domain or domain in self.domains

    def failed(self, reason: str) -> HookFailedError:
        """Return the error that says what this plugin did wrong."""
        return HookFailedError(self.plugin, self.hook, reason)

    def raised(self, error: BaseException, where: str = "") -> HookFailedError:
        """Return the error that says what this plugin has raised.

        Raises:
            BaseException: It is *error* itself: the worker's own cancellation, or a signal's.
        """
        failed = as_failure(error)
        raised = failed.raised if isinstance(failed, EscapedError) else failed
        raised.__traceback__ = _theirs(raised.__traceback__)
        made = self.failed(f"{described(raised)}{where}")
        if isinstance(raised, RecordError) and may_pass(raised):
            made.category, made.outage = raised.category, raised.outage
            made.retry_after = raised.retry_after
        return made

    def asks_again(self, result: PluginResult) -> HookFailedError:
        """Return the error that says that this plugin wants to see the event once more."""
        reason = f"it asks for another try: {result.message or 'it gives no reason'}"
        after = result.retry_after.total_seconds() if result.retry_after else None
        return HookFailedError(self.plugin, self.hook, reason, Category.TRANSIENT, after)

    def call(self, **given: Any) -> Any:
        """Return what the implementation answers; it may be awaitable."""
        return self.function(*(given[name] for name in self.arguments))


@define(eq=False)
class PluginCaller:
    """One plugin's calls while events flow, one at a time."""

    plugin: str
    limit_seconds: float
    clock: Clock
    metrics: PluginMetrics
    _thread: PluginThread = field(init=False)
    _turn: asyncio.Lock = field(factory=asyncio.Lock, init=False)
    """Members of one group share a plugin; it need not know."""
    _hanging: asyncio.Future[Any] | None = field(default=None, init=False)
    _hanging_since: float = field(default=0.0, init=False)
    _overruns: int = field(default=0, init=False)
    _paused_until: float = field(default=0.0, init=False)

    def __attrs_post_init__(self) -> None:
        self._thread = PluginThread(self.plugin)

    async def ask(self, listener: Listener, **given: Any) -> Any:
        """Return what the plugin answers; who comes meanwhile waits for his turn.

        Raises:
            HookFailedError: It raised, took longer than its limit, or is suspended.
        """
        async with self._turn:
            return await self._ask(listener, given)

    async def _ask(self, listener: Listener, given: dict[str, Any]) -> Any:
        began = self.clock.monotonic()
        outcome: CallOutcome = "failed"
        try:
            if reason := self._suspended(began):
                outcome = "suspended"
                raise listener.failed(reason)
            answer = await self._within_limit(listener, given, began)
            outcome = "ok"
            self._overruns = 0
        except TimeoutError:
            outcome = "overran"
            self._overran()
            raise listener.failed(
                f"it took longer than its limit of {self.limit_seconds:g} s "
                f"(plugins.{self.plugin}.timeout_seconds)"
            ) from None
        finally:
            self.metrics.called(self.plugin, listener.hook, outcome, self.clock.monotonic() - began)
        return answer

    def close(self) -> None:
        """Cancel the call that still hangs, and stop the thread."""
        if self._hanging is not None:
            self._hanging.cancel()
        self._thread.stop()

    def _suspended(self, now: float) -> str | None:
        if self._hanging is not None:
            if not self._hanging.done():
                since = now - self._hanging_since
                return f"it is suspended: an earlier call has not come back for {since:.0f} s"
            self._hanging = None
        if now < self._paused_until:
            left = self._paused_until - now
            return (
                f"it is suspended: {OVERRUNS} calls in a row overran their limit; "
                f"tried again in {left:.0f} s"
            )
        return None

    def _overran(self) -> None:
        self._overruns += 1
        if self._overruns >= OVERRUNS:
            self._paused_until = self.clock.monotonic() + PAUSE_SECONDS
            self._overruns = 0
            log.warning(
                "plugin %r is suspended for %g s: %d calls in a row overran their limit of %g s",
                self.plugin,
                PAUSE_SECONDS,
                OVERRUNS,
                self.limit_seconds,
            )

    async def _within_limit(self, listener: Listener, given: dict[str, Any], began: float) -> Any:
        try:
            if inspect.iscoroutinefunction(listener.function):
                answer = listener.call(**given)
            else:
                call = partial(listener.call, **given)
                answer = await self._finish(self._thread.submit(call), began)
            if inspect.isawaitable(answer):
                answer = await self._finish(asyncio.ensure_future(_tamed(answer)), began)
        except _NotInTimeError:
            raise TimeoutError from None
        except BaseException as error:
            raise listener.raised(error) from error
        return answer

    async def _finish(self, future: asyncio.Future[Any], began: float) -> Any:
        """Return the result of *future*; what does not end in time is noted as hanging."""
        left = max(0.0, self.limit_seconds - (self.clock.monotonic() - began))
        try:
            await asyncio.wait({future}, timeout=left)
        except asyncio.CancelledError:
            future.cancel()
            raise
        if future.done():
            if future.cancelled():
                raise RuntimeError("it was cancelled")
            return future.result()
        if isinstance(future, asyncio.Task):
            future.cancel()
        # Until it has ended: a thread cannot be stopped, and a task may ignore it.
        self._hanging, self._hanging_since = future, began
        future.add_done_callback(_forget)
        raise _NotInTimeError


class _NotInTimeError(Exception):
    """The limit has passed; unlike ``TimeoutError``, no plugin raises it."""


def _theirs(traceback: TracebackType | None) -> TracebackType | None:
    """Return *traceback* from the plugin's first line on, without how it was called."""
    first = traceback
    while first is not None and first.tb_frame.f_code.co_filename in _OURS:
        first = first.tb_next
    return first or traceback


async def _tamed(answer: Any) -> Any:
    """Await *answer*; what is not an ``Exception``, and might end the loop, becomes one."""
    try:
        return await answer
    except Exception:
        raise
    except BaseException as error:
        raise as_failure(error) from error


def _forget(future: asyncio.Future[Any]) -> None:
    """Fetch what came too late, so that asyncio does not report it as never looked at."""
    if not future.cancelled():
        future.exception()
