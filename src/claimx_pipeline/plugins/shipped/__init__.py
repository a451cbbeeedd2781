"""Plugins that come with the pipeline. Each is off unless the settings have ``plugins.<name>``."""

from __future__ import annotations

from importlib import metadata

from claimx_pipeline.hooks.markers import PROJECT
from claimx_pipeline.settings.tree.plugins import PluginsSettings

SHIPPED = {
    "alerts": "claimx_pipeline.plugins.shipped.alerts:Alerts",
    "screen": "claimx_pipeline.plugins.shipped.screen:Screen",
}
"""Name to class."""


def switched_on(settings: PluginsSettings) -> list[metadata.EntryPoint]:
    """Return those that the settings name, in the form of installed ones."""
    return [
        metadata.EntryPoint(name, value, PROJECT)
        for name, value in SHIPPED.items()
        if name in settings.named
    ]
