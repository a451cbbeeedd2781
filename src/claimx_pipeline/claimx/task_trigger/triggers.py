"""Settings of task triggers: which tasks of which template set off what."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cached_property
from typing import Any, Literal

from attrs import Attribute, field, frozen
from attrs.validators import gt, optional

from claimx_pipeline.claimx.task_trigger.conditions import (
    Holds,
    check_conditions,
    compile_conditions,
)
from claimx_pipeline.hooks.result import LogLevel
from claimx_pipeline.settings.kinds import KIND, endpoint, http_url
from claimx_pipeline.settings.kinds import headers as are_headers

ASSIGNED = "CUSTOM_TASK_ASSIGNED"
COMPLETED = "CUSTOM_TASK_COMPLETED"
TASK_EVENTS = "CUSTOM_TASK_"


def _address(_: Any, __: Attribute[Any], value: str) -> None:
    if not value.lower().startswith(("http://", "https://")):
        raise ValueError("must start with http:// or https://")


def _one_target(hook: WebhookAction, _: Attribute[Any], value: str | None) -> None:
    if (hook.url is None) == (value is None):
        raise ValueError("is needed if there is no 'url', and wrong beside one")


def _webhook(_: Any, __: Attribute[Any], value: str | WebhookAction | None) -> None:
    if isinstance(value, str):
        _address(_, __, value)


def _webhook_url(value: str | WebhookAction) -> str | None:
    return http_url(value) if isinstance(value, str) else None


@frozen(kw_only=True)
class LogAction:
    """A log line to write."""

    message: str = "Task trigger: {task_id}"
    """May name ``{event_id}``, ``{event_type}``, ``{project_id}``, ``{task_id}``,
    ``{assignment_id}``, ``{task_name}``, ``{task_status}``, ``{trigger_name}``."""

    level: LogLevel = "info"
    """How severe it is."""


@frozen(kw_only=True)
class WebhookAction:
    """A call that carries the task's message."""

    url: str | None = field(default=None, validator=optional(_address), metadata={KIND: http_url})
    """Where to; or ``connection`` and ``path``."""

    connection: str | None = field(default=None, validator=_one_target)
    """A connection of the settings, which knows address and credential."""

    path: str = field(default="/", metadata={KIND: endpoint})
    """Path below the connection's base URL."""

    method: Literal["POST", "PUT", "PATCH", "DELETE", "GET"] = "POST"
    """HTTP method."""

    headers: Mapping[str, str] = field(factory=dict, repr=False, metadata={KIND: are_headers})
    """Further headers; a credential among them is written as ``${VAR}``."""

    timeout: float | None = field(default=None, validator=optional(gt(0)))
    """Seconds; the connection's own if not given."""


@frozen(kw_only=True)
class TriggerActions:
    """What one kind of event sets off."""

    publish_to_topic: str | None = None
    """Topic that gets the task's message."""

    webhook: str | WebhookAction | None = field(
        default=None, validator=_webhook, metadata={KIND: _webhook_url}
    )
    """URL that is called with the task's message, or how to call it."""

    log: str | LogAction | None = None
    """Line to log, as text or with its level."""

    conditions: Mapping[str, Any] | None = field(default=None, validator=check_conditions)
    """``any`` or ``all`` of comparisons; what does not hold sets nothing off."""

    include_task_data: bool | None = None
    """Whether the message holds the task's row; as for the whole plugin if not given."""

    include_project_data: bool | None = None
    """Whether the message holds the project's row; as for the whole plugin if not given."""

    @cached_property
    def holds(self) -> Holds:
        """Tells whether ``conditions`` hold."""
        return compile_conditions(self.conditions)


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

    conditions: Mapping[str, Any] | None = field(default=None, validator=check_conditions)
    """``any`` or ``all`` of comparisons, for every block of this trigger."""

    @cached_property
    def holds(self) -> Holds:
        """Tells whether ``conditions`` hold."""
        return compile_conditions(self.conditions)

    def blocks(self, event_type: str) -> Iterator[tuple[str, TriggerActions]]:
        """Yield the blocks that an event of *event_type* sets off, with their names."""
        if event_type == ASSIGNED and self.on_assigned:
            yield "on_assigned", self.on_assigned
        if event_type == COMPLETED and self.on_completed:
            yield "on_completed", self.on_completed
        if self.on_any:
            yield "on_any", self.on_any

    def all_blocks(self) -> Iterator[tuple[str, TriggerActions]]:
        """Yield every block there is, with its name."""
        for name in ("on_assigned", "on_completed", "on_any"):
            if block := getattr(self, name):
                yield name, block


@frozen(kw_only=True)
class TaskTriggerConfig:
    """Settings of a task trigger."""

    triggers: Mapping[int, Trigger] = field(factory=dict)
    """Task template id to what happens to its tasks."""

    conditions: Mapping[str, Any] | None = field(default=None, validator=check_conditions)
    """``any`` or ``all`` of comparisons, for every trigger."""

    include_task_data: bool = True
    """Whether the message holds the task's row."""

    include_project_data: bool = False
    """Whether the message holds the project's row."""

    @cached_property
    def holds(self) -> Holds:
        """Tells whether ``conditions`` hold."""
        return compile_conditions(self.conditions)
