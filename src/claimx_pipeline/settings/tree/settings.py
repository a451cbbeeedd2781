"""Every setting of the core, with its default and its meaning.

The classes hold values only: reading files and the environment is ``loader``'s work.
Units are in the names. ``claimx-run config show`` and ``config schema`` are made from this file.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

from attrs import field, frozen

from claimx_pipeline.settings.former import FormerVariable
from claimx_pipeline.settings.tree.broker import BrokerSettings
from claimx_pipeline.settings.tree.claimx import ClaimxSettings
from claimx_pipeline.settings.tree.connections import ConnectionSettings
from claimx_pipeline.settings.tree.console import ConsoleSettings
from claimx_pipeline.settings.tree.health import HealthSettings
from claimx_pipeline.settings.tree.logging import LoggingSettings
from claimx_pipeline.settings.tree.maintenance import MaintenanceSettings
from claimx_pipeline.settings.tree.media import MediaSettings
from claimx_pipeline.settings.tree.network import NetworkSettings, replaced
from claimx_pipeline.settings.tree.offsets import OffsetsSettings
from claimx_pipeline.settings.tree.plugins import PluginsSettings
from claimx_pipeline.settings.tree.retry import RetrySettings
from claimx_pipeline.settings.tree.sources import SourceSettings
from claimx_pipeline.settings.tree.storage import StorageSettings
from claimx_pipeline.settings.tree.tables import TablesSettings
from claimx_pipeline.settings.tree.validators import INLINE
from claimx_pipeline.settings.tree.workers import WorkerSettings

S = TypeVar("S")


@frozen(kw_only=True)
class Settings:
    """All settings."""

    broker: BrokerSettings = field(factory=BrokerSettings)
    """Where the topics live."""

    claimx: ClaimxSettings = field(factory=ClaimxSettings)
    """ClaimX itself."""

    tables: TablesSettings = field(factory=TablesSettings)
    """Where the Delta tables live."""

    maintenance: MaintenanceSettings = field(factory=MaintenanceSettings)
    """When the tables are looked after, and how long they keep rows."""

    storage: StorageSettings = field(factory=StorageSettings)
    """Object storage."""

    media: MediaSettings = field(factory=MediaSettings)
    """How files are fetched, for every domain."""

    workers: Mapping[str, WorkerSettings] = field(factory=dict)
    """By worker name."""

    sources: Mapping[str, SourceSettings] = field(factory=dict)
    """Where events come from other than a topic; each has a worker ``source-<name>``."""

    retry: RetrySettings = field(factory=RetrySettings)
    """How a record that failed is tried again."""

    offsets: OffsetsSettings = field(factory=OffsetsSettings)
    """What follows when records were deleted before they were read."""

    network: NetworkSettings = field(factory=NetworkSettings)
    """How every HTTP service is reached: proxy and authorities."""

    connections: Mapping[str, ConnectionSettings] = field(factory=dict)
    """Named HTTP services for plugins and stages."""

    plugins: PluginsSettings = field(factory=PluginsSettings)
    """Plugins."""

    health: HealthSettings = field(factory=HealthSettings)
    """The health and metrics server."""

    console: ConsoleSettings = field(factory=ConsoleSettings)
    """The web console."""

    logging: LoggingSettings = field(factory=LoggingSettings)
    """What is logged."""

    sections: Mapping[str, Any] = field(factory=dict, metadata={INLINE: "sections"})
    """Sections that plugins registered, by name; in a file these are at the top level."""

    def with_network(self) -> Settings:
        """Return the settings with ``network`` filled in wherever a service is reached."""
        base = self.network
        if base.is_empty:
            return self
        kafka = self.broker.kafka
        oauth = replaced(kafka.oauth, network=kafka.oauth.network.over(base))
        api = replaced(self.claimx.api, network=self.claimx.api.network.over(base))
        return replaced(
            self,
            broker=replaced(self.broker, kafka=replaced(kafka, oauth=oauth)),
            claimx=replaced(self.claimx, api=api),
            media=replaced(self.media, network=self.media.network.over(base)),
            connections={
                name: replaced(each, network=each.network.over(base))
                for name, each in self.connections.items()
            },
        )

    def section(self, name: str, kind: type[S]) -> S:
        """Return the section *name* that a plugin registered as *kind*."""
        found = self.sections[name]
        if not isinstance(found, kind):
            raise TypeError(f"section {name!r} is a {type(found).__name__}, not a {kind.__name__}")
        return found


@frozen(kw_only=True)
class SettingsSection:
    """A section of its own in the settings, offered by a plugin."""

    name: str
    """Its key at the top level of the file."""

    kind: type[Any] | None = None
    """Its attrs class; every field has a default, so the section may be left out.

    None for a plugin that has no section and only brings variables and defaults.
    """

    environment: Mapping[str, str] = field(factory=dict)
    """Environment variable to the dotted path, from the top of the tree, that it sets."""

    former: tuple[FormerVariable, ...] = ()
    """Variables of a former system, each with the setting that it has become."""

    former_prefixes: tuple[str, ...] = ()
    """Beginnings of the names of that system's variables."""

    former_keys: Mapping[str, str] = field(factory=dict)
    """Dotted path of a key of that system's files, ``*`` meaning anything, to what to write
    instead."""

    defaults: str = ""
    """YAML merged under the user's file: for example a connection the plugin brings."""


CORE_ENVIRONMENT: Mapping[str, str] = {
    "KAFKA_BOOTSTRAP_SERVERS": "broker.url",
    "KAFKA_SECURITY_PROTOCOL": "broker.kafka.security_protocol",
    "KAFKA_SASL_MECHANISM": "broker.kafka.sasl_mechanism",
    "KAFKA_OAUTH_CLIENT_ID": "broker.kafka.oauth.client_id",
    "KAFKA_OAUTH_CLIENT_SECRET": "broker.kafka.oauth.client_secret",
    "KAFKA_OAUTH_TOKEN_URL": "broker.kafka.oauth.token_url",
    "KAFKA_OAUTH_SCOPE": "broker.kafka.oauth.scope",
    "CLAIMX_API_URL": "claimx.api.base_url",
    "CLAIMX_API_BASE_URL": "claimx.api.base_url",
    "CLAIMX_API_TOKEN": "claimx.api.token",
    "CLAIMX_API_MAX_CONCURRENT": "claimx.api.max_concurrent",
    "CLAIMX_API_TIMEOUT_SECONDS": "claimx.api.timeout_seconds",
    "ALLOWED_ATTACHMENT_DOMAINS": "claimx.media.allowed_hosts",
    "ONELAKE_CLAIMX_PATH": "storage.files.root",
    "CLAIMX_CONSOLE_TOKEN": "console.token",
    "CLAIMX_DATA_DIR": "tables.root",
    "LOG_LEVEL": "logging.level",
}
"""Environment variable to the setting it sets.

``KAFKA_BOOTSTRAP_SERVERS`` is ``host:port[,host:port]`` and becomes ``kafka://…``. Two
variables of one setting with different values are an error.
"""
