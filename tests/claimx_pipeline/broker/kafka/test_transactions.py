"""Transactions of other producers: what they did not commit is not read, nor waited for."""

import asyncio
import contextlib
import struct
import uuid
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka import TopicPartition as KafkaPartition

from claimx_pipeline import Done, OutRecord
from claimx_pipeline.broker.kafka.broker import KafkaBroker
from claimx_pipeline.broker.kafka.unreadable import look_at
from claimx_pipeline.broker.protocol import NewTopic, TopicPartition
from claimx_pipeline.operations import read_topic
from claimx_pipeline.runtime.idle import progress
from claimx_pipeline.settings.tree.broker import BrokerSettings, KafkaSettings
from tests.claimx_pipeline.broker.kafka.test_unreadable import damage, unknown_codec, wrong_checksum
from tests.rigs import members, topics
from tests.rigs.kafka_topics import create_topic
from tests.rigs.until import until
from tests.rigs.worker import IN, OUT, Rig, Scripted

pytestmark = pytest.mark.kafka

PREFIXES = iter(f"tx{number}-{uuid.uuid4().hex[:6]}." for number in range(1000))


@contextlib.asynccontextmanager
async def transactional(url: str, **options) -> AsyncIterator[AIOKafkaProducer]:
    """Give a producer whose transactions the test ends itself."""
    host = url.removeprefix("kafka://")
    producer = AIOKafkaProducer(
        bootstrap_servers=host, transactional_id=uuid.uuid4().hex, **options
    )
    await producer.start()
    try:
        yield producer
    finally:
        await producer.stop()


async def transaction(producer, topic: str, *texts: str, commit: bool, partition: int = 0) -> None:
    await producer.begin_transaction()
    for text in texts:
        await producer.send_and_wait(topic, text.encode(), partition=partition)
    await (producer.commit_transaction() if commit else producer.abort_transaction())


def broker_at(url: str) -> KafkaBroker:
    quick = KafkaSettings(session_timeout_seconds=6.0)
    return KafkaBroker(url, BrokerSettings(url=url, kafka=quick))


async def a_topic(broker: KafkaBroker) -> str:
    name = f"test.{uuid.uuid4().hex}"
    async with topics.admin_of(broker) as admin:
        await admin.create_topics([NewTopic(name, 1)])
    return name


def echoing() -> Scripted:
    return Scripted(lambda text: Done(publish=(OutRecord(OUT.name, text.encode(), b"k"),)))


@pytest.mark.incident("STR-03")
@pytest.mark.incident("STR-04")
async def test_a_worker_reads_what_was_committed_and_is_done_after_the_last_mark(
    tmp_path, kafka_url
):
    rig = await Rig.make(tmp_path, kafka_url, prefix=next(PREFIXES))
    topic = rig.pipeline.topology.physical(IN.name)
    async with transactional(kafka_url) as producer:
        await transaction(producer, topic, "no-1", "no-2", "no-3", commit=False)
        await transaction(producer, topic, "yes-1", commit=True)
        await rig.publish("plain")
        await transaction(producer, topic, "no-4", commit=False, partition=1)
        await transaction(producer, topic, "yes-2", commit=True)
    spec = rig.spec(echoing())
    loop = rig.loop(spec, asyncio.Event())
    async with members.running(loop) as tasks:
        await members.idle(rig.pipeline, [spec], *tasks, seconds=20)
    assert sorted(await rig.published()) == ["plain", "yes-1", "yes-2"]
    listed = await read_topic(rig.pipeline, IN.name)
    assert sorted(record.value for record in listed) == [b"plain", b"yes-1", b"yes-2"]


