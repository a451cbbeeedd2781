"""``TaskTriggerPlugin``: publish, call or log when a task of a given template is seen.

Configured, not programmed::

    triggers:
      4001:
        name: photo request
        on_any:
          publish_to_topic: acme.photo.requests
          conditions: {all: [{field: task_status, in: [assigned, completed]}]}
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, ClassVar

from claimx_pipeline.claimx.task_trigger.triggers import (
    TASK_EVENTS,
    LogAction,
    TaskTriggerConfig,
    Trigger,
    TriggerActions,
    WebhookAction,
)
from claimx_pipeline.domain.domain import Domain
from claimx_pipeline.domain.entities import EntityRow
from claimx_pipeline.errors import Problem
from claimx_pipeline.hooks.context import EnrichmentContext
from claimx_pipeline.hooks.markers import hookimpl
from claimx_pipeline.hooks.result import Action, Log, PluginResult, Publish, Webhook
from claimx_pipeline.plugins.base import Plugin
from claimx_pipeline.settings.nearest import nearest
from claimx_pipeline.settings.tree.connections import CLAIMX_API
from claimx_pipeline.settings.tree.settings import Settings
from claimx_pipeline.topics import BRAND, Topic

_TEMPLATE = re.compile(r"[0-9]{1,19}")
_PLACEHOLDER = re.compile(r"\{(\w+)\}")
_NAMES = (
    *("event_id", "event_type", "domain", "project_id", "trigger_name"),
    *("task_id", "assignment_id", "task_name", "task_status"),
)
"""What the message of a log action may name."""

_PROCESSING = frozenset({"created_at", "updated_at", "last_enriched_at"})
"""Columns of a row that tell when it was made, not what it says."""


class TaskTriggerPlugin(Plugin):
    """Looks at every task of a task event and carries out what its trigger says."""

    name = "task_trigger"
    priority = 50
    domains = (BRAND,)
    description = "publishes, calls or logs when a task of a given template is seen"
    config_class: ClassVar[type[Any] | None] = TaskTriggerConfig
    config: TaskTriggerConfig

    def __init__(self, config: TaskTriggerConfig | None = None) -> None:
        super().__init__(config or TaskTriggerConfig())

    def topics(self) -> Iterator[Topic]:
        """Yield the topics that the triggers publish to."""
        names = {block.publish_to_topic for _, block in self._blocks() if block.publish_to_topic}
        for name in sorted(names):
            yield Topic.named(name)

    @hookimpl
    def claimx_check_settings(
        self, settings: Settings, domains: Sequence[Domain] = ()
    ) -> list[Problem]:
        """Find webhooks of connections that do not exist, and names that no message has."""
        return [*self._unknown_connections(settings, domains), *self._unknown_names()]

    def _unknown_connections(self, settings: Settings, domains: Sequence[Domain]) -> list[Problem]:
        brought = (name for domain in domains for name in domain.connections(settings))
        known = {*settings.connections, *brought, CLAIMX_API}
        return [
            Problem(
                f"plugins.{self.name}.config.triggers.{where}.webhook.connection",
                f"there is no connection {block.webhook.connection!r}; "
                f"there are {', '.join(sorted(known))}",
            )
            for where, block in self._blocks()
            if isinstance(block.webhook, WebhookAction)
            and block.webhook.connection is not None
            and block.webhook.connection not in known
        ]

    def _unknown_names(self) -> Iterator[Problem]:
        for where, block in self._blocks():
            message = block.log.message if isinstance(block.log, LogAction) else block.log or ""
            for name in dict.fromkeys(_PLACEHOLDER.findall(message)):
                if name not in _NAMES:
                    near = nearest(name, _NAMES)
                    hint = f"did you mean {near!r}?" if near else f"there are {', '.join(_NAMES)}"
                    yield Problem(
                        f"plugins.{self.name}.config.triggers.{where}.log",
                        f"there is no name {name!r} for a message; {hint}",
                    )

    def webhook_headers(self) -> Mapping[str, Mapping[str, str]]:
        """Return the headers of each webhook, by template and block."""
        return {
            where: block.webhook.headers
            for where, block in self._blocks()
            if isinstance(block.webhook, WebhookAction) and block.webhook.headers
        }

    def should_run(self, context: EnrichmentContext) -> bool:
        """Tell whether the event is about a task that has a trigger."""
        if not context.event_type.startswith(TASK_EVENTS):
            return False
        triggers = self.config.triggers
        return any(template_of(task) in triggers for task in context.tasks)

    def execute(self, context: EnrichmentContext) -> PluginResult:
        """Return the actions of every task's trigger."""
        actions: list[Action] = []
        for task in context.tasks:
            trigger = self.config.triggers.get(template_of(task))
            if trigger is None:
                continue
            if not (self.config.holds(context, task) and trigger.holds(context, task)):
                continue
            for name, block in trigger.blocks(context.event_type):
                if block.holds(context, task):
                    actions += self._actions(context, task, trigger, name)
        return PluginResult.ok("", *actions)

    def _blocks(self) -> Iterator[tuple[str, TriggerActions]]:
        for template, trigger in self.config.triggers.items():
            for name, block in trigger.all_blocks():
                yield f"{template}.{name}", block

    def _actions(
        self, context: EnrichmentContext, task: EntityRow, trigger: Trigger, name: str
    ) -> Iterator[Action]:
        block: TriggerActions = getattr(trigger, name)
        if block.publish_to_topic:
            headers = {
                "x-trigger-name": trigger.name,
                "x-task-id": str(task.get("task_id")),
                "x-event-type": context.event_type,
            }
            payload = self.payload(context, task, trigger, block)
            yield Publish(block.publish_to_topic, payload, str(task.get("assignment_id")), headers)
        if block.webhook:
            given = block.webhook
            wanted = WebhookAction(url=given) if isinstance(given, str) else given
            yield Webhook(
                url=wanted.url,
                connection=wanted.connection,
                path=wanted.path,
                method=wanted.method,
                headers_from=f"{template_of(task)}.{name}" if wanted.headers else None,
                body=self.payload(context, task, trigger, block),
                timeout=wanted.timeout,
            )
        if block.log:
            line = LogAction(message=block.log) if isinstance(block.log, str) else block.log
            names = {
                **context.describe(),
                **_task_names(task),
                "trigger_name": trigger.name,
            }
            yield Log(line.level, _filled(line.message, names))

    def payload(
        self,
        context: EnrichmentContext,
        task: EntityRow,
        trigger: Trigger,
        block: TriggerActions | None = None,
    ) -> dict[str, Any]:
        """Return the message about one task; its time is the event's own.

        An event that is worked on again makes the same message: it carries the same
        idempotency key, and receivers refuse a key that comes with another body.
        """
        given = block or TriggerActions()
        message: dict[str, Any] = {
            "trigger_name": trigger.name,
            "event_id": context.event_id,
            "event_type": context.event_type,
            "project_id": context.project_id,
            **_task_names(task),
            "timestamp": context.event.ingested_at,
        }
        if context.media_ids:
            message["media_ids"] = list(context.media_ids)
        if _chosen(given.include_task_data, self.config.include_task_data):
            message["task"] = _lasting(task)
        wanted = _chosen(given.include_project_data, self.config.include_project_data)
        if wanted and context.project is not None:
            message["project"] = _lasting(context.project)
        return message


def template_of(task: EntityRow) -> int:
    """Return the task's template as the settings name it, -1 if it has none.

    ClaimX gives ids as numbers; another source may write them as text.
    """
    found = task.get("task_id")
    if isinstance(found, int):
        return found
    if not isinstance(found, str) or not _TEMPLATE.fullmatch(found):
        return -1
    return int(found)


def _chosen(of_block: bool | None, of_plugin: bool) -> bool:
    return of_plugin if of_block is None else of_block


def _lasting(row: EntityRow) -> EntityRow:
    return {name: value for name, value in row.items() if name not in _PROCESSING}


def _task_names(task: EntityRow) -> dict[str, Any]:
    return {
        "task_id": task.get("task_id"),
        "assignment_id": task.get("assignment_id"),
        "task_name": task.get("task_name"),
        "task_status": task.get("status"),
    }


def _filled(message: str, names: Mapping[str, Any]) -> str:
    """Return *message* with its placeholders filled; an unknown name stays as written."""
    return _PLACEHOLDER.sub(
        lambda found: str(names[found[1]]) if found[1] in names else found[0], message
    )
