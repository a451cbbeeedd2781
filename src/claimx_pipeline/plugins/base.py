"""``Plugin``: the comfortable base class for plugins that react to enriched events."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Iterable, Mapping
from typing import Any, ClassVar

from claimx_pipeline.errors import ClaimxError
from claimx_pipeline.hookspecs import hookimpl
from claimx_pipeline.plugins.context import EnrichmentContext
from claimx_pipeline.plugins.result import PluginResult
from claimx_pipeline.runtime.worker import WorkerSpec
from claimx_pipeline.settings.structure import structure_config
from claimx_pipeline.settings.tree import Settings
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
    event_types: frozenset[str] = frozenset()
    """Event types it wants to see; empty means all."""
    config_class: ClassVar[type[Any] | None] = None
    """attrs class of its settings; None if it has none."""

    def __init__(self, config: Any = None) -> None:
        if not self.name:
            raise TypeError(f"{type(self).__name__} must set a name")
        self.config = config
        self._logger = logging.getLogger(f"claimx_pipeline.plugin.{self.name}")

    @classmethod
    def from_settings(cls, config: Mapping[str, Any], where: str) -> Plugin:
        """Return the plugin configured by *config*, which stands at *where* in the settings.

        Raises:
            SettingsError: The configuration is wrong; all problems are named.
        """
        if cls.config_class is None:
            if config:
                raise ClaimxError(f"{where}: plugin {cls.name!r} has no settings; remove them")
            return cls()
        return cls(structure_config(config, cls.config_class, where))

    def topics(self) -> Iterable[Topic]:
        """Return the topics that this plugin publishes to."""
        return ()

    def should_run(self, context: EnrichmentContext) -> bool:
        """Tell whether ``execute`` is worth calling; cheap, and called for every event."""
        return not self.event_types or context.event_type in self.event_types

    def execute(
        self, context: EnrichmentContext
    ) -> PluginResult | Awaitable[PluginResult | None] | None:
        """Do the work; may be ``async``. Return None for nothing to do."""
        raise NotImplementedError(f"plugin {self.name!r} lacks execute")

    async def on_load(self) -> None:
        """Get ready; called before the enrichment worker takes its first record."""

    async def on_unload(self) -> None:
        """Release what ``on_load`` took."""

    @hookimpl
    def claimx_enrichment_complete(
        self, context: EnrichmentContext
    ) -> PluginResult | Awaitable[PluginResult | None] | None:
        """Run the plugin if it wants to see the event."""
        return self.execute(context) if self.should_run(context) else None

    @hookimpl
    async def claimx_worker_starting(self, worker: WorkerSpec, settings: Settings) -> None:  # noqa: ARG002 - for subclasses
        """Load with the worker that runs plugins."""
        if worker.name == "enrichment":
            await self.on_load()

    @hookimpl
    async def claimx_worker_stopping(self, worker: WorkerSpec) -> None:
        """Unload with the worker that runs plugins."""
        if worker.name == "enrichment":
            await self.on_unload()

    def _log(self, level: int, message: str, **extra: Any) -> None:
        """Write a log line with fields; reserved field names get a trailing underscore."""
        self._logger.log(level, message, extra=_safe(extra))

    def _log_exception(self, error: BaseException, message: str, **extra: Any) -> None:
        """Write a log line with the traceback of *error*."""
        self._logger.error(message, exc_info=error, extra=_safe(extra))


RESERVED = frozenset(vars(logging.makeLogRecord({}))) | {"message", "asctime"}


def _safe(extra: Mapping[str, Any]) -> dict[str, Any]:
    """Keep a field's name from clashing with what a log record has already."""
    return {f"{name}_" if name in RESERVED else name: value for name, value in extra.items()}
