"""Every setting of the core, with its default and its meaning.

The classes hold values only: reading files and the environment is ``loader``'s work.
Units are in the names. ``claimx-run config show`` and ``config schema`` are made from this file.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from string import Formatter
from typing import Any, ClassVar, Literal, TypeVar

from attrs import Attribute, field, frozen
from attrs.validators import deep_iterable, ge, gt, le, min_len, optional

from claimx_pipeline.settings.masking import masked_repr
from claimx_pipeline.settings.secret import Secret

S = TypeVar("S")

HOST = re.compile(r"(?:[A-Za-z0-9._-]+|\[[0-9A-Fa-f:.]+\])(?::[0-9]{1,5})?")
"""A host, and a port if one is given."""

INLINE = "inline"
"""Metadata of a mapping field whose keys stand beside the other fields in a file.

Its value says which keys those are: ``any``, or the ``sections`` that plugins registered.
"""


def not_blank(_: Any, attribute: Attribute[Any], value: str) -> None:
    """Refuse an empty text: as a place it would be a folder nobody chose.

    Raises:
        ValueError: *value* is empty or white space.
    """
    if not value.strip():
        raise ValueError(f"{attribute.name!r} must not be empty; give it a value or remove it")


def no_blank_values(_: Any, __: Attribute[Any], value: Mapping[str, str]) -> None:
    """Refuse a mapping with an empty value.

    Raises:
        ValueError: A value is empty or white space.
    """
    for key, text in value.items():
        if not text.strip():
            raise ValueError(f"the value of {key!r} must not be empty")


@frozen(kw_only=True)
class TopicSettings:
    """What differs for one topic from what its worker declares."""

    name: str | None = field(default=None, validator=optional(not_blank))
    """What the topic is called on the broker, if not prefix and logical name."""

    partitions: int | None = field(default=None, validator=optional(ge(1)))
    """Number of partitions when it is created."""

    retention_hours: float | None = field(default=None, validator=optional(gt(0)))
    """How long records are kept."""
    retention_bytes: int | None = field(default=None, validator=optional(ge(1)))
    """What each partition keeps, in bytes; its oldest records go when it holds more."""

    replication: int | None = field(default=None, validator=optional(ge(1)))
    """Copies of each partition; Kafka only."""


@frozen(kw_only=True)
class KafkaSettings:
    """How to talk to Kafka; unused with the embedded broker."""

    security_protocol: Literal["PLAINTEXT", "SSL", "SASL_PLAINTEXT", "SASL_SSL"] = "PLAINTEXT"
    """Encryption and authentication of the connection."""

    username: str | None = None
    """SASL PLAIN user; ``$ConnectionString`` for Azure Event Hubs."""

    password: Secret | None = None
    """SASL PLAIN password; the connection string for Azure Event Hubs."""

    ca_file: str | None = None
    """PEM file of the authority that signed the broker's certificate, if it is a private one."""

    compression: Literal["none", "lz4", "snappy", "zstd"] = "zstd"
    """How published batches are compressed."""

    session_timeout_seconds: float = field(default=30.0, validator=gt(0))
    """A member not heard of for this long loses its partitions."""

    max_request_bytes: int = field(default=1_000_000, validator=ge(1024))
    """Largest batch sent; must not exceed what the broker accepts."""


@frozen(kw_only=True)
class BrokerSettings:
    """Where the topics live."""

    url: str = field(
        default="sqlite:///./claimx-data/broker.db", validator=not_blank, repr=masked_repr
    )
    """``sqlite:///FILE`` is the embedded broker, ``kafka://HOST:PORT[,HOST:PORT]`` is Kafka."""

    prefix: str = ""
    """Put in front of every topic and group name."""

    replication: int = field(default=1, validator=ge(1))
    """Copies of each partition of topics that are created; Kafka only."""

    deadline_seconds: float = field(default=30.0, validator=gt(0))
    """How long any single answer of the broker may take."""

    topics: Mapping[str, TopicSettings] = field(factory=dict)
    """By logical topic name."""

    groups: Mapping[str, str] = field(factory=dict, validator=no_blank_values)
    """Logical consumer group name to the name on the broker."""

    kafka: KafkaSettings = field(factory=KafkaSettings)
    """How to talk to Kafka."""