@pytest.mark.incident("STR-03")
async def test_an_open_transaction_is_not_read_and_its_end_decides(tmp_path, kafka_url):
    """Nor is anything behind it, which nobody can read before."""
    rig = await Rig.make(tmp_path, kafka_url, prefix=next(PREFIXES))
    topic = rig.pipeline.topology.physical(IN.name)
    spec = rig.spec(echoing())
    loop = rig.loop(spec, asyncio.Event())
    async with (
        transactional(kafka_url) as dying,
        transactional(kafka_url) as other,
        topics.admin_of(rig.broker()) as admin,
    ):
        await transaction(other, topic, "before", commit=True)
        await dying.begin_transaction()
        await dying.send_and_wait(topic, b"of one that dies", partition=0)
        await transaction(other, topic, "behind", commit=True)
        assert (await admin.end_offsets(topic))[0] == 2, "the last stable offset"
        assert await admin.count(topic, {0: (0, 2)}) == {0: 1}
        stable = await admin.read(TopicPartition(topic, 0), 0, 2, max_records=10)
        assert [record.value for record in stable] == [b"before"]
        async with members.running(loop) as tasks:
            await members.idle(rig.pipeline, [spec], *tasks, seconds=20)
            assert await rig.published() == ["before"]
            await dying.abort_transaction()
            await until(lambda: loop.metrics.records == 2, *tasks)
            await members.idle(rig.pipeline, [spec], *tasks, seconds=20)
    assert sorted(await rig.published()) == ["before", "behind"]


@pytest.mark.incident("STR-04")
async def test_marks_are_committed_so_that_their_deletion_is_no_loss(tmp_path, kafka_url):
    """Retention takes them before another record comes; the next start is content."""
    rig = await Rig.make(tmp_path, kafka_url, prefix=next(PREFIXES))
    topic = rig.pipeline.topology.physical(IN.name)
    spec = rig.spec(echoing(), batch_size=2)
    loop = rig.loop(spec, asyncio.Event())
    async with transactional(kafka_url) as producer, topics.admin_of(rig.broker()) as admin:
        await transaction(producer, topic, "1", "2", commit=True)
        group = rig.pipeline.topology.group("scripted")

        async def all_committed() -> bool:
            ends = await admin.end_offsets(topic)
            return (await admin.committed(group, topic)).get(0) == ends[0]

        async with members.running(loop) as tasks:
            await until(all_committed, *tasks)
            await transaction(producer, topic, "no", "no", commit=False)
            await transaction(producer, topic, "3", commit=True)
            await transaction(producer, topic, "no", commit=False)
            await until(all_committed, *tasks)
        end = (await admin.end_offsets(topic))[0]
        assert end == 10
        await admin.delete_records(topic, {0: end})
    again = rig.loop(spec, asyncio.Event())
    await rig.publish("4")
    await rig.run_until(lambda: again.metrics.records == 1, again)
    assert await rig.published() == ["1", "2", "3", "4"]


@pytest.mark.incident("STR-04")
@pytest.mark.parametrize("commit", [True, False])
async def test_lag_counts_records_and_neither_marks_nor_what_was_aborted(
    tmp_path, kafka_url, commit
):
    rig = await Rig.make(tmp_path, kafka_url, prefix=next(PREFIXES))
    topic = rig.pipeline.topology.physical(IN.name)
    async with transactional(kafka_url) as producer:
        for number in range(20):
            await transaction(producer, topic, f"{number}", commit=commit)
    spec = rig.spec(Scripted())
    async with topics.admin_of(rig.broker()) as admin:
        assert (await admin.end_offsets(topic))[0] == 40
        found = await progress(admin, rig.pipeline.topology, [spec])
        assert found.lag == {"scripted": 20 if commit else 0}
        assert found.idle() is not commit
        await admin.commit_offsets(rig.pipeline.topology.group("scripted"), topic, {0: 31})
        found = await progress(admin, rig.pipeline.topology, [spec])
        assert found.lag == {"scripted": 4 if commit else 0}


