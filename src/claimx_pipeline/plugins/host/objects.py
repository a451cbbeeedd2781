"""The loaded plugins that are made from the class ``Plugin``."""

from __future__ import annotations

from collections.abc import Iterator

from claimx_pipeline.plugins.base import Plugin, keeps_state
from claimx_pipeline.plugins.host.loading import PluginSet


def plugin_objects(plugins: PluginSet) -> Iterator[tuple[str, Plugin]]:
    """Yield them by name."""
    for name, plugin in plugins.loaded():
        if isinstance(plugin, Plugin):
            yield name, plugin


def stateful_plugins(plugins: PluginSet) -> list[str]:
    """Return the names of those that keep state."""
    return [name for name, plugin in plugin_objects(plugins) if keeps_state(plugin)]