@frozen(kw_only=True)
class ApiSettings:
    """The ClaimX REST API."""

    base_url: str | None = field(default=None, validator=optional(not_blank), repr=masked_repr)
    """For example ``https://www.claimxperience.com/service/cxedirest``."""

    token: Secret | None = None
    """Credential, without the word Basic or Bearer."""

    token_file: str | None = field(default=None, validator=optional(not_blank))
    """File that holds the credential instead; read again when it changes."""

    auth: Literal["basic", "bearer"] = "basic"
    """How the token is sent; basic takes it already base64-encoded."""

    max_concurrent: int = field(default=20, validator=[ge(1), le(1000)])
    """Requests under way at once in one process."""

    timeout_seconds: float = field(default=30.0, validator=gt(0))
    """Total time of one request."""

    connect_timeout_seconds: float = field(default=5.0, validator=gt(0))
    """Time to open a connection."""

    max_retries: int = field(default=2, validator=[ge(0), le(10)])
    """Further tries of a request that failed in a way that may pass."""

    breaker_failures: int = field(default=5, validator=ge(0))
    """Requests that fail in a row before no more are sent for a while; 0 for never."""

    breaker_open_seconds: float = field(default=15.0, validator=gt(0))
    """How long nothing is sent then; afterwards one request tries whether it works again."""

    probe: str | None = field(default=None, validator=optional(not_blank))
    """Path of a harmless GET that tells a failing service from a failing request."""

    project_cache_seconds: float = field(default=300.0, validator=ge(0))
    """How long a project's answer serves events that do not change the project."""

    project_cache_entries: int = field(default=10_000, validator=ge(1))
    """Answers kept at most."""

    sender_username: str = "claimx-pipeline"
    """Named as sender where the API asks for one (video reports)."""


def hosts(_: Any, attribute: Attribute[Any], value: tuple[str, ...]) -> None:
    """Refuse what is no host, with or without a port.

    Raises:
        ValueError: One of *value* is none.
    """
    for host in value:
        if not HOST.fullmatch(host):
            raise ValueError(
                f"{attribute.name!r} holds {host!r}, which is no host; write host or host:port, "
                "without https://"
            )


PATH_NAMES = frozenset({"project_id", "media_id", "file_name"})
"""What may stand in braces in a file's path."""


def path_template(_: Any, attribute: Attribute[Any], value: str) -> None:
    """Refuse a path of which two files could share one.

    Raises:
        ValueError: A name in braces is unknown, the media id is missing, or it is no path.
    """
    try:
        names = {name for _, name, _, _ in Formatter().parse(value) if name is not None}
    except ValueError as error:
        raise ValueError(f"{attribute.name!r} is {value!r}, which is odd: {error}") from error
    if unknown := sorted(names - PATH_NAMES):
        known = ", ".join(sorted(PATH_NAMES))
        raise ValueError(f"{attribute.name!r} names {unknown[0]!r}; it may name {known}")
    if "media_id" not in names:
        raise ValueError(f"{attribute.name!r} must name {{media_id}}; else files share a path")
    if any(part in ("", ".", "..") for part in value.split("/")):
        raise ValueError(f"{attribute.name!r} is {value!r}, which is no relative path")


@frozen(kw_only=True)
class ClaimxMediaSettings:
    """The files of claims, as far as they are ClaimX's own."""

    allowed_hosts: tuple[str, ...] = field(
        default=(
            "www.claimxperience.com",
            "claimxperience.com",
            "claimxperience.s3.amazonaws.com",
            "claimxperience.s3.us-east-1.amazonaws.com",
            "xactware-claimx-us-prod.s3.us-west-1.amazonaws.com",
            "usw2-prod-xn-exportreceiver-publish.s3.us-west-2.amazonaws.com",
        ),
        validator=hosts,
    )
    """Hosts that files may come from, exactly: ``host`` (port 443) or ``host:port``."""

    path: str = field(default="{project_id}/media/{media_id}/{file_name}", validator=path_template)
    """Where a file is put below ``storage.files.root``; must name the file by ``{media_id}``."""


@frozen(kw_only=True)
class ClaimxSettings:
    """ClaimX itself."""

    api: ApiSettings = field(factory=ApiSettings)
    """The ClaimX REST API."""

    media: ClaimxMediaSettings = field(factory=ClaimxMediaSettings)
    """The files of claims, as far as they are ClaimX's own."""


@frozen(kw_only=True)
class TablesSettings:
    """Where the Delta tables live."""

    root: str = field(default="./claimx-data/tables", validator=not_blank, repr=masked_repr)
    """Folder or URL (``s3://``, ``abfss://``, ``az://``) under which each table has its own."""

    paths: Mapping[str, str] = field(factory=dict, validator=no_blank_values)
    """Table name to a place of its own."""

    storage_options: Mapping[str, Secret] = field(factory=dict)
    """What differs for tables from ``storage.options``, by the names deltalake knows."""

    dedupe_window_hours: float = field(default=168.0, validator=gt(0))
    """How far back an append table looks for an earlier row of a key that holds no time."""


