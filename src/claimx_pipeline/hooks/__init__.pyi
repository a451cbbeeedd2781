from ..claimx.task_trigger.conditions import (
    Holds,
    check_conditions,
    compile_conditions,
)
from ..claimx.task_trigger.plugin import (
    TaskTriggerPlugin,
)
from ..claimx.task_trigger.triggers import (
    LogAction,
    TaskTriggerConfig,
    Trigger,
    TriggerActions,
    WebhookAction,
)
from ..errors import (
    Problem,
)
from ..plugins.base import (
    Plugin,
)
from ..settings.secret import (
    Secret,
)
from ..settings.tree.settings import (
    Settings,
    SettingsSection,
)
from ..telemetry.plugin_metrics import (
    PluginMetrics,
)
from .claimx_task import (
    CreateClaimxTask,
)
from .command import (
    Command,
)
from .context import (
    Dispatched,
    EnrichmentContext,
    EventHooks,
    FileContext,
)
from .domain_action import (
    DomainAction,
)
from .markers import (
    API_VERSION,
    hookimpl,
)
from .output import (
    note,
    print_json,
    print_table,
)
from .result import (
    AddHeader,
    Log,
    Metric,
    PluginResult,
    Publish,
    Webhook,
)

__all__ = [
    "API_VERSION",
    "AddHeader",
    "Command",
    "CreateClaimxTask",
    "Dispatched",
    "DomainAction",
    "EnrichmentContext",
    "EventHooks",
    "FileContext",
    "Holds",
    "Log",
    "LogAction",
    "Metric",
    "Plugin",
    "PluginMetrics",
    "PluginResult",
    "Problem",
    "Publish",
    "Secret",
    "Settings",
    "SettingsSection",
    "TaskTriggerConfig",
    "TaskTriggerPlugin",
    "Trigger",
    "TriggerActions",
    "Webhook",
    "WebhookAction",
    "check_conditions",
    "compile_conditions",
    "hookimpl",
    "note",
    "print_json",
    "print_table",
]
