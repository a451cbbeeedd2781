"""``Plugin``: the comfortable base class for plugins that react to enriched events."""

from __future__ import annotations

import inspect
import logging
import warnings
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from typing import TYPE_CHECKING, Any, ClassVar

import attrs

from claimx_pipeline.errors import ClaimxError
from claimx_pipeline.hooks.context import EnrichmentContext
from claimx_pipeline.hooks.markers import hookimpl
from claimx_pipeline.hooks.result import PluginResult
from claimx_pipeline.plugins.state.view import PluginState
from claimx_pipeline.runtime.resources import Resources
from claimx_pipeline.runtime.worker import WorkerSpec
from claimx_pipeline.settings.loading.structure import structure_config
from claimx_pipeline.settings.tree.settings import Settings
from claimx_pipeline.topics import Topic


class Plugin:
    """Reacts to enriched events: override ``execute``, and what else is needed.

    Class attributes say what the plugin is; ``plugins.<name>`` in the settings may
    override ``priority`` and gives ``config``.
    """

    name: str = ""
    """What the plugin is called in settings, logs and errors."""
    priority: int = 100
    """Lower runs first."""
    description: str = ""
    """One line for ``claimx-run plugins list``."""
    version: str = ""
    """Its version; an installed plugin's is that of its distribution."""
    requires_api: str = ""
    """Version of the plugin API that it was written for, such as ``1.0``; empty for any."""
    event_types: frozenset[str] = frozenset()
    """Event types it wants to see; empty means all."""
    domains: tuple[str, ...] | None = None
    """Names of the domains whose events and files it wants to see; None for those of all."""
    config_class: ClassVar[type[Any] | None] = None
    """attrs class of its settings; None if it has none."""
    state: PluginState = PluginState()
    """What it remembers, by key, as it was a second or so ago; see ``change_state``."""

    def __init__(self, config: Any = None) -> None:
        if not self.name:
            raise TypeError(f"{type(self).__name__} must set a name")
        if hasattr(self, "stages"):
            warnings.warn(
                f"{type(self).__name__}.stages has no effect; remove it. A plugin is called for "
                "the hooks that it implements",
                DeprecationWarning,
                stacklevel=2,
            )
        self.config = config
        self._callers = 0
        self._resources: Resources | None = None
        """What ``on_load`` is given; the host fills it in."""
        self._logger = logging.getLogger(f"claimx_pipeline.plugin.{self.name}")

    @classmethod
    def from_settings(cls, config: Mapping[str, Any], where: str) -> Plugin:
        """Return the plugin configured by *config*, which is at *where* in the settings.

        Raises:
            SettingsError: The configuration is wrong; all problems are named.
            ClaimxError: There is a configuration, but the plugin has none.
        """
        if cls.config_class is None:
            if config:
                raise ClaimxError(f"{where}: plugin {cls.name!r} has no settings; remove them")
            return cls()
        return cls(structure_config(config, cls.config_class, where))

    def topics(self) -> Iterable[Topic]:
        """Return the topics that this plugin publishes to."""
        return ()

    def webhook_urls(self) -> Iterable[str]:
        """Return the URLs that its settings name: their hosts may be called, wherever they are.

        Every other host must be a public one.
        """
        return urls_in(self.config)

    def webhook_headers(self) -> Mapping[str, Mapping[str, str]]:
        """Return headers for ``Webhook.headers_from``, by a key of the plugin's choice.

        They are looked up by worker ``actions`` when it calls, so that a credential among
        them is never in a topic, and a new one serves calls that wait.
        """
        return {}

    def should_run(self, context: EnrichmentContext) -> bool:
        """Tell whether ``execute`` is worth calling; cheap, and called for every event.

        It runs on the event loop: it only looks, and never waits.
        """
        return not self.event_types or context.event_type in self.event_types

    def execute(
        self, context: EnrichmentContext
    ) -> PluginResult | Awaitable[PluginResult | None] | None:
        """Do the work; return None for nothing to do.

        If it is ``async`` it runs on the event loop and must not block; if it is not it runs
        in a thread of the plugin's own, one event at a time. What takes longer than
        ``plugins.<name>.timeout_seconds``, or raises, becomes a dead letter of this plugin,
        nothing of it is done, and the event goes on. *context* is the plugin's own copy.
        """
        raise NotImplementedError(f"plugin {self.name!r} lacks execute")

    def change_state(self, key: str, value: Any, change: Any) -> Any:
        """Return what is remembered under *key* once *change* is part of it.

        Written by a plugin that keeps state. It is called in worker ``plugin-state``, once for
        each change that the plugin has asked for by ``PluginResult.change_state``, those of one
        key in order. It only computes: the same arguments give the same value. What raises is a
        dead letter, and the value stays as it was.

        Args:
            key: The key.
            value: What is remembered under it; None if nothing is. It may be changed in place.
            change: What was asked for, as JSON holds it.

        Returns:
            What is remembered now, anything JSON can hold; None to forget the key.
        """
        raise NotImplementedError(f"plugin {self.name!r} keeps no state: it lacks change_state")

    if TYPE_CHECKING:
        # With ``resources`` or without, as it was before.
        on_load: Callable[..., Awaitable[None]]
    else:

        async def on_load(self, resources: Resources | None = None) -> None:
            """Get ready; called before the first worker of a process that calls it takes a record.

            It may also be written without *resources*, as it was before.

            Args:
                resources: What workers use: ``resources.connections.get(name)``,
                    ``resources.clock`` and so on. They belong to the process: do not close them.
            """

    async def on_unload(self) -> None:
        """Release what ``on_load`` took; called after the last worker that calls it has ended.

        Also if ``on_load`` has failed half-way.
        """

    @hookimpl
    def claimx_enrichment_complete(
        self, context: EnrichmentContext
    ) -> PluginResult | Awaitable[PluginResult | None] | None:
        """Run the plugin if it wants to see the event."""
        return self.execute(context) if self.should_run(context) else None

    @hookimpl
    async def claimx_worker_starting(
        self,
        worker: WorkerSpec,
        settings: Settings,  # noqa: ARG002 - for subclasses
    ) -> None:
        """Load with the first worker that calls it."""
        if self._is_called_by(worker):
            self._callers += 1
            if self._callers == 1:
                wanted = inspect.signature(self.on_load).parameters
                loading: Any = self.on_load(*((self._resources,) if wanted else ()))
                if inspect.isawaitable(loading):
                    await loading
                self._logger.info("plugin %s is loaded for worker %s", self.name, worker.name)

    @hookimpl
    async def claimx_worker_stopping(self, worker: WorkerSpec) -> None:
        """Unload with the last worker that calls it."""
        if self._is_called_by(worker):
            self._callers -= 1
            if self._callers == 0:
                unloading: Any = self.on_unload()
                if inspect.isawaitable(unloading):
                    await unloading

    def _is_called_by(self, worker: WorkerSpec) -> bool:
        if "change_state" in worker.calls:
            return keeps_state(self)
        hooks = [*worker.calls, "claimx_worker_readiness"]
        hooks += ["claimx_rows_committed"] if worker.tables else []
        hooks += [] if worker.stops_at_dead else ["claimx_dead_letter"]
        return any(hasattr(self, hook) for hook in hooks)

    def _log(self, level: int | str, message: str, **extra: Any) -> None:
        """Write a log line with fields; reserved field names get a trailing underscore.

        Args:
            level: ``logging.INFO`` and so on, or the name of one.
            message: The line, taken as it is.
            **extra: Fields beside it.

        Raises:
            ValueError: There is no such level.
        """
        number = logging.getLevelName(level.upper()) if isinstance(level, str) else level
        if not isinstance(number, int):
            raise ValueError(f"there is no log level {level!r}")  # noqa: TRY004 - the name is wrong
        self._logger.log(number, "%s", message, extra=_safe(extra))

    def _log_exception(self, error: BaseException, message: str, **extra: Any) -> None:
        """Write a log line with the traceback of *error*."""
        self._logger.error("%s", message, exc_info=error, extra=_safe(extra))