@frozen(kw_only=True)
class FilesSettings:
    """Where files end."""

    root: str = field(default="./claimx-data/files", validator=not_blank, repr=masked_repr)
    """Folder or URL (``s3://``, ``abfss://``, ``az://``) under which files are stored."""

    options: Mapping[str, Secret] = field(factory=dict)
    """What differs here from ``storage.options``."""

    max_concurrent: int = field(default=8, validator=[ge(1), le(100)])
    """Files written at once in one worker; each may take 15 MB of memory."""


@frozen(kw_only=True)
class CacheSettings:
    """Where a file lies between download and upload."""

    root: str = field(default="./claimx-data/cache", validator=not_blank, repr=masked_repr)
    """Folder or URL that both workers reach: a disk they share, or an object store."""

    options: Mapping[str, Secret] = field(factory=dict)
    """What differs here from ``storage.options``."""

    keep_hours: float = field(default=72.0, validator=gt(0))
    """A file that no upload has claimed for this long is removed."""


@frozen(kw_only=True)
class StorageSettings:
    """Object storage, for tables and files."""

    options: Mapping[str, Secret] = field(factory=dict)
    """Credentials and options of the object store, for tables and files alike."""

    files: FilesSettings = field(factory=FilesSettings)
    """Where files end."""

    cache: CacheSettings = field(factory=CacheSettings)
    """Where a file lies between download and upload."""


@frozen(kw_only=True)
class MediaSettings:
    """How files are fetched, for every domain."""

    development_hosts: tuple[str, ...] = field(default=(), validator=hosts)
    """``host:port`` pairs that may be reached without encryption and at private addresses."""

    work_dir: str = field(default="./claimx-data/partial", validator=not_blank)
    """Folder of files under way; on a disk of the machine, kept over restarts."""

    max_concurrent: int = field(default=25, validator=[ge(1), le(1000)])
    """Files under way at once in one worker."""

    connect_timeout_seconds: float = field(default=10.0, validator=gt(0))
    """Time to open a connection."""

    read_timeout_seconds: float = field(default=60.0, validator=gt(0))
    """How long nothing may come; a file that keeps coming may take any time."""

    max_redirects: int = field(default=5, validator=[ge(0), le(20)])
    """Redirects followed for one request, each checked as the link was."""

    max_retries: int = field(default=2, validator=[ge(0), le(10)])
    """Further tries without a byte in between, before the record goes to a retry topic."""

    backoff_seconds: float = field(default=0.5, validator=gt(0))
    """First wait between tries; doubles each time."""

    range_threshold_bytes: int = field(default=50 * 1024 * 1024, validator=ge(1))
    """Larger files are fetched by ranges and go on where they were after a failure."""

    range_bytes: int = field(default=20 * 1024 * 1024, validator=ge(1))
    """Size of a range."""

    slice_seconds: float = field(default=60.0, validator=gt(0))
    """After this long a file fetched by ranges lets others have a turn; then it goes on."""

    max_bytes: int | None = field(default=None, validator=optional(ge(1)))
    """Larger files are refused; not given: none is."""

    breaker_failures: int = field(default=5, validator=ge(0))
    """Failures of a host in a row before nothing is fetched from it for a while; 0 for never."""

    breaker_open_seconds: float = field(default=15.0, validator=gt(0))
    """How long nothing is fetched then; afterwards one file tries whether it works again."""


@frozen(kw_only=True)
class StageSettings:
    """One stage of a chain."""

    type: str = field(validator=not_blank)
    """Registered name of the stage, such as ``lookup``."""

    config: Mapping[str, Any] = field(factory=dict, repr=False)
    """The stage's options."""


