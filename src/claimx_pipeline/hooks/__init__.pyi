from .claimx_task import (
    CreateClaimxTask,
)
from .command import (
    Command,
)
from .context import (
    EnrichmentContext,
    FileContext,
)
from .domain_action import (
    DomainAction,
)
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
    "DomainAction",
    "EnrichmentContext",
    "FileContext",
    "FormerMetric",
    "Later",
    "Log",
    "Metric",
    "Panel",
    "PluginResult",
    "Publish",
    "Query",
    "RowsCommitted",
    "TransientError",
    "Webhook",
    "WorkerReadiness",
    "hookimpl",
    "note",
    "print_json",
    "print_table",
]
