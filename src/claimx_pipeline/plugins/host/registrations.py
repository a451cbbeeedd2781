"""What the core and the plugins register through hooks, collected; nothing twice."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from attrs import frozen

from claimx_pipeline.clock import Clock
from claimx_pipeline.errors import ClaimxError
from claimx_pipeline.plugins.host.loading import CORE, PluginSet
from claimx_pipeline.settings.tree.settings import Settings

if TYPE_CHECKING:
    from claimx_pipeline.domain.handlers import EventHandler


@frozen
class Registrations:
    """Calls the hooks whose names begin with ``claimx_register_`` or ``claimx_check_``."""

    _plugins: PluginSet
    _settings: Settings
    _clock: Clock

    def answers(self, hook: str) -> list[tuple[str, Any]]:
        """Return what each plugin answers to *hook*, the core first, then by plugin name."""
        implementations = getattr(self._plugins.manager.hook, hook).get_hookimpls()
        given = {"settings": self._settings, "clock": self._clock}
        answers = []
        for implementation in sorted(
            implementations, key=lambda each: (each.plugin_name != CORE, each.plugin_name)
        ):
            answer = implementation.function(*(given[name] for name in implementation.argnames))
            if answer is not None:
                answers.append((implementation.plugin_name, answer))
        return answers

    def by_name(self, hook: str, what: str) -> dict[str, Any]:
        """Return every object registered through *hook* by its name.

        Raises:
            ClaimxError: Two plugins register an object of one name.
        """
        found: dict[str, Any] = {}
        owners: dict[str, str] = {}
        for plugin, objects in self.answers(hook):
            for each in objects:
                name = each.name
                if name in found:
                    raise ClaimxError(
                        f"plugin {plugin!r} registers {what} {name!r}, which plugin "
                        f"{owners[name]!r} has registered already"
                    )
                found[name], owners[name] = each, plugin
        return found

    def merged(self, hook: str, what: str) -> dict[str, Any]:
        """Return the mappings registered through *hook* as one.

        One object may be registered under its name by several plugins that need it.

        Raises:
            ClaimxError: Two plugins register different objects under one name.
        """
        found: dict[str, Any] = {}
        for plugin, answer in self.answers(hook):
            mapping: Mapping[str, Any] = answer
            for name, each in mapping.items():
                if found.setdefault(name, each) is not each:
                    raise ClaimxError(f"plugin {plugin!r} registers {what} {name!r} a second time")
        return found

    def handlers(self) -> tuple[EventHandler[Any, Any], ...]:
        """Return every handler.

        Raises:
            ClaimxError: Two handlers are for one event type.
        """
        found: dict[str, EventHandler[Any, Any]] = {}
        for plugin, handlers in self.answers("claimx_register_handlers"):
            for handler in handlers:
                for event_type in (*handler.event_types, *handler.event_prefixes):
                    other = found.setdefault(event_type, handler)
                    if other is not handler:
                        raise ClaimxError(
                            f"plugin {plugin!r}: events {event_type} are handled by "
                            f"{other.name!r} already"
                        )
        return tuple({id(handler): handler for handler in found.values()}.values())
