"""``TaskTriggerPlugin``: publish or log when a task of a given template is seen.

Configured, not programmed::

    triggers:
      4001:
        name: photo request
        on_any:
          publish_to_topic: acme.photo.requests
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

from attrs import field, frozen

from claimx_pipeline.claimx.entities import EntityRow
from claimx_pipeline.plugins.base import Plugin
from claimx_pipeline.plugins.context import EnrichmentContext
from claimx_pipeline.plugins.result import Action, Log, LogLevel, PluginResult, Publish
from claimx_pipeline.topics import Topic

ASSIGNED = "CUSTOM_TASK_ASSIGNED"
COMPLETED = "CUSTOM_TASK_COMPLETED"
TASK_EVENTS = "CUSTOM_TASK_"


@frozen(kw_only=True)
class LogAction:
    """A log line to write."""

    message: str
    """May name ``{event_id}``, ``{event_type}``, ``{project_id}``, ``{task_id}``,
    ``{assignment_id}``, ``{task_name}``, ``{task_status}``."""

    level: LogLevel = "info"
    """How severe it is."""


@frozen(kw_only=True)
class TriggerActions:
    """What one kind of event sets off."""

    publish_to_topic: str | None = None
    """Topic that gets the task's message."""

    log: str | LogAction | None = None
    """Line to log, as text or with its level."""


@frozen(kw_only=True)
class Trigger:
    """What happens to tasks of one template."""

    name: str = ""
    """Shown in messages and headers."""

    description: str = ""
    """For the reader of the settings."""

    on_assigned: TriggerActions | None = None
    """When the event says that the task was assigned."""

    on_completed: TriggerActions | None = None
    """When the event says that the task was completed."""

    on_any: TriggerActions | None = None
    """On every task event, besides the two above."""

    def blocks(self, event_type: str) -> Iterator[tuple[str, TriggerActions]]:
        """Yield the blocks that an event of *event_type* sets off, with their names."""
        if event_type == ASSIGNED and self.on_assigned:
            yield "on_assigned", self.on_assigned
        if event_type == COMPLETED and self.on_completed:
            yield "on_completed", self.on_completed
        if self.on_any:
            yield "on_any", self.on_any


@frozen(kw_only=True)
class TaskTriggerConfig:
    """Settings of a task trigger."""

    triggers: Mapping[int, Trigger] = field(factory=dict)
    """Task template id to what happens to its tasks."""

    include_task_data: bool = True
    """Whether the message holds the task's row."""

    include_project_data: bool = False
    """Whether the message holds the project's row."""


class TaskTriggerPlugin(Plugin):
    """Looks at every task of a task event and carries out what its trigger says."""

    name = "task_trigger"
    priority = 50
    config_class: ClassVar[type[Any] | None] = TaskTriggerConfig
    config: TaskTriggerConfig

    def topics(self) -> Iterator[Topic]:
        """Yield the topics that the triggers publish to."""
        names = {
            block.publish_to_topic
            for trigger in self.config.triggers.values()
            for block in (trigger.on_assigned, trigger.on_completed, trigger.on_any)
            if block and block.publish_to_topic
        }
        for name in sorted(names):
            yield Topic(name)

    def should_run(self, context: EnrichmentContext) -> bool:
        """Tell whether the event is about a task that has a trigger."""
        return context.event_type.startswith(TASK_EVENTS) and any(
            task.get("task_id") in self.config.triggers for task in context.tasks
        )

    def execute(self, context: EnrichmentContext) -> PluginResult:
        """Return the actions of every task's trigger."""
        actions: list[Action] = []
        for task in context.tasks:
            trigger = self.config.triggers.get(task.get("task_id", -1))
            if trigger is None:
                continue
            for _, block in trigger.blocks(context.event_type):
                actions += self._actions(context, task, trigger, block)
        return PluginResult.ok("", *actions)

    def _actions(
        self, context: EnrichmentContext, task: EntityRow, trigger: Trigger, block: TriggerActions
    ) -> Iterator[Action]:
        if block.publish_to_topic:
            headers = {
                "x-trigger-name": trigger.name,
                "x-task-id": str(task.get("task_id")),
                "x-event-type": context.event_type,
            }
            payload = self.payload(context, task, trigger)
            yield Publish(block.publish_to_topic, payload, str(task.get("assignment_id")), headers)
        if block.log:
            wanted = LogAction(message=block.log) if isinstance(block.log, str) else block.log
            names = {**context.describe(), **_task_names(task)}
            yield Log(wanted.level, wanted.message.format_map(_Placeholders(names)))

    def payload(
        self, context: EnrichmentContext, task: EntityRow, trigger: Trigger
    ) -> dict[str, Any]:
        """Return the message about one task; its time is the event's own."""
        message: dict[str, Any] = {
            "trigger_name": trigger.name,
            **context.describe(),
            **_task_names(task),
            "timestamp": context.event.ingested_at,
        }
        if self.config.include_task_data:
            message["task"] = task
        if self.config.include_project_data and context.project is not None:
            message["project"] = context.project
        return message


def _task_names(task: EntityRow) -> dict[str, Any]:
    return {
        "task_id": task.get("task_id"),
        "assignment_id": task.get("assignment_id"),
        "task_name": task.get("task_name"),
        "task_status": task.get("status"),
    }


class _Placeholders(dict[str, Any]):
    """A name nobody knows stays in the text as it is written."""

    def __missing__(self, key: str) -> str:
        return f"{{{key}}}"
