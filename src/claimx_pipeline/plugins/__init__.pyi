from .base import (
    Plugin,
)
from .conditions import (
    Holds,
    check_conditions,
    compile_conditions,
)
from .state.view import (
    PluginState,
)
from .task_trigger import (
    TaskTriggerPlugin,
)
from .triggers import (
    LogAction,
    TaskTriggerConfig,
    Trigger,
    TriggerActions,
    WebhookAction,
)

__all__ = [
    "Holds",
    "LogAction",
    "Plugin",
    "PluginState",
    "TaskTriggerConfig",
    "TaskTriggerPlugin",
    "Trigger",
    "TriggerActions",
    "WebhookAction",
    "check_conditions",
    "compile_conditions",
]
