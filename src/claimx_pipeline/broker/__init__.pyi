from ..errors import (
    BrokerError,
    BrokerUnavailableError,
    FencedError,
    RecordTooLargeError,
    UnknownTopicError,
)
from ..settings.tree.broker import (
    BrokerSettings,
)
from .inspection import (
    TopicFacts,
)
from .own import (
    embedded_broker,
    kafka_broker,
)
from .protocol import (
    Admin,
    Assignment,
    Broker,
    BrokerFactory,
    Consumer,
    Headers,
    NewTopic,
    OnRevoked,
    OutRecord,
    PolledBatch,
    Producer,
    Record,
    TopicPartition,
    UnreadableRecords,
)

__all__ = [
    "Admin",
    "Assignment",
    "Broker",
    "BrokerError",
    "BrokerFactory",
    "BrokerSettings",
    "BrokerUnavailableError",
    "Consumer",
    "FencedError",
    "Headers",
    "NewTopic",
    "OnRevoked",
    "OutRecord",
    "PolledBatch",
    "Producer",
    "Record",
    "RecordTooLargeError",
    "TopicFacts",
    "TopicPartition",
    "UnknownTopicError",
    "UnreadableRecords",
    "embedded_broker",
    "kafka_broker",
]