def keeps_state(plugin: Plugin) -> bool:
    """Return whether *plugin* remembers something."""
    return type(plugin).change_state is not Plugin.change_state


def reacts_by_execute(plugin: Plugin) -> bool:
    """Return whether enriched events reach *plugin* by ``should_run`` and ``execute``."""
    return type(plugin).claimx_enrichment_complete is Plugin.claimx_enrichment_complete


def listens(plugin: object, hook: str) -> bool:
    """Return whether *plugin*, which has an implementation of *hook*, does anything by it.

    Every ``Plugin`` inherits one for enriched events, also one that has no ``execute``.
    """
    if not isinstance(plugin, Plugin) or hook != "claimx_enrichment_complete":
        return True
    return _has_execute(plugin) or not reacts_by_execute(plugin)


def problem_of(plugin: Plugin) -> str | None:
    """Return why *plugin* could do nothing but fail; None if it can do something."""
    if inspect.iscoroutinefunction(plugin.should_run):
        return "should_run must not be async, since it only looks; what waits belongs into execute"
    if not callable(plugin.execute):
        return f"execute must be a method, not {type(plugin.execute).__name__}"
    if listens(plugin, "claimx_enrichment_complete") or _does_something_else(plugin):
        return None
    return (
        "it has no method 'execute' and implements no other hook, so it would do nothing; write one"
    )


def _has_execute(plugin: Plugin) -> bool:
    return getattr(plugin.execute, "__func__", plugin.execute) is not Plugin.execute


def _does_something_else(plugin: Plugin) -> bool:
    """Return whether there is anything that is called and not inherited from ``Plugin``."""
    kind = type(plugin)
    names = [name for name in dir(kind) if name.startswith("claimx_")]
    names += ["change_state", "on_load", "on_unload", "topics", "webhook_urls", "webhook_headers"]
    return any(getattr(kind, name) is not getattr(Plugin, name, None) for name in names)


RESERVED = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime"}


def urls_in(value: Any) -> Iterator[str]:
    """Yield every http(s) URL in a plugin's settings, however deep."""
    if isinstance(value, str):
        if value.lower().startswith(("http://", "https://")):
            yield value
    elif isinstance(value, Mapping):
        for inner in value.values():
            yield from urls_in(inner)
    elif isinstance(value, (list, tuple, set, frozenset)):
        for inner in value:
            yield from urls_in(inner)
    elif attrs.has(type(value)):
        for each in attrs.fields(type(value)):
            yield from urls_in(getattr(value, each.name))


def _safe(extra: Mapping[str, Any]) -> dict[str, Any]:
    """Keep a field's name from clashing with what a log record has already."""
    return {f"{name}_" if name in RESERVED else name: value for name, value in extra.items()}