@frozen(kw_only=True)
class WorkerSettings:
    """What differs for one worker from what it declares, or a worker made of stages."""

    RETIRED: ClassVar[Mapping[str, str]] = {
        "name": "the worker's name is the key above; remove it",
        "destination_connection": "add a stage 'send' with 'connection' as the last one",
        "destination_path": "give the stage 'send' an 'endpoint'",
        "destination_method": "give the stage 'send' a 'method'",
        "enable_auto_commit": "offsets are committed when records are settled; remove it",
        "max_retries": "set retry.delays_seconds, or max_retries of the connection",
    }
    """Keys of the system before, each with what to write instead."""

    batch_size: int | None = field(default=None, validator=optional(ge(1)))
    """Records taken at once, at most."""

    linger_seconds: float | None = field(default=None, validator=optional(ge(0)))
    """How long a batch may wait to fill."""

    outage: Literal["wait", "detour", "dead_letter"] | None = None
    """Whether records wait while a service is away, wait in a retry topic and let others
    pass, or climb the retry ladder and die."""

    input_topic: str | None = field(default=None, validator=optional(not_blank))
    """Topic that is read; a worker that no plugin offers needs one."""

    consumer_group: str | None = field(default=None, validator=optional(not_blank))
    """Consumer group, if not the worker's own."""

    success_topic: str | None = field(default=None, validator=optional(not_blank))
    """Told about each record that came through all stages."""

    error_topic: str | None = field(default=None, validator=optional(not_blank))
    """Where records go that can never work, if not the worker's own dead letters."""

    enrichment_handlers: tuple[StageSettings, ...] | None = field(
        default=None, validator=optional(min_len(1))
    )
    """The whole chain of stages, first to last, instead of the worker's own."""

    stages: Mapping[str, Mapping[str, Any]] = field(factory=dict, repr=False)
    """Stage of the worker's own chain to options that differ."""


@frozen(kw_only=True)
class RetryFamilySettings:
    """How the records of one family of retry topics are tried again."""

    delays_seconds: tuple[float, ...] = field(validator=[min_len(1), deep_iterable(gt(0))])
    """Waits between tries, each with a topic of its own; one try more than waits."""


@frozen(kw_only=True)
class RetrySettings:
    """How a record that failed is tried again."""

    delays_seconds: tuple[float, ...] = field(
        default=(300.0, 600.0, 1200.0, 2400.0), validator=[min_len(1), deep_iterable(gt(0))]
    )
    """Waits between tries, each with a topic of its own; one try more than waits."""

    families: Mapping[str, RetryFamilySettings] = field(factory=dict)
    """Other waits for one family of retry topics, such as ``claimx.downloads``."""

    def delays_of(self, family: str) -> tuple[float, ...]:
        """Return the waits of *family*, in seconds."""
        own = self.families.get(family)
        return own.delays_seconds if own else self.delays_seconds


@frozen(kw_only=True)
class OAuth2Settings:
    """Client credentials that access tokens are asked for with."""

    client_id: str = field(validator=not_blank)
    """Who asks."""

    client_secret: Secret
    """Its credential; never sent anywhere but to ``token_url``."""

    token_url: str = field(validator=not_blank, repr=masked_repr)
    """Where tokens are handed out."""

    scope: str | None = field(default=None, validator=optional(not_blank))
    """What the token is for, if the service asks for that."""


@frozen(kw_only=True)
class ConnectionSettings:
    """A named HTTP service."""

    RETIRED: ClassVar[Mapping[str, str]] = {
        "name": "the connection's name is the key above; remove it",
        "retry_backoff_base": "write 'backoff_seconds'",
        "retry_backoff_max": "write 'backoff_max_seconds'",
        "endpoint": "write it in the stage that sends",
        "method": "write it in the stage that sends",
    }
    """Keys of the system before, each with what to write instead."""

    base_url: str = field(validator=not_blank, repr=masked_repr)
    """Where it is; ``file://DIR`` writes requests as files instead of sending them."""

    auth_type: Literal["none", "bearer", "api_key", "basic", "oauth2"] = "none"
    """How the token is sent; basic takes it already base64-encoded, oauth2 asks for one."""

    auth_token: Secret | None = None
    """Credential."""

    auth_token_file: str | None = field(default=None, validator=optional(not_blank))
    """File that holds the credential instead; read again when it changes."""

    auth_header: str | None = None
    """Header that carries the credential, if not the usual one."""

    oauth2: OAuth2Settings | None = None
    """Client credentials of ``auth_type: oauth2``."""

    headers: Mapping[str, str] = field(factory=dict, repr=False)
    """Sent with every request."""

    timeout_seconds: float = field(default=30.0, validator=gt(0))
    """Total time of one request."""

    connect_timeout_seconds: float = field(default=5.0, validator=gt(0))
    """Time to open a connection."""

    max_retries: int = field(default=2, validator=[ge(0), le(10)])
    """Further tries of a request that failed in a way that may pass."""

    backoff_seconds: float = field(default=0.5, validator=gt(0))
    """First wait between tries; doubles each time, with jitter."""

    backoff_max_seconds: float = field(default=30.0, validator=gt(0))
    """Longest wait between tries, unless the service asks for longer."""

    max_concurrent: int = field(default=20, validator=[ge(1), le(1000)])
    """Requests under way at once in one process."""

    breaker_failures: int = field(default=5, validator=ge(0))
    """Requests that fail in a row before no more are sent for a while; 0 for never."""

    breaker_open_seconds: float = field(default=15.0, validator=gt(0))
    """How long nothing is sent then; afterwards one request tries whether it works again."""

    probe: str | None = field(default=None, validator=optional(not_blank))
    """Path of a harmless GET that tells a failing service from a failing request."""


