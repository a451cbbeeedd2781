from .command import (
    Command,
)
from .context import (
    EnrichmentContext,
    FileContext,
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
    CreateClaimxTask,
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
    "EnrichmentContext",
    "FileContext",
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
