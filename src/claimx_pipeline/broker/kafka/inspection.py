"""What an operator asks Kafka."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any, TypeVar

from aiokafka import TopicPartition as KafkaPartition
from aiokafka.admin import NewTopic as KafkaNewTopic
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.record.memory_records import MemoryRecords
from attrs import define, field

from claimx_pipeline.broker.inspection import Ranges, TopicFacts
from claimx_pipeline.broker.kafka.asking import (
    ASK_AGAIN_SECONDS,
    AskingClients,
    with_retries,
)
from claimx_pipeline.broker.kafka.client import KafkaConnection
from claimx_pipeline.broker.kafka.producer import KafkaProducer
from claimx_pipeline.broker.kafka.raw_log import Fetched, RawBatch, fetch
from claimx_pipeline.broker.protocol import OutRecord, Record
from claimx_pipeline.clock import published_at
from claimx_pipeline.errors import BrokerError

if TYPE_CHECKING:
    from claimx_pipeline.broker.kafka.broker import KafkaBroker

T = TypeVar("T")
FETCH_BYTES = 8 * 1024 * 1024
HOUR_MILLISECONDS = 3_600_000
COMPRESSION = 0x07
"""Bits of a batch's attributes, which are its bytes 21 and 22."""
ATTRIBUTES = 22


@define(eq=False)
class _Found:
    """A record out of a batch; has the shape of ``broker.protocol.Record``."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: Sequence[tuple[str, bytes]]
    timestamp: int


@define(eq=False)
class KafkaInspector:
    """Answers with clients of its own, connected when it is first asked."""

    _connection: KafkaConnection
    _clients: AskingClients = field(init=False)

    def __attrs_post_init__(self) -> None:
        self._clients = AskingClients(self._connection)

    @classmethod
    def of(cls, broker: KafkaBroker) -> KafkaInspector:
        """Return the inspector of *broker*."""
        return cls(broker._connection)  # noqa: SLF001 - the same room

    async def members(self, groups: Sequence[str]) -> Mapping[str, int]:
        """Return how many members each group has."""
        client = await self._clients.admin()
        async with self._connection.answering():
            counts = await asyncio.gather(*(_members(client, group) for group in groups))
        return dict(zip(groups, counts, strict=True))

    async def readers(self) -> Mapping[str, frozenset[str]]:
        """Return, by topic, the groups that have committed an offset of it."""
        client = await self._clients.admin()
        found: defaultdict[str, set[str]] = defaultdict(set)
        async with self._connection.answering():
            for group, *_ in await client.list_consumer_groups():
                offsets = await client.list_consumer_group_offsets(group)
                for at, stored in offsets.items():
                    if stored.offset >= 0:
                        found[at.topic].add(group)
        return {topic: frozenset(groups) for topic, groups in found.items()}

    async def facts(self) -> Mapping[str, TopicFacts]:
        """Return how each topic is kept, Kafka's internal ones left out."""
        client = await self._clients.admin()
        async with self._connection.answering():
            topics = [
                each
                for each in await client.describe_topics()
                if not each["is_internal"] and not each["error_code"]
            ]
            wanted = [ConfigResource(ConfigResourceType.TOPIC, each["topic"]) for each in topics]
            answers = await client.describe_configs(wanted) if wanted else []
        configs: dict[str, dict[str, str]] = {}
        for answer in answers:
            for _, _, _, name, entries in answer.resources:
                configs[name] = {entry[0]: entry[1] for entry in entries}
        return {each["topic"]: _facts(each, configs.get(each["topic"], {})) for each in topics}

    async def find(
        self, topic: str, ranges: Ranges, needles: Sequence[bytes], *, most: int
    ) -> Sequence[Record]:
        """Return the records in which one of *needles* occurs; whole batches are searched."""
        reader = await self._clients.reader()
        found: list[Record] = []
        for number, (start, stop) in sorted(ranges.items()):
            partition, position = KafkaPartition(topic, number), start
            while position < stop and len(found) < most:
                async with self._connection.answering():
                    fetched = await _fetched(reader, partition, position)
                if not fetched.batches:
                    break
                for batch in fetched.of_records():
                    if _may_hold(batch, needles):
                        found += _of_batch(batch, partition, (position, stop), needles)
                position = max(position + 1, fetched.batches[-1].after)
                await asyncio.sleep(0)
        return found[:most]

    async def clock(self, topic: str) -> datetime | None:
        """Return Kafka's time: that of a record in a topic that takes the time of arrival."""
        client = await self._clients.admin()
        wanted = KafkaNewTopic(
            topic, 1, 1, topic_configs={"message.timestamp.type": "LogAppendTime"}
        )
        producer = KafkaProducer(self._connection)
        async with self._connection.answering():
            answer = await client.create_topics([wanted])
        if any(code for _, code, *_ in answer.topic_errors):
            raise BrokerError(f"topic {topic!r} cannot be created to see the broker's time")
        try:
            async with self._connection.answering():
                # Kafka answers before every server knows the new topic, and sends no notice.
                while not any(  # noqa: ASYNC110
                    each["topic"] == topic and each["partitions"] and not each["error_code"]
                    for each in await client.describe_topics()
                ):
                    await asyncio.sleep(ASK_AGAIN_SECONDS)
            await producer.start()
            await producer.publish([OutRecord(topic, b"clock")])
            (record,) = await self.find(topic, {0: (0, 1)}, [b"clock"], most=1)
            return published_at(record.timestamp)
        finally:
            await producer.close()
            await self.delete_topics([topic])

    async def delete_topics(self, topics: Sequence[str]) -> None:
        """Delete those of *topics* that exist, with all that is in them."""
        client = await self._clients.admin()
        async with self._connection.answering():
            existing = {each["topic"] for each in await client.describe_topics()}
            if wanted := [topic for topic in topics if topic in existing]:
                await client.delete_topics(wanted)

    async def close(self) -> None:
        """Disconnect; does nothing the second time."""
        await self._clients.close()


