"""A plugin of the installation's own, in its folder of plugins."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any, ClassVar

from attrs import frozen

from claimx_pipeline import (
    CreateClaimxTask,
    EnrichmentContext,
    Plugin,
    PluginResult,
    Publish,
    Topic,
    Webhook,
)

FOUND = Topic("desk.found", partitions=2)


@frozen(kw_only=True)
class Config:
    """Settings of the plugin."""

    broken: str
    """While this file is there the plugin fails."""
    hook: str
    """Called about invited policyholders."""


class Desk(Plugin):
    """Publishes new projects, calls a webhook on invitations, has a task created on a name."""

    name = "desk"
    event_types = frozenset({"PROJECT_CREATED", "POLICYHOLDER_INVITED", "PROJECT_MFN_ADDED"})
    config_class: ClassVar[type[Any] | None] = Config
    config: Config

    def topics(self) -> Iterable[Topic]:
        """Name the topic of new projects."""
        return [FOUND]

    def webhook_urls(self) -> Iterable[str]:
        """Name the URL of the settings, which may be anywhere."""
        return [self.config.hook]

    def check(self) -> None:
        """Fail while the desk is closed."""
        if Path(self.config.broken).exists():
            raise ValueError("the desk is closed")

    def execute(self, context: EnrichmentContext) -> PluginResult:
        """Do what the kind of event asks for."""
        self.check()
        found = {
            "project_id": context.project_id,
            "event_id": context.event_id,
            "event_type": context.event_type,
        }
        if context.event_type == "PROJECT_CREATED":
            return PluginResult.ok("", Publish(FOUND.name, found, context.project_id))
        if context.event_type == "POLICYHOLDER_INVITED":
            return PluginResult.ok("", Webhook(url=self.config.hook, body=found))
        data = {"customTaskName": "Check the name", "customTaskId": 32001}
        task = CreateClaimxTask(task_type="CUSTOM_TASK_ASSIGN_EXTERNAL_LINK", task_data=data)
        return PluginResult.ok("", task, Webhook(connection="desk", path="/names", body=found))
