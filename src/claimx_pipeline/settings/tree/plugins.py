"""Section ``plugins``: which plugins run, and how."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

from attrs import field, frozen
from attrs.validators import ge, gt, le

from claimx_pipeline.settings.kinds import KIND, local_path
from claimx_pipeline.settings.tree.validators import INLINE, empty_or_not_blank


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

    query_rows: int = field(default=10_000, validator=ge(1))
    """Rows that one ``context.query(…)`` may answer; more are an error of the plugin."""

    query_bytes: int = field(default=16 * 1024 * 1024, validator=ge(1))
    """Bytes that the answer to one ``context.query(…)`` may have in memory."""

    state_keys: int = field(default=100_000, validator=ge(1))
    """Keys that it may remember something under; a change that adds one more is a dead letter."""

    state_value_bytes: int = field(default=65_536, validator=[ge(1), le(262_144)])
    """Bytes, as JSON, that it may remember under one key."""

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

    dir: str = field(
        default="plugins/config", validator=empty_or_not_blank, metadata={KIND: local_path}
    )
    """Folder of directory plugins; empty for none."""

    named: Mapping[str, PluginSettings] = field(factory=dict, metadata={INLINE: "any"})
    """Plugin name to its settings; in a file these are directly under ``plugins``."""

    def of(self, name: str) -> PluginSettings:
        """Return the settings of plugin *name*, defaults if there are none."""
        return self.named.get(name, PluginSettings())
