"""Publishes what only a producer of somebody else's would: other times, aborted transactions."""

from __future__ import annotations

import contextlib
import json
import uuid
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any, Self

from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from attrs import frozen

from tests.faults.strangers.judge import RAW
from tests.faults.strangers.records import Stranger
from tests.rigs.kafka_server import KafkaServer
from tests.rigs.whole_pipeline import WholePipeline

ANY_TIME = {"message.timestamp.after.max.ms": str(2**63 - 1), "retention.ms": "-1"}
"""Kafka itself refuses times more than an hour ahead unless it is asked to take them, and
deletes what is said to be of the year 1970 within minutes."""


@frozen
class OddProducer:
    """A producer of Kafka's own; without Kafka there is nothing to publish."""

    transactional: AIOKafkaProducer | None = None

    @classmethod
    @contextlib.asynccontextmanager
    async def at(cls, whole: WholePipeline, kafka: KafkaServer | None) -> AsyncIterator[Self]:
        """Let the topic of raw events take any time, and connect."""
        if kafka is None:
            yield cls()
            return
        host = kafka.url.removeprefix("kafka://")
        topic = whole.pipeline.topology.physical(RAW)
        admin = AIOKafkaAdminClient(bootstrap_servers=host)
        await admin.start()
        await admin.alter_configs([ConfigResource(ConfigResourceType.TOPIC, topic, ANY_TIME)])
        await admin.close()
        named = uuid.uuid4().hex
        transactional = AIOKafkaProducer(bootstrap_servers=host, transactional_id=named)
        async with transactional:
            yield cls(transactional)

    async def publish(self, strangers: Sequence[Stranger]) -> None:
        """Publish records with times of their own, all in one transaction that is committed."""
        if not strangers:
            return
        assert self.transactional is not None, "the embedded broker takes no times"
        async with self.transactional.transaction():
            for each in strangers:
                record = each.record
                await self.transactional.send_and_wait(
                    record.topic,
                    record.value,
                    record.key,
                    headers=list(record.headers),
                    timestamp_ms=each.timestamp_ms,
                )

    async def abort(self, topic: str, good: Mapping[str, Any], number: int) -> set[str]:
        """Publish three events in a transaction that is aborted; return their ids."""
        if self.transactional is None:
            return set()
        names = {f"aborted-{number}-{each}" for each in range(3)}
        await self.transactional.begin_transaction()
        for name in sorted(names):
            value = json.dumps({**good, "event_id": name}).encode()
            await self.transactional.send_and_wait(topic, value)
        await self.transactional.abort_transaction()
        return names
