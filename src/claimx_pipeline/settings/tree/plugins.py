"""Section ``plugins``: which plugins run, and how."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from attrs import field, frozen
from attrs.validators import gt

from claimx_pipeline.settings.tree.validators import INLINE


@frozen(kw_only=True)
class PluginSettings:
    """One plugin, by its name."""

    enabled: bool = True
    """False leaves it out."""

    required: bool | None = None
    """Whether a worker may start without it if it cannot be loaded.

    By default an installed package is required and a directory plugin is not.
    """

    priority: int | None = None
    """Lower runs first; the plugin's own if not given."""

    timeout_seconds: float = field(default=5.0, validator=gt(0))
    """How long it may take over one event; what takes longer is a dead letter of the plugin."""

    config: Mapping[str, Any] = field(factory=dict, repr=False)
    """The plugin's own settings."""


@frozen(kw_only=True)
class PluginsSettings:
    """Plugins: ``plugins.dir``, and ``plugins.<name>`` for each."""

    RETIRED: ClassVar[Mapping[str, str]] = {
        "enabled": "each plugin has a switch of its own: plugins.NAME.enabled",
        "config_path": "write 'dir'",
        "plugins_dir": "write 'dir'",
        "task_triggers": "triggers are an option of the plugin that has them: "
        "plugins.NAME.config.triggers",
    }
    """Keys of the system before, each with what to write instead."""

    dir: str = "plugins/config"
    """Folder of directory plugins; empty for none."""

    named: Mapping[str, PluginSettings] = field(factory=dict, metadata={INLINE: "any"})
    """Plugin name to its settings; in a file these are directly under ``plugins``."""

    def of(self, name: str) -> PluginSettings:
        """Return the settings of plugin *name*, defaults if there are none."""
        return self.named.get(name, PluginSettings())
