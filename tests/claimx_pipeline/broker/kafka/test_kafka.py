"""What the Kafka broker does when Kafka does not do its part."""

from __future__ import annotations

import asyncio
import os
import signal
import time
import uuid
from collections.abc import Awaitable, Callable

import pytest
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.admin.config_resource import ConfigResource, ConfigResourceType
from aiokafka.consumer.group_coordinator import GroupCoordinator
from aiokafka.protocol.commit import OffsetFetchRequest, OffsetFetchResponse_v3

from claimx_pipeline import Done
from claimx_pipeline.broker.kafka.broker import KafkaBroker
from claimx_pipeline.broker.protocol import NewTopic, OutRecord, TopicPartition
from claimx_pipeline.errors import (
    BrokerError,
    BrokerUnavailableError,
    RecordTooLargeError,
    SettingsError,
    UnknownTopicError,
)
from claimx_pipeline.runtime.dead_letters.dead_letter import DeadLetter
from claimx_pipeline.runtime.offsets.start_checks import look_at
from claimx_pipeline.settings.secret import Secret
from claimx_pipeline.settings.tree.broker import BrokerSettings, KafkaSettings
from tests.rigs.kafka_server import free_port
from tests.rigs.worker import DEAD, OUT, Rig, Scripted


def broker_at(url: str, deadline: float = 10.0, **kafka) -> KafkaBroker:
    options = {"session_timeout_seconds": 6.0, **kafka}
    return KafkaBroker(
        url, BrokerSettings(url=url, deadline_seconds=deadline, kafka=KafkaSettings(**options))
    )


def ask_each_way(broker: KafkaBroker) -> list[Callable[[], Awaitable[object]]]:
    admin = broker.admin()
    return [
        broker.producer().start,
        broker.consumer(group="g", topics=["t"]).start,
        admin.topics,
        lambda: admin.create_topics([NewTopic("t", 1)]),
    ]


async def test_a_kafka_that_is_not_there_ends_in_one_sentence_at_once():
    port = free_port()
    for ask in ask_each_way(broker_at(f"kafka://127.0.0.1:{port}", deadline=30)):
        started = time.monotonic()
        with pytest.raises(BrokerUnavailableError, match=rf"127\.0\.0\.1:{port}.*broker\.url"):
            await ask()
        assert time.monotonic() - started < 5


