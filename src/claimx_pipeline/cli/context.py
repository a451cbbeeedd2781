"""What every command is given: the options before its name, and the pipeline they lead to."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING

from attrs import frozen

if TYPE_CHECKING:
    from claimx_pipeline.assembly import Sources
    from claimx_pipeline.pipeline import Pipeline
    from claimx_pipeline.plugins.host.loading import PluginSet


@frozen
class CommandLine:
    """The options before the command's name."""

    config: Path | None = None
    debug: bool = False

    @property
    def environ(self) -> Mapping[str, str]:
        """The environment."""
        return os.environ

    def sources(self, overrides: Mapping[str, str] | None = None) -> Sources:
        """Return where settings and plugins are read from."""
        from claimx_pipeline.assembly import Sources

        return Sources(self.config, self.environ, overrides or {})

    def starting(
        self,
        workers: Sequence[str] = (),
        *,
        every: bool = False,
        overrides: Mapping[str, str] | None = None,
    ) -> Pipeline:
        """Return the pipeline once everything is checked that *workers* need to start.

        Raises:
            SettingsError: Something is wrong or missing; every problem is named.
            UsageError: There is no worker or set of a name.
        """
        from claimx_pipeline.operations.checking import start

        return start(self.sources(overrides), workers, every=every)

    def pipeline(self, overrides: Mapping[str, str] | None = None) -> Pipeline:
        """Read the settings and load the plugins.

        Raises:
            ClaimxError: Something is wrong with either.
        """
        from claimx_pipeline.pipeline import Pipeline

        return Pipeline.load(self.config, environ=os.environ, overrides=overrides)

    def plugins(self) -> PluginSet:
        """Find the plugins, for a command that only looks: those that fail stop nothing.

        Raises:
            SettingsError: The section ``plugins`` is wrong.
        """
        from claimx_pipeline.pipeline import Pipeline

        return Pipeline.find_plugins(self.config, environ=os.environ)
