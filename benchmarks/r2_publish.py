"""R2: publishing what goes to a retry topic, against ``send`` and a flush per 1,000."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime
from typing import Any

import sample_events
from aiokafka import AIOKafkaProducer
from attrs import evolve, frozen
from harness import Conditions, Measured, Result, Stopwatch, compare

from claimx_pipeline.broker.kafka.broker import KafkaBroker
from claimx_pipeline.broker.protocol import NewTopic, OutRecord
from claimx_pipeline.runtime.retry_ladder import RetryLadder
from claimx_pipeline.settings.tree.broker import BrokerSettings

BATCH = 1000


@frozen
class Failed:
    """A record that is to be tried again."""

    value: bytes
    key: bytes
    topic: str = "bench"
    partition: int = 0
    offset: int = 0
    timestamp: int = 0
    headers: tuple[tuple[str, bytes], ...] = ()


def waiting(start: int, topic: str) -> list[OutRecord]:
    """Return records as they go to a retry topic."""
    ladder = RetryLadder("bench", (300.0,))
    failed: list[Any] = [
        Failed(sample_events.value(number), sample_events.key(number))
        for number in range(start, start + BATCH)
    ]
    now = datetime.now(UTC)
    made = [ladder.waiting(each, 0, group="g", return_to="bench", now=now) for each in failed]
    return [evolve(each, topic=topic) for each in made]


async def product(url: str, topic: str, batches: int) -> Measured:
    """Publish as the runtime does: a batch at a time, acknowledged."""
    producer, watch = KafkaBroker(url, BrokerSettings(url=url)).producer(), Stopwatch()
    await producer.start()
    for number in range(batches):
        records = waiting(number * BATCH, topic)
        with watch.running():
            await producer.publish(records)
    await producer.close()
    return watch.measured(batches * BATCH)


async def bare(url: str, topic: str, batches: int) -> Measured:
    """``send`` each, then ``flush``; the same promises asked of the broker."""
    producer = AIOKafkaProducer(
        bootstrap_servers=url.removeprefix("kafka://"), acks="all", enable_idempotence=True
    )
    watch = Stopwatch()
    await producer.start()
    for number in range(batches):
        records = waiting(number * BATCH, topic)
        with watch.running():
            for each in records:
                await producer.send(topic, each.value, each.key, headers=list(each.headers))
            await producer.flush()
    await producer.stop()
    return watch.measured(batches * BATCH)


async def bench(run: Conditions) -> list[Result]:
    """Measure."""
    topic = f"bench-{uuid.uuid4().hex[:8]}"
    admin = KafkaBroker(run.url, BrokerSettings(url=run.url)).admin()
    await admin.create_topics([NewTopic(topic, 3)])
    await admin.close()
    batches = run.of(10, 30)
    return [
        await compare(
            "R2",
            "publish to a retry topic; against send + flush(1000)",
            product=lambda: product(run.url, topic, batches),
            bare=lambda: bare(run.url, topic, batches),
            unit="records/s",
            at_least=3.0,
            rounds=run.rounds,
        )
    ]
