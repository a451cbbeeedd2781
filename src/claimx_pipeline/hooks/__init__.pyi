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
from .former_metrics import (
    CountedIn,
    FormerMetric,
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
    "CountedIn",
    "CreateClaimxTask",
    "DomainAction",
    "EnrichmentContext",
    "FileContext",
    "FormerMetric",
    "Log",
    "Metric",
    "PluginResult",
    "Publish",
    "Webhook",
    "hookimpl",
    "note",
    "print_json",
    "print_table",
]
