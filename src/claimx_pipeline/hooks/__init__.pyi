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
    FileContext,
)
from .domain_action import (
    DomainAction,
)
from .event_hooks import EventHooks
from .markers import (
    API_VERSION,
    hookimpl,
)
from .moments import (
    DeadLetterContext,
    RowsCommitted,
    WorkerReadiness,
)
from .monitoring import (
    Alert,
    CountedIn,
    Dashboard,
    FormerMetric,
    Panel,
    Query,
)
from .output import (
    note,
    print_json,
    print_table,
)
from .result import (
    AddHeader,
    ChangeState,
    Later,
    Log,
    Metric,
    PluginResult,
    Publish,
    Webhook,
)
from .transient import (
    TransientError,
)

__all__ = [
    "API_VERSION",
    "AddHeader",
    "Alert",
    "ChangeState",
    "Command",
    "CountedIn",
    "CreateClaimxTask",
    "Dashboard",
    "DeadLetterContext",
    "Dispatched",
    "DomainAction",
    "EnrichmentContext",
    "EventHooks",
    "FileContext",
    "FormerMetric",
    "Holds",
    "Later",
    "Log",
    "LogAction",
    "Metric",
    "Panel",
    "Plugin",
    "PluginMetrics",
    "PluginResult",
    "Problem",
    "Publish",
    "Query",
    "RowsCommitted",
    "Secret",
    "Settings",
    "SettingsSection",
    "TaskTriggerConfig",
    "TaskTriggerPlugin",
    "TransientError",
    "Trigger",
    "TriggerActions",
    "Webhook",
    "WebhookAction",
    "WorkerReadiness",
    "check_conditions",
    "compile_conditions",
    "hookimpl",
    "note",
    "print_json",
    "print_table",
]
