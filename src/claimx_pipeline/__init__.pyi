from ._version import (
    __version__,
)
from .broker.protocol import (
    OutRecord,
    Record,
)
from .claimx.entities import EntityRows
from .claimx.events import (
    Event,
)
from .claimx.handlers.protocol import Handled, Handler
from .clock import (
    Clock,
    SystemClock,
)
from .errors import (
    Category,
    ClaimxError,
    DecodeError,
    Problem,
    RecordError,
    SettingsError,
    UsageError,
)
from .hooks.context import (
    EnrichmentContext,
    FileContext,
)
from .hooks.markers import (
    API_VERSION,
    hookimpl,
)
from .hooks.result import (
    PluginResult,
)
from .library.pipeline import (
    Pipeline,
)
from .plugins.base import (
    Plugin,
)
from .plugins.task_trigger import (
    TaskTriggerPlugin,
)
from .runtime.outcome import (
    DONE,
    Dead,
    Done,
    Held,
    Outcome,
    Retry,
    failure,
)
from .runtime.resources import (
    Resources,
)
from .runtime.worker import (
    Processor,
    Received,
    WorkerSpec,
)
from .settings.secret import (
    Secret,
)
from .settings.tree.connections import (
    ConnectionSettings,
)
from .settings.tree.settings import (
    Settings,
    SettingsSection,
)
from .topics import (
    Topic,
)

__all__ = [
    "API_VERSION",
    "DONE",
    "Category",
    "ClaimxError",
    "Clock",
    "ConnectionSettings",
    "Dead",
    "DecodeError",
    "Done",
    "EnrichmentContext",
    "EntityRows",
    "Event",
    "FileContext",
    "Handled",
    "Handler",
    "Held",
    "OutRecord",
    "Outcome",
    "Pipeline",
    "Plugin",
    "PluginResult",
    "Problem",
    "Processor",
    "Received",
    "Record",
    "RecordError",
    "Resources",
    "Retry",
    "Secret",
    "Settings",
    "SettingsError",
    "SettingsSection",
    "SystemClock",
    "TaskTriggerPlugin",
    "Topic",
    "UsageError",
    "WorkerSpec",
    "__version__",
    "failure",
    "hookimpl",
]