@frozen(kw_only=True)
class PluginSettings:
    """One plugin, by its name."""

    enabled: bool = True
    """False leaves it out."""

    required: bool | None = None
    """Whether a worker may start without it if it cannot be loaded.

    By default an installed package is required and a directory plugin is not.
    """

    priority: int | None = None
    """Lower runs first; the plugin's own if not given."""

    timeout_seconds: float = field(default=5.0, validator=gt(0))
    """How long it may take over one event; what takes longer is a dead letter of the plugin."""

    config: Mapping[str, Any] = field(factory=dict, repr=False)
    """The plugin's own settings."""


@frozen(kw_only=True)
class PluginsSettings:
    """Plugins: ``plugins.dir``, and ``plugins.<name>`` for each."""

    dir: str = "plugins/config"
    """Folder of directory plugins; empty for none."""

    named: Mapping[str, PluginSettings] = field(factory=dict, metadata={INLINE: "any"})
    """Plugin name to its settings; in a file these stand directly under ``plugins``."""

    def of(self, name: str) -> PluginSettings:
        """Return the settings of plugin *name*, defaults if there are none."""
        return self.named.get(name, PluginSettings())


@frozen(kw_only=True)
class HealthSettings:
    """The health and metrics server of each process."""

    host: str = "127.0.0.1"
    """Address it listens on; ``0.0.0.0`` in a container."""

    port: int | None = field(default=None, validator=optional([ge(0), le(65535)]))
    """Its port; 0 for none. Not given: 8080, or the next free one."""


@frozen(kw_only=True)
class LoggingSettings:
    """What is logged."""

    level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    """Least severe level that is written."""

    format: Literal["auto", "plain", "json"] = "auto"
    """Plain lines on a terminal and JSON elsewhere, or always one of them."""


@frozen(kw_only=True)
class Settings:
    """All settings."""

    broker: BrokerSettings = field(factory=BrokerSettings)
    """Where the topics live."""

    claimx: ClaimxSettings = field(factory=ClaimxSettings)
    """ClaimX itself."""

    tables: TablesSettings = field(factory=TablesSettings)
    """Where the Delta tables live."""

    storage: StorageSettings = field(factory=StorageSettings)
    """Object storage."""

    media: MediaSettings = field(factory=MediaSettings)
    """How files are fetched, for every domain."""

    workers: Mapping[str, WorkerSettings] = field(factory=dict)
    """By worker name."""

    retry: RetrySettings = field(factory=RetrySettings)
    """How a record that failed is tried again."""

    connections: Mapping[str, ConnectionSettings] = field(factory=dict)
    """Named HTTP services for plugins and stages."""

    plugins: PluginsSettings = field(factory=PluginsSettings)
    """Plugins."""

    health: HealthSettings = field(factory=HealthSettings)
    """The health and metrics server."""

    logging: LoggingSettings = field(factory=LoggingSettings)
    """What is logged."""

    sections: Mapping[str, Any] = field(factory=dict, metadata={INLINE: "sections"})
    """Sections that plugins registered, by name; in a file these stand at the top level."""

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

    defaults: str = ""
    """YAML merged under the user's file: for example a connection the plugin brings."""


CORE_ENVIRONMENT: Mapping[str, str] = {
    "KAFKA_BOOTSTRAP_SERVERS": "broker.url",
    "CLAIMX_API_URL": "claimx.api.base_url",
    "CLAIMX_API_BASE_URL": "claimx.api.base_url",
    "CLAIMX_API_TOKEN": "claimx.api.token",
    "CLAIMX_API_MAX_CONCURRENT": "claimx.api.max_concurrent",
    "CLAIMX_API_TIMEOUT_SECONDS": "claimx.api.timeout_seconds",
    "ALLOWED_ATTACHMENT_DOMAINS": "claimx.media.allowed_hosts",
    "ONELAKE_CLAIMX_PATH": "storage.files.root",
    "CLAIMX_DATA_DIR": "tables.root",
    "LOG_LEVEL": "logging.level",
}
"""Environment variable to the setting it sets.

``KAFKA_BOOTSTRAP_SERVERS`` is ``host:port[,host:port]`` and becomes ``kafka://…``. Two
variables of one setting with different values are an error.
"""