@pytest.mark.incident("STR-04")
async def test_what_is_too_much_to_be_counted_is_never_taken_for_nothing(kafka_url):
    """Far behind megabytes of aborted records lies a single one."""
    broker = broker_at(kafka_url)
    topic = await a_topic(broker)
    async with transactional(kafka_url, max_batch_size=700_000) as producer:
        for _ in range(4):
            await transaction(producer, topic, "x" * 600_000, commit=False)
        async with topics.admin_of(broker) as admin:
            assert await admin.count(topic, {0: (0, 8)}) == {0: 0}
            await transaction(producer, topic, "y", commit=True)
            assert (await admin.count(topic, {0: (0, 10)}))[0] >= 1
            assert await admin.count(topic, {0: (9, 10)}) == {0: 0}


@pytest.mark.incident("STR-03")
@pytest.mark.parametrize("how", [wrong_checksum, unknown_codec])
async def test_beside_a_batch_that_cannot_be_read_aborted_records_stay_unread(
    tmp_path, own_kafka, how
):
    rig = await Rig.make(tmp_path, own_kafka.url)
    async with transactional(own_kafka.url) as producer:
        await transaction(producer, IN.name, "no-1", commit=False)
        await transaction(producer, IN.name, "damaged", commit=True)
        await transaction(producer, IN.name, "yes", commit=True)
        await transaction(producer, IN.name, "no-2", commit=False)
    segment = Path(own_kafka.process.args[-1]).parent / "data" / f"{IN.name}-0" / f"{0:020}.log"
    damage(segment, 2, how)  # batches: no-1, its mark, damaged
    spec = rig.failing(echoing())
    loop = rig.loop(spec, asyncio.Event())
    async with members.running(loop) as tasks:
        await until(lambda: loop.metrics.records == 2, *tasks)
        await members.idle(rig.pipeline, [spec], *tasks, seconds=20)
    assert await rig.published() == ["yes"]


@pytest.mark.incident("STR-04")
async def test_a_compacted_topic_is_read_to_its_end_and_then_idle(kafka_url):
    """The cleaner has removed nearly everything; offsets say a hundred times what there is."""
    broker = broker_at(kafka_url)
    topic = f"compacted.{uuid.uuid4().hex}"
    await create_topic(
        kafka_url,
        topic,
        cleanup_policy="compact",
        segment_bytes="1048576",
        segment_ms="100",
        min_cleanable_dirty_ratio="0.0",
        delete_retention_ms="0",
    )
    async with topics.admin_of(broker) as admin:
        await until(lambda: _exists(admin, topic))
        for part in range(4):
            await topics.publish(
                broker, [OutRecord(topic, b"%d" % part, b"k%d" % (n % 3)) for n in range(50)]
            )
            await asyncio.sleep(0.15)  # a segment is closed by its age
        end = (await admin.end_offsets(topic))[0]

        async def cleaned() -> bool:
            return (await admin.count(topic, {0: (0, end)}))[0] < 60

        await until(cleaned, seconds=60)
        left = await topics.records(broker, topic)
        assert await admin.count(topic, {0: (0, end)}) == {0: len(left)}
        last = left[-1].offset + 1
        assert await admin.count(topic, {0: (last, end)}) == {0: 0}
        assert await admin.read(TopicPartition(topic, 0), last, end, max_records=10) == []


async def _exists(admin, topic: str) -> bool:
    return topic in await admin.topics()


@pytest.mark.incident("STR-03")
async def test_a_look_at_the_log_knows_of_no_aborted_record(kafka_url):
    broker = broker_at(kafka_url)
    topic = await a_topic(broker)
    async with transactional(kafka_url) as producer:
        await transaction(producer, topic, "no", "no", commit=False)
        await transaction(producer, topic, "yes", commit=True)
    async with topics.admin_of(broker) as admin:
        await admin.end_offsets(topic)
        reader = await admin._clients.reader()
        assert (await look_at(reader, KafkaPartition(topic, 0), 0)).readable == 1


def test_the_header_of_a_batch_has_the_length_that_kafka_documents():
    from claimx_pipeline.broker.kafka.raw_log import HEADER

    assert HEADER.size == 61 == struct.calcsize(">qiibIhiqqqhii")
