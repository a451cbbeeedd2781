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
    Log,
    Metric,
    PluginResult,
    Publish,
    Webhook,
)

__all__ = [
    "API_VERSION",
    "AddHeader",
    "Alert",
    "Command",
    "CountedIn",
    "CreateClaimxTask",
    "Dashboard",
    "DomainAction",
    "EnrichmentContext",
    "FileContext",
    "FormerMetric",
    "Log",
    "Metric",
    "Panel",
    "PluginResult",
    "Publish",
    "Query",
    "Webhook",
    "hookimpl",
    "note",
    "print_json",
    "print_table",
]
