"""What lies in topics and what groups have read of them, by the names that the broker knows."""

import contextlib
from collections.abc import AsyncIterator, Sequence

from claimx_pipeline import OutRecord, Pipeline
from claimx_pipeline.broker.protocol import Admin, Broker, NewTopic, Record, TopicPartition


@contextlib.asynccontextmanager
async def admin_of(broker: Broker) -> AsyncIterator[Admin]:
    """Yield an admin client, closed afterwards."""
    admin = broker.admin()
    try:
        yield admin
    finally:
        await admin.close()


async def create_topics(pipeline: Pipeline, *more: NewTopic) -> None:
    """Create every topic of *pipeline* and those of *more*."""
    async with admin_of(pipeline.broker()) as admin:
        await admin.create_topics([*pipeline.topology.new_topics(), *more])


async def publish(broker: Broker, records: Sequence[OutRecord]) -> None:
    """Publish *records* and wait for their acknowledgement."""
    producer = broker.producer()
    await producer.start()
    try:
        await producer.publish(records)
    finally:
        await producer.close()


async def records(broker: Broker, topic: str) -> list[Record]:
    """Return every record of a topic, partition by partition."""
    found: list[Record] = []
    async with admin_of(broker) as admin:
        ends = await admin.end_offsets(topic)
        for partition, begin in (await admin.begin_offsets(topic)).items():
            at, start = TopicPartition(topic, partition), begin
            while more := await admin.read(at, start, ends[partition], max_records=500):
                found += more
                start = more[-1].offset + 1
    return found


async def committed(broker: Broker, group: str, topic: str) -> int:
    """Return how many records of a topic a group has committed."""
    async with admin_of(broker) as admin:
        return sum((await admin.committed(group, topic)).values())
