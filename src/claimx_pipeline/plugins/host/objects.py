"""The loaded plugins that are made from the class ``Plugin``."""

from __future__ import annotations

from collections.abc import Iterator

from claimx_pipeline.plugins.base import Plugin, keeps_state
from claimx_pipeline.plugins.host.loading import PluginSet
from claimx_pipeline.topics import Topic


def plugin_objects(plugins: PluginSet) -> Iterator[tuple[str, Plugin]]:
    """Yield them by name."""
    for name, plugin in plugins.loaded():
        if isinstance(plugin, Plugin):
            yield name, plugin


def stateful_plugins(plugins: PluginSet) -> list[str]:
    """Return the names of those that keep state."""
    return [name for name, plugin in plugin_objects(plugins) if keeps_state(plugin)]


def topics_of_plugins(plugins: PluginSet) -> list[tuple[str, Topic]]:
    """Return the topics that they publish to, each with the plugin's name."""
    return [(name, topic) for name, each in plugin_objects(plugins) for topic in each.topics()]
