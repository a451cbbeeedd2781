"""Topics filled with sample events on a real Kafka, and the bare consumer that reads them."""

from __future__ import annotations

import uuid

import sample_events
from aiokafka import AIOKafkaConsumer
from attrs import frozen

from claimx_pipeline.broker.kafka.broker import KafkaBroker
from claimx_pipeline.broker.protocol import NewTopic, OutRecord
from claimx_pipeline.settings.tree.broker import BrokerSettings

PARTITIONS = 4


@frozen
class FilledTopic:
    """A topic and how many events it holds."""

    url: str
    name: str
    count: int

    def broker(self) -> KafkaBroker:
        """Return the broker it lies on."""
        return KafkaBroker(self.url, BrokerSettings(url=self.url))

    async def bare_consumer(self) -> AIOKafkaConsumer:
        """Return a started consumer of a group of its own."""
        consumer = AIOKafkaConsumer(
            bootstrap_servers=self.url.removeprefix("kafka://"),
            group_id=f"bare-{uuid.uuid4().hex}",
            auto_offset_reset="earliest",
            enable_auto_commit=False,
        )
        await consumer.start()
        consumer.subscribe([self.name])
        return consumer


async def fill(url: str, count: int) -> FilledTopic:
    """Create a topic and publish *count* events to it."""
    topic = FilledTopic(url, f"bench-{uuid.uuid4().hex[:8]}", count)
    broker = topic.broker()
    admin, producer = broker.admin(), broker.producer()
    await admin.create_topics([NewTopic(topic.name, PARTITIONS)])
    await admin.close()
    await producer.start()
    for start in range(0, count, 1000):
        numbers = range(start, min(start + 1000, count))
        await producer.publish(
            [
                OutRecord(topic.name, sample_events.value(number), sample_events.key(number))
                for number in numbers
            ]
        )
    await producer.close()
    return topic
