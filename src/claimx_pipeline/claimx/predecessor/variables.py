"""The predecessor's variables, and the settings that they have become."""

from __future__ import annotations

from collections.abc import Iterator

from claimx_pipeline.settings.former import FormerVariable

PREFIXES = ("CLAIMX_", "EVENTHUB_", "KAFKA_", "ONELAKE_", "LOCAL_KAFKA_", "XACT_")
"""Beginnings of its variables."""

_TABLES = {
    "EVENTS": "claimx_events",
    "PROJECTS": "claimx_projects",
    "CONTACTS": "claimx_contacts",
    "MEDIA": "claimx_attachment_metadata",
    "TASKS": "claimx_tasks",
    "TASK_TEMPLATES": "claimx_task_templates",
    "EXTERNAL_LINKS": "claimx_external_links",
    "VIDEO_COLLAB": "claimx_video_collab",
    "INVENTORY": "claimx_attachments",
}
_NOT_THE_SAME = "the tables are not the same: name another location and import the old one"
_OAUTH = {
    "broker.kafka.sasl_mechanism": "OAUTHBEARER",
    "broker.kafka.security_protocol": "SASL_SSL",
}
_EVENT_HUBS = (
    "Event Hubs are reached by Kafka: broker.url kafka://NAMESPACE.servicebus.windows.net:9093, "
    "broker.kafka.username $ConnectionString, and this as broker.kafka.password"
)
_POSITIONS = "positions are kept by the broker's groups and in the tables; nothing is to be set"


def _tables() -> Iterator[FormerVariable]:
    for kind, table in _TABLES.items():
        for name in (f"CLAIMX_DELTA_{kind}_TABLE", f"CLAIMX_{kind}_TABLE_PATH"):
            yield FormerVariable(
                name=name,
                why=f"{_NOT_THE_SAME}: claimx-run tables import --from ${name} --table {table}; "
                f"a location of its own for ours is tables.paths.{table}",
            )


VARIABLES: tuple[FormerVariable, ...] = (
    FormerVariable(name="CLAIMX_API_BASE_PATH", setting="claimx.api.base_url"),
    FormerVariable(name="CLAIMX_API_CONCURRENCY", setting="claimx.api.max_concurrent", number=True),
    FormerVariable(
        name="CLAIMX_API_RATE_LIMIT_*",
        why="requests are bounded by claimx.api.max_concurrent, and an answer that asks to wait "
        "is heeded",
    ),
    *_tables(),
    FormerVariable(name="ONELAKE_BASE_PATH", setting="storage.files.root"),
    FormerVariable(name="CACHE_DIR", setting="storage.cache.root"),
    FormerVariable(name="TEMP_DIR", setting="media.work_dir"),
    FormerVariable(
        name="KAFKA_OAUTH_CLIENT_ID", setting="broker.kafka.oauth.client_id", implies=_OAUTH
    ),
    FormerVariable(
        name="KAFKA_OAUTH_CLIENT_SECRET",
        setting="broker.kafka.oauth.client_secret",
        secret=True,
        implies=_OAUTH,
    ),
    FormerVariable(
        name="KAFKA_OAUTH_TOKEN_URL", setting="broker.kafka.oauth.token_url", implies=_OAUTH
    ),
    FormerVariable(name="KAFKA_OAUTH_SCOPE", setting="broker.kafka.oauth.scope", implies=_OAUTH),
    FormerVariable(name="LOCAL_KAFKA_BOOTSTRAP_SERVERS", setting="broker.url", lead="kafka://"),
    FormerVariable(name="LOCAL_KAFKA_SECURITY_PROTOCOL", setting="broker.kafka.security_protocol"),
    FormerVariable(
        name="KAFKA_CONSUMER_GROUP_PREFIX",
        why="groups are called by broker.groups, one by one; a prefix for topics and groups alike "
        "is broker.prefix",
    ),
    FormerVariable(name="CLAIMX_EVENTS_TOPIC", setting='broker.topics."claimx.events.raw".name'),
    FormerVariable(name="RETRY_DELAYS", setting="retry.delays_seconds", number=True, listed=True),
    FormerVariable(name="MAX_RETRIES", why="there are as many retries as retry.delays_seconds has"),
    FormerVariable(
        name="ENABLE_DELTA_WRITES",
        why="tables are written by the workers `events`, `entities` and `results`: do not start "
        "them to have none",
    ),
    FormerVariable(
        name="PIPELINE_TRANSPORT", why="the scheme of broker.url says it: kafka:// or sqlite://"
    ),
    FormerVariable(name="SOURCE_EVENTHUB_*", why=_EVENT_HUBS),
    FormerVariable(name="EVENTHUB_CHECKPOINT_*", why=_POSITIONS),
    FormerVariable(name="EVENTHUB_DEDUP_*", why=_POSITIONS),
    FormerVariable(
        name="EVENTHUB_CLAIMX_*_NAME", why="a topic is called by broker.topics, by its name here"
    ),
    FormerVariable(name="EVENTHUB_CLAIMX_*", why="a group is called by broker.groups"),
    FormerVariable(name="EVENTHUB_DEFAULT_CONSUMER_GROUP", why="broker.groups names each group"),
    FormerVariable(name="EVENTHUB_*CONNECTION_STRING", why=_EVENT_HUBS),
    FormerVariable(
        name="JSON_LOGS", why="logging.format is plain, json, or auto: JSON but on a terminal"
    ),
    FormerVariable(name="LOG_DIR", why="logs go to stderr alone; the service manager keeps them"),
    FormerVariable(name="LOG_TO_STDOUT", why="logs go to stderr alone"),
    FormerVariable(
        name="DISABLE_SSL_VERIFY",
        why="certificates are always verified; network.ca_file names a private authority",
    ),
    FormerVariable(
        name="CLAIMX_EVENTHOUSE_*", why="events come from the topic claimx.events.raw alone"
    ),
    FormerVariable(name="CLAIMX_POLL_*", why="events come from the topic claimx.events.raw alone"),
    FormerVariable(name="CLAIMX_DEDUP_*", why=_POSITIONS),
    FormerVariable(
        name="XACT_*", why="XactAnalysis is a domain of its own; see examples/xact-domain"
    ),
    *(
        FormerVariable(name=name, setting=f"storage.options.{name}", secret=True)
        for name in ("AZURE_TENANT_ID", "AZURE_CLIENT_ID", "AZURE_CLIENT_SECRET")
    ),
)
"""What the predecessor read, as far as it is not read under the same name here."""
