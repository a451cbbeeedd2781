from ..errors import (
    Problem,
    SettingsError,
)
from .secret import (
    Secret,
)
from .tree.broker import (
    BrokerSettings,
    KafkaOAuthSettings,
    KafkaSettings,
    TopicSettings,
)
from .tree.claimx import (
    ApiSettings,
    ClaimxMediaSettings,
    ClaimxSettings,
    EventsSettings,
)
from .tree.connections import (
    ConnectionSettings,
    OAuth2Settings,
)
from .tree.console import ConsoleSettings
from .tree.health import (
    HealthSettings,
)
from .tree.logging import (
    LoggingSettings,
)
from .tree.maintenance import MaintenanceSettings
from .tree.media import (
    MediaSettings,
)
from .tree.network import (
    NetworkSettings,
)
from .tree.offsets import (
    OffsetsSettings,
)
from .tree.plugins import (
    PluginSettings,
    PluginsSettings,
)
from .tree.retry import (
    RetryFamilySettings,
    RetrySettings,
)
from .tree.settings import (
    Settings,
    SettingsSection,
)
from .tree.storage import (
    CacheSettings,
    StorageSettings,
)
from .tree.tables import (
    TablesSettings,
)
from .tree.tracing import TracingSettings
from .tree.workers import (
    StageSettings,
    WorkerSettings,
)

__all__ = [
    "ApiSettings",
    "BrokerSettings",
    "CacheSettings",
    "ClaimxMediaSettings",
    "ClaimxSettings",
    "ConnectionSettings",
    "ConsoleSettings",
    "EventsSettings",
    "HealthSettings",
    "KafkaOAuthSettings",
    "KafkaSettings",
    "LoggingSettings",
    "MaintenanceSettings",
    "MediaSettings",
    "NetworkSettings",
    "OAuth2Settings",
    "OffsetsSettings",
    "PluginSettings",
    "PluginsSettings",
    "Problem",
    "RetryFamilySettings",
    "RetrySettings",
    "Secret",
    "Settings",
    "SettingsError",
    "SettingsSection",
    "StageSettings",
    "StorageSettings",
    "TablesSettings",
    "TopicSettings",
    "TracingSettings",
    "WorkerSettings",
]
