"""Announces new projects of some states."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, ClassVar

from attrs import frozen

from claimx_pipeline import EnrichmentContext, Plugin, PluginResult, Topic

FOUND = Topic("big_claims.found", partitions=1)


@frozen(kw_only=True)
class Config:
    """Settings of the plugin."""

    states: tuple[str, ...] = ()
    """Projects in these are announced; all if none is given."""


class BigClaims(Plugin):
    """Announces new projects of some states on topic ``big_claims.found``."""

    name = "big_claims"
    event_types = frozenset({"PROJECT_CREATED"})
    config_class: ClassVar[type[Any] | None] = Config
    config: Config

    def topics(self) -> Iterable[Topic]:
        """Name the topic of the announcements."""
        return [FOUND]

    def execute(self, context: EnrichmentContext) -> PluginResult:
        """Announce the project, or say why not."""
        project = context.project
        if project is None:
            return PluginResult.skip("the event brought no project")
        if self.config.states and project["state_province"] not in self.config.states:
            return PluginResult.skip(f"state {project['state_province']} is not looked for")
        found = {"project_id": context.project_id, "state": project["state_province"]}
        return PluginResult.publish(FOUND.name, found, key=context.project_id)