async def test_a_server_that_never_answers_ends_in_one_sentence_after_the_deadline():
    async def silence(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()
        writer.close()

    server = await asyncio.start_server(silence, "127.0.0.1")
    async with server:
        port = server.sockets[0].getsockname()[1]
        for ask in ask_each_way(broker_at(f"kafka://127.0.0.1:{port}", deadline=0.5)):
            started = time.monotonic()
            with pytest.raises(BrokerUnavailableError, match=r"within 0\.5 s.*broker\.url"):
                await ask()
            assert time.monotonic() - started < 5


@pytest.mark.kafka
async def test_those_who_ask_for_all_topics_at_one_moment_share_an_answer(kafka_url, monkeypatch):
    admin, asked = broker_at(kafka_url).admin(), []
    describe = AIOKafkaAdminClient.describe_topics

    def counted(client):
        asked.append(1)
        return describe(client)

    monkeypatch.setattr(AIOKafkaAdminClient, "describe_topics", counted)
    name = f"shared-{uuid.uuid4().hex[:8]}"
    other = f"{name}.other"
    try:
        await admin.create_topics([NewTopic(name, 2), NewTopic(other, 1)])
        asked.clear()
        found = await asyncio.gather(admin.topics(), admin.topics(), admin.end_offsets(name))
        assert (found[0][name], found[1][name], found[2]) == (2, 2, {0: 0, 1: 0})
        assert len(asked) == 1
        # A look at a group's offsets: once for where topics begin, once for where they end.
        asked.clear()
        partitions = [TopicPartition(name, 0), TopicPartition(other, 0)]
        assert (await look_at(admin, "none", partitions)).keys() == set(partitions)
        assert len(asked) == 2
        # One who gives up takes nothing from the others.
        asked.clear()
        giving_up = asyncio.ensure_future(admin.topics())
        staying = asyncio.ensure_future(admin.topics())
        await asyncio.sleep(0)
        giving_up.cancel()
        assert (await staying)[name] == 2
        assert len(asked) == 1
        asking = asyncio.ensure_future(admin.topics())
        await asyncio.sleep(0)
        await admin.close()
        with pytest.raises(BrokerError, match="the administrator is closed"):
            await asking
        assert len(asked) == 1  # nothing connects again
    finally:
        await admin.close()


@pytest.mark.kafka
async def test_a_refusal_takes_nothing_from_those_who_ask_beside_it(kafka_url):
    """Kafka refuses to delete records that there are not yet; the client stays for the others."""
    admin = broker_at(kafka_url).admin()
    name = f"refused-{uuid.uuid4().hex[:8]}"
    try:
        await admin.create_topics([NewTopic(name, 1)])
        client = admin._clients.client
        refused, found = await asyncio.gather(
            admin.delete_records(name, {0: 99}), admin.topics(), return_exceptions=True
        )
        assert isinstance(refused, BrokerError)
        assert not isinstance(refused, BrokerUnavailableError)
        assert found[name] == 1
        assert admin._clients.client is client
    finally:
        await admin.close()


@pytest.mark.kafka
@pytest.mark.incident("REB-04")
async def test_a_frozen_kafka_is_noticed_everywhere_and_all_goes_on_when_it_is_back(
    own_kafka, caplog
):
    url, server = own_kafka.url, own_kafka.process
    broker = broker_at(url, deadline=2.0)
    admin, producer = broker.admin(), broker.producer()
    consumer = broker.consumer(group="g", topics=["t"])
    try:
        await admin.create_topics([NewTopic("t", 2)])
        await producer.start()
        await consumer.start()
        await producer.publish([OutRecord("t", b"before", bucket=0)])
        (batch,) = await first_batches(consumer)

        server.send_signal(signal.SIGSTOP)
        started = time.monotonic()
        with pytest.raises(BrokerUnavailableError, match="within 2 s"):
            await producer.publish([OutRecord("t", b"during", bucket=1)])
        with pytest.raises(BrokerUnavailableError):
            await consumer.commit({batch.assignment: 1})
        with pytest.raises(BrokerUnavailableError):
            await admin.topics()
        with pytest.raises(BrokerUnavailableError):
            await consumer.poll(max_records=10, timeout=0.5)
        assert time.monotonic() - started < 30
        assert consumer.assignments() == frozenset()

        server.send_signal(signal.SIGCONT)
        await published(producer, [OutRecord("t", b"after", bucket=1)])
        found = set()  # the commit's outcome is unknown, so "before" may or may not come again
        while b"after" not in found:
            found |= {r.value for b in await first_batches(consumer) for r in b.records}
        assert "t" in await admin.topics()
        lost = [r.message for r in caplog.records if "never retrieved" in r.message]
        assert lost == []
    finally:
        server.send_signal(signal.SIGCONT)
        for thing in (consumer, producer, admin):
            await thing.close()


@pytest.mark.incident("SHD-02")
@pytest.mark.kafka
@pytest.mark.incident("REB-05")
async def test_a_silent_kafka_shows_in_polling_and_closing_stays_within_its_limit(own_kafka):
    url, server = own_kafka.url, own_kafka.process
    broker = broker_at(url, deadline=2.0)
    admin, producer = broker.admin(), broker.producer()
    polled, closed = (broker.consumer(group=g, topics=["t"]) for g in ("polled", "closed"))
    try:
        await admin.create_topics([NewTopic("t", 1)])
        await producer.start()
        await producer.publish([OutRecord("t", b"x")])
        for consumer in (polled, closed):
            await consumer.start()
            await first_batches(consumer)
        server.send_signal(signal.SIGSTOP)
        with pytest.raises(BrokerUnavailableError, match="did not answer"):
            await first_batches(polled, forgiving=False)
        started = time.monotonic()
        for thing in (closed, producer, admin, polled):
            await thing.close()
        assert time.monotonic() - started < 20
    finally:
        server.send_signal(signal.SIGCONT)


async def published(producer, records):
    """Publish as a worker does: again while Kafka, just back, says that it is not ready."""
    async with asyncio.timeout(40):
        while True:
            try:
                return await producer.publish(records)
            except BrokerUnavailableError:
                await asyncio.sleep(0.1)


async def first_batches(consumer, *, forgiving=True):
    async with asyncio.timeout(40):
        while True:
            try:
                if batches := await consumer.poll(max_records=100, timeout=0.2):
                    return batches
            except BrokerUnavailableError:
                if not forgiving:
                    raise


@pytest.mark.kafka
async def test_a_record_over_the_limit_is_named_and_nothing_is_published(kafka_url):
    broker = broker_at(kafka_url, max_request_bytes=10_000)
    admin, producer = broker.admin(), broker.producer()
    topic = f"large.{free_port()}"
    await admin.create_topics([NewTopic(topic, 1)])
    await producer.start()
    with pytest.raises(RecordTooLargeError, match=r"broker\.max_record_bytes") as refused:
        await producer.publish([OutRecord(topic, b"x"), OutRecord(topic, b"x" * 10_000)])
    assert refused.value.index == 1
    assert await admin.end_offsets(topic) == {0: 0}
    await producer.publish([OutRecord(topic, b"x" * 4_000)] * 20)
    assert await admin.end_offsets(topic) == {0: 20}
    await producer.close()
    await admin.close()


async def limit_records(url: str, topic: str, largest: int) -> None:
    """Let Kafka take no batch of more than *largest* bytes for *topic*."""
    client = AIOKafkaAdminClient(bootstrap_servers=url.removeprefix("kafka://"))
    await client.start()
    limits = {"max.message.bytes": str(largest)}
    await client.alter_configs([ConfigResource(ConfigResourceType.TOPIC, topic, configs=limits)])
    await client.close()


@pytest.mark.kafka
@pytest.mark.incident("PRF-02")
async def test_a_record_the_server_refuses_is_named_and_all_others_are_published_once(kafka_url):
    """The topic takes less than the client sends: batches are cut, one record is refused."""
    broker = broker_at(kafka_url, compression="none")
    admin, producer = broker.admin(), broker.producer()
    topic = f"limited.{free_port()}"
    await admin.create_topics([NewTopic(topic, 1)])
    await limit_records(kafka_url, topic, 2_000)
    await producer.start()
    records = [OutRecord(topic, f"{number:03}".encode() * 100) for number in range(30)]
    await producer.publish(records)
    with pytest.raises(RecordTooLargeError, match=r"max\.message\.bytes") as refused:
        await producer.publish([*records[:3], OutRecord(topic, b"x" * 5_000), *records[3:]])
    assert (refused.value.index, refused.value.left) == (3, (3,))
    found = await admin.read(TopicPartition(topic, 0), 0, 60, max_records=100)
    assert [record.value for record in found] == [record.value for record in records] * 2
    await producer.close()
    await admin.close()


@pytest.mark.kafka
async def test_a_worker_goes_on_when_kafka_refuses_what_one_record_publishes(kafka_url, tmp_path):
    prefix = f"large{free_port()}."
    rig = await Rig.make(tmp_path, kafka_url, prefix)
    await limit_records(kafka_url, f"{prefix}{OUT.name}", 2_000)

    def act(text: str) -> Done:
        noise = os.urandom(9_000 if text == "m7" else 10)  # nothing that can be compressed
        return Done(publish=(OutRecord(OUT.name, f"{text} {noise.hex()}".encode(), b"k"),))

    await rig.publish(*(f"m{number}" for number in range(20)))
    loop = rig.loop(rig.failing(Scripted(act)), asyncio.Event())
    await rig.run_until(lambda: loop.metrics.records == 20, loop)
    assert [text.split()[0] for text in await rig.published()] == [
        f"m{number}" for number in range(20) if number != 7
    ]
    (dead,) = await rig.records(DEAD)
    assert dead.value == b"m7"
    assert DeadLetter.read(dead).error_type == "RecordTooLargeError"
    assert await rig.committed() == 20


@pytest.mark.kafka
@pytest.mark.parametrize("compression", ["none", "lz4", "snappy", "zstd"])
async def test_every_compression_is_read_back(kafka_url, compression):
    broker = broker_at(kafka_url, compression=compression)
    admin, producer = broker.admin(), broker.producer()
    topic = f"compressed.{compression}.{free_port()}"
    await admin.create_topics([NewTopic(topic, 1)])
    await producer.start()
    await producer.publish([OutRecord(topic, b"abc" * 1000)])
    consumer = broker.consumer(group=topic, topics=[topic])
    await consumer.start()
    (batch,) = await first_batches(consumer)
    assert batch.records[0].value == b"abc" * 1000
    for thing in (consumer, producer, admin):
        await thing.close()


@pytest.mark.kafka
async def test_retention_reaches_kafka_and_none_means_for_ever(kafka_url):
    broker = broker_at(kafka_url)
    admin = broker.admin()
    names = [f"kept.{kind}.{free_port()}" for kind in ("day", "ever")]
    await admin.create_topics([NewTopic(names[0], 1, retention_hours=24), NewTopic(names[1], 1)])
    client = AIOKafkaAdminClient(bootstrap_servers=kafka_url.removeprefix("kafka://"))
    await client.start()
    kept = {}
    for name in names:
        (answer,) = await client.describe_configs([ConfigResource(ConfigResourceType.TOPIC, name)])
        for _, _, _, _, entries in answer.resources:
            kept[name] = {entry[0]: entry[1] for entry in entries}["retention.ms"]
    await client.close()
    await admin.close()
    assert kept == {names[0]: "86400000", names[1]: "-1"}


@pytest.mark.kafka
async def test_a_refused_topic_says_why(kafka_url):
    admin = broker_at(kafka_url).admin()
    with pytest.raises(BrokerError, match=r"replicated.*cannot be created"):
        await admin.create_topics([NewTopic("replicated", 1, replication=3)])
    with pytest.raises(UnknownTopicError):
        await admin.end_offsets("replicated")
    await admin.close()


def test_sasl_without_a_password_is_refused():
    with pytest.raises(SettingsError, match=r"broker\.kafka: SASL_SSL needs"):
        broker_at("kafka://h:1", security_protocol="SASL_SSL", username="u")


def test_a_missing_authority_file_is_refused(tmp_path):
    with pytest.raises(SettingsError, match=r"broker\.kafka\.ca_file.*ca\.pem"):
        broker_at("kafka://h:1", security_protocol="SSL", ca_file=str(tmp_path / "ca.pem"))


def test_credentials_reach_the_client_and_never_the_url():
    broker = broker_at(
        "kafka://ns.servicebus.windows.net:9093",
        security_protocol="SASL_SSL",
        username="$ConnectionString",
        password=Secret("Endpoint=sb://…"),
    )
    options = broker._connection.options()
    assert options["sasl_plain_username"] == "$ConnectionString"
    assert options["sasl_plain_password"].startswith("Endpoint")
    assert options["ssl_context"] is not None
    assert broker.url == "kafka://ns.servicebus.windows.net:9093"
    assert "Endpoint" not in repr(broker._connection)


@pytest.mark.kafka
async def test_a_coordinator_that_has_just_started_is_asked_again(kafka_url, monkeypatch):
    """Its refusal reaches us as an answer without partitions, as if the group were new."""
    broker, topic = broker_at(kafka_url), uuid.uuid4().hex
    admin = broker.admin()
    await admin.create_topics([NewTopic(topic, 2)])
    producer = broker.producer()
    await producer.start()
    await producer.publish([OutRecord(topic, b"x", bucket=1)])
    await producer.close()
    await admin.commit_offsets(topic, topic, {1: 1})
    real = AIOKafkaAdminClient.list_consumer_group_offsets
    refusals = [{}, {}]

    async def loading(self, *arguments, **options):
        return refusals.pop() if refusals else await real(self, *arguments, **options)

    monkeypatch.setattr(AIOKafkaAdminClient, "list_consumer_group_offsets", loading)
    assert await admin.committed(topic, topic) == {1: 1}
    assert refusals == []
    await admin.close()


@pytest.mark.kafka
@pytest.mark.incident("OFF-09")
@pytest.mark.parametrize("code", [14, 16], ids=["loading", "not the coordinator"])
async def test_a_member_does_not_start_at_the_beginning_when_its_coordinator_has_just_started(
    kafka_url, monkeypatch, code
):
    """The refusal holds no partitions, as the answer of a group without offsets would."""
    broker, topic = broker_at(kafka_url), uuid.uuid4().hex
    admin, producer = broker.admin(), broker.producer()
    await admin.create_topics([NewTopic(topic, 1)])
    await producer.start()
    await producer.publish([OutRecord(topic, text, bucket=0) for text in (b"old", b"new")])
    await admin.commit_offsets(topic, topic, {0: 1})
    real = GroupCoordinator._send_req
    refusals = [OffsetFetchResponse_v3(0, [], code) for _ in range(2)]

    async def refusing(self, request):
        if isinstance(request, OffsetFetchRequest) and refusals:
            return refusals.pop()
        return await real(self, request)

    monkeypatch.setattr(GroupCoordinator, "_send_req", refusing)
    consumer = broker.consumer(group=topic, topics=[topic])
    await consumer.start()
    async with asyncio.timeout(60):
        while not (batches := await consumer.poll(max_records=10, timeout=0.2)):
            pass
    assert [record.value for batch in batches for record in batch.records] == [b"new"]
    assert refusals == []
    for client in (consumer, producer, admin):
        await client.close()
