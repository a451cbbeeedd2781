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
    "ChangeState",
    "Command",
    "CreateClaimxTask",
    "DeadLetterContext",
    "DomainAction",
    "EnrichmentContext",
    "FileContext",
    "Later",
    "Log",
    "Metric",
    "PluginResult",
    "Publish",
    "RowsCommitted",
    "TransientError",
    "Webhook",
    "WorkerReadiness",
    "hookimpl",
    "note",
    "print_json",
    "print_table",
]
