"""Apache Kafka as the broker, through aiokafka 0.14."""

from __future__ import annotations

from collections.abc import Sequence

from claimx_pipeline.broker.kafka.admin import KafkaAdmin
from claimx_pipeline.broker.kafka.client import KafkaConnection
from claimx_pipeline.broker.kafka.consumer import KafkaConsumer
from claimx_pipeline.broker.kafka.producer import KafkaProducer
from claimx_pipeline.broker.protocol import OnRevoked
from claimx_pipeline.settings.tree.broker import BrokerSettings


class KafkaBroker:
    """Topics in Apache Kafka, or in whatever speaks its protocol."""

    url: str
    """Where it is; credentials are never part of it."""

    def __init__(self, url: str, settings: BrokerSettings) -> None:
        """Remember where Kafka is; connects to nothing.

        Args:
            url: ``kafka://HOST:PORT[,HOST:PORT]``.
            settings: The ``broker`` settings.

        Raises:
            SettingsError: The URL is malformed, or the settings do not fit together.
        """
        self._connection = KafkaConnection.of(url, settings)
        self.url = f"kafka://{','.join(self._connection.hosts)}"

    def consumer(
        self, *, group: str, topics: Sequence[str], on_revoked: OnRevoked | None = None
    ) -> KafkaConsumer:
        """Return a member of *group* that reads *topics*; call ``start`` on it."""
        return KafkaConsumer(self._connection, group, tuple(topics), on_revoked)

    def producer(self) -> KafkaProducer:
        """Return a producer; call ``start`` on it."""
        return KafkaProducer(self._connection)

    def admin(self) -> KafkaAdmin:
        """Return an administrator; it connects when it is first asked."""
        return KafkaAdmin(self._connection)
