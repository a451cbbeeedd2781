"""The predecessor's settings files and classes: what each name has become."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

_OWN_TABLES: Final = (
    "name a location of your own as tables.root, and bring the old rows with "
    "'claimx-run tables import'"
)
_EVENT_HUBS: Final = (
    "Event Hubs are reached by Kafka: set broker.url to kafka://NAMESPACE.servicebus.windows.net"
    ":9093, and broker.kafka"
)
_TRIGGERS: Final = (
    "triggers are an option of the plugin that has them: plugins.NAME.config.triggers"
)

KEYS: Final[Mapping[str, str]] = {
    "*plugins_dir": "write plugins.dir",
    "*task_triggers": _TRIGGERS,
    "kafka.*bootstrap_servers": "write broker.url: kafka://HOST:PORT",
    "kafka.*oauth*": "write broker.kafka.oauth",
    "kafka.*security_protocol": "write broker.kafka.security_protocol",
    "kafka.*sasl_*": "write broker.kafka.sasl_mechanism, with username and password there",
    "kafka.*topic*": 'write broker.topics."NAME".name, by the name that the topic has here',
    "kafka.*group*": "write broker.groups, by the name that the group has here",
    "kafka.*retry_delays*": "write retry.delays_seconds",
    "kafka.*retry*": "write retry",
    "kafka.*batch_size": "write workers.NAME.batch_size",
    "kafka.*max_poll_records": "write workers.NAME.batch_size",
    "kafka.*batch_timeout*": "write workers.NAME.linger_seconds",
    "kafka.*flush_timeout*": "write workers.NAME.linger_seconds",
    "kafka.*": "the broker is set in broker, and each worker in workers.NAME",
    "delta.*enable_writes": "tables are written by the workers 'events', 'entities' and 'results'; "
    "do not start them to have none",
    "delta.*": _OWN_TABLES,
    "claimx_eventhouse.*": "a database is read by a source; write sources.NAME with the type that "
    "examples/eventhouse-source brings",
    "pipeline.*retry_delays*": "write retry.delays_seconds",
    "pipeline.*consumer_group_prefix": "write broker.groups, or broker.prefix for all",
    "pipeline.storage.onelake*": "write storage.files.root",
    "pipeline.storage.cache_dir": "write storage.cache.root",
    "pipeline.storage.temp_dir": "write media.work_dir",
    "pipeline.storage.retry_persistence_dir": "retries wait in topics of the broker; remove it",
    "transport*": "the scheme of broker.url says it: kafka:// or sqlite://",
    "eventhub.*checkpoint_store*": "offsets are kept by the broker and in the tables; remove it",
    "eventhub.*dedup_store*": "offsets are kept by the broker and in the tables; remove it",
    "eventhub.*": _EVENT_HUBS,
}
"""Dotted path of a key, ``*`` meaning anything, to what to write instead."""