async def _members(client: Any, group: str) -> int:
    # One group per question: aiokafka 0.14 misreads an answer about several.
    answers = await with_retries(lambda: client.describe_consumer_groups([group]))
    return sum(len(found[5]) for answer in answers for found in answer.groups)


async def _fetched(reader: Any, partition: KafkaPartition, position: int) -> Fetched:
    return await with_retries(lambda: fetch(reader, partition, position, most=FETCH_BYTES))


def _facts(topic: Mapping[str, Any], config: Mapping[str, str]) -> TopicFacts:
    kept = int(config.get("retention.ms", "-1"))
    replicas = [len(each["replicas"]) for each in topic["partitions"]]
    return TopicFacts(
        partitions=len(topic["partitions"]),
        replication=min(replicas, default=1),
        retention_hours=None if kept < 0 else kept / HOUR_MILLISECONDS,
        append_time=config.get("message.timestamp.type") == "LogAppendTime",
        min_insync_replicas=int(config.get("min.insync.replicas", "1")),
        unclean_leader_election=config.get("unclean.leader.election.enable") == "true",
        compacted="compact" in config.get("cleanup.policy", ""),
    )


def _may_hold(batch: RawBatch, needles: Sequence[bytes]) -> bool:
    """Return whether a batch has to be decoded; one that is compressed always has."""
    if batch.content[ATTRIBUTES] & COMPRESSION:
        return True
    return any(needle in batch.content for needle in needles)


def _of_batch(
    batch: RawBatch, partition: KafkaPartition, bounds: tuple[int, int], needles: Sequence[bytes]
) -> list[Record]:
    found: list[Record] = []
    for record in MemoryRecords(batch.content).next_batch():
        if not bounds[0] <= record.offset < bounds[1]:
            continue
        parts = (record.value, record.key, *(value for _, value in record.headers))
        if any(needle in part for part in parts if part for needle in needles):
            found.append(
                _Found(
                    partition.topic,
                    partition.partition,
                    record.offset,
                    record.key,
                    record.value,
                    tuple(record.headers),
                    record.timestamp,
                )
            )
    return found
