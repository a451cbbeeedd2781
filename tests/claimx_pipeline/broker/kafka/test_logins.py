"""A real Kafka, logged in to by every mechanism: who may, who may not, and what is said."""

import asyncio
import gc
import logging
import uuid
import warnings
from collections import Counter
from typing import Any

import pytest

from claimx_pipeline import Done, OutRecord, Pipeline
from claimx_pipeline.broker.kafka.broker import KafkaBroker
from claimx_pipeline.broker.protocol import NewTopic
from claimx_pipeline.errors import BrokerUnavailableError
from claimx_pipeline.settings.secret import Secret
from claimx_pipeline.settings.tree.broker import BrokerSettings, KafkaSettings
from tests.fakes.issuer import Issuer, issuing
from tests.rigs.secured_kafka import PASSWORD, SESSION_SECONDS, USER
from tests.rigs.until import until
from tests.rigs.worker import OUT, Rig, Scripted

pytestmark = pytest.mark.kafka
KNOWN = {"username": USER, "password": Secret(PASSWORD)}


@pytest.fixture(autouse=True)
def left_by_aiokafka():
    """Collect here, quietly, the connections that aiokafka 0.14 does not close when a login fails."""
    yield
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ResourceWarning)
        gc.collect()


async def used(broker: KafkaBroker) -> list[bytes]:
    """Create a topic, publish to it and read it as a member of a group, all logged in."""
    topic = uuid.uuid4().hex
    admin, producer = broker.admin(), broker.producer()
    consumer = broker.consumer(group=f"g-{topic}", topics=[topic])
    try:
        await admin.create_topics([NewTopic(topic, 1)])
        await producer.start()
        await producer.publish([OutRecord(topic, b"one"), OutRecord(topic, b"two")])
        await consumer.start()
        found: list[bytes] = []
        async with asyncio.timeout(20):
            while len(found) < 2:
                for batch in await consumer.poll(max_records=10, timeout=0.5):
                    found += [record.value for records in [batch.records] for record in records]
                    last = batch.records[-1].offset + 1
                    await consumer.commit({batch.assignment: last})
        return found
    finally:
        await consumer.close()
        await producer.close()
        await admin.close()


async def refused(broker: KafkaBroker) -> str:
    """Return what is said to one who does not get in."""
    admin = broker.admin()
    try:
        with pytest.raises(BrokerUnavailableError) as raised:
            await admin.topics()
    finally:
        await admin.close()
    return str(raised.value)


@pytest.mark.parametrize("mechanism", ["PLAIN", "SCRAM-SHA-256", "SCRAM-SHA-512"])
async def test_a_user_with_the_right_password_gets_in_and_no_other(secured_kafka, mechanism):
    made = secured_kafka.broker(sasl_mechanism=mechanism, **KNOWN)
    assert await used(made) == [b"one", b"two"]
    wrong = {"username": USER, "password": Secret("wr0ng-p4ss")}
    said = await refused(secured_kafka.broker(sasl_mechanism=mechanism, **wrong))
    assert f"refused the login of 'carrier' by {mechanism}" in said
    assert "check broker.kafka.username and password" in said
    assert "wr0ng-p4ss" not in said


async def test_a_certificate_of_an_unknown_authority_is_not_trusted(secured_kafka):
    said = await refused(secured_kafka.broker(ca_file=None, **KNOWN))
    assert "has a certificate that is not trusted" in said
    assert "check broker.kafka.ca_file" in said


@pytest.mark.parametrize("encrypted", [False, True])
async def test_a_client_with_a_certificate_gets_in(secured_kafka, encrypted):
    made, key = secured_kafka.client, {"key_file": str(secured_kafka.client.key)}
    if encrypted:
        file = secured_kafka.authority.encrypted(made.key, "key-p4ss")
        key = {"key_file": str(file), "key_password": Secret("key-p4ss")}
    assert await used(certified(secured_kafka, str(made.certificate), **key)) == [b"one", b"two"]


async def test_a_client_without_a_certificate_is_told_what_is_missing(secured_kafka):
    said = await refused(certified(secured_kafka, None))
    assert "certificate_file" in said


def certified(secured_kafka, certificate_file, **kafka) -> KafkaBroker:
    settings = KafkaSettings(
        security_protocol="SSL",
        ca_file=str(secured_kafka.authority.file),
        certificate_file=certificate_file,
        **kafka,
    )
    return KafkaBroker(secured_kafka.certified_url, BrokerSettings(kafka=settings))


async def test_a_client_with_tokens_gets_in(secured_kafka, tmp_path):
    (tmp_path / "secret").write_text("s3cret\n")
    async with issuing(secured_kafka.keys) as issuer:
        oauth = secured_kafka.oauth(
            issuer.token_url,
            client_secret=None,
            client_secret_file=str(tmp_path / "secret"),
            scope="kafka/.default",
            extensions={"logicalCluster": "lkc-1"},
        )
        assert await used(secured_kafka.broker(**oauth)) == [b"one", b"two"]
        # One for all clients and all of their connections.
        assert issuer.issued == 1
        (form,) = issuer.asked
    assert form["scope"] == ["kafka/.default"]
    assert form["grant_type"] == ["client_credentials"]


async def test_a_refused_client_is_told_in_a_sentence(secured_kafka):
    async with issuing(secured_kafka.keys, secret="another") as issuer:
        said = await refused(secured_kafka.broker(**secured_kafka.oauth(issuer.token_url)))
    assert "cannot be logged in to: client 'claimx' gets no access token: POST http" in said
    assert "answered 401" in said
    assert "check broker.kafka.oauth.client_id, client_secret and scope" in said
    assert "s3cret" not in said


async def test_a_refused_token_is_told_in_a_sentence_and_not_used_again(secured_kafka):
    async with issuing(secured_kafka.keys, claims={"aud": "another"}) as issuer:
        broker = secured_kafka.broker(**secured_kafka.oauth(issuer.token_url))
        said = await refused(broker)
        assert "refused the access token of client 'claimx': " in said
        assert "invalid_token" in said
        issuer.claims = {}
        assert await used(broker) == [b"one", b"two"]


async def test_sessions_and_tokens_end_without_a_lost_or_doubled_record(
    secured_kafka, tmp_path, caplog
):
    """Kafka ends each session, at its own limit or with the token; two tokens come to their end."""
    life = SESSION_SECONDS * 1.5
    caplog.set_level(logging.INFO, "aiokafka.conn")
    async with issuing(secured_kafka.keys, life=life) as issuer:
        rig, running, processor = await working(secured_kafka, tmp_path, issuer)
        expected: list[str] = []
        start = asyncio.get_running_loop().time()
        while asyncio.get_running_loop().time() - start < life * 2.2:
            texts = [f"{len(expected) + number}" for number in range(10)]
            await rig.publish(*texts)
            expected += texts
            await until(lambda: set(expected) <= set(processor.seen), running.task, seconds=40)
        await until(is_committed(rig, len(expected)), running.task, seconds=40)
        await running.end()
    assert Counter(processor.seen) == Counter(expected)
    assert Counter(await rig.published()) == Counter(expected)
    assert issuer.issued >= 3
    logins = [each for each in caplog.records if "Authenticated via" in each.message]
    # Of the consumer, its group and the producer, two ends of a session each.
    assert len(logins) >= 9


def is_committed(rig: Rig, count: int):
    async def ask() -> bool:
        return await rig.committed() == count

    return ask


@pytest.mark.parametrize(
    ("failing", "well", "hint"),
    [
        ({"down": True}, {"down": False}, "check that broker.kafka.oauth.token_url is right"),
        ({"secret": "new"}, {"secret": "s3cret"}, "check broker.kafka.oauth.client_id"),
    ],
)
async def test_without_tokens_a_worker_waits_and_says_for_what(
    secured_kafka, tmp_path, caplog, failing, well, hint
):
    """The issuer is down, or refuses the client; the worker goes on once there are tokens."""
    async with issuing(secured_kafka.keys, life=3.0) as issuer:
        rig, running, _ = await working(secured_kafka, tmp_path, issuer)
        await rig.publish("before")
        await until(is_committed(rig, 1), running.task)
        change(issuer, failing)
        await until(lambda: waits(caplog), running.task, seconds=40)
        asked = len(issuer.asked)
        await rig.publish("meanwhile")
        change(issuer, well)
        await until(is_committed(rig, 2), running.task, seconds=60)
        await running.end()
    assert "client 'claimx' gets no access token: POST http" in waits(caplog)[0]
    assert hint in waits(caplog)[0]
    assert Counter(await rig.published()) == Counter(["before", "meanwhile"])
    # It is not asked as often as aiokafka tries.
    assert asked < 40


def change(issuer: Issuer, values: dict[str, Any]) -> None:
    for name, value in values.items():
        setattr(issuer, name, value)


def waits(caplog) -> list[str]:
    return [
        each.message
        for each in caplog.records
        if "gets no access token" in each.message
        and each.name.startswith("claimx_pipeline.runtime")
    ]


class Running:
    def __init__(self, loop):
        self.loop, self.task = loop, asyncio.create_task(loop.run())

    async def end(self):
        self.loop.stop.set()
        await self.task


async def working(secured_kafka, tmp_path, issuer) -> tuple[Rig, Running, Scripted]:
    """Run a worker that logs in by tokens; the test publishes and looks without a login."""
    rig = await Rig.make(tmp_path, secured_kafka.server.url, f"t-{uuid.uuid4().hex}.")
    secured = {
        "broker.url": secured_kafka.login_url,
        "broker.prefix": rig.pipeline.settings.broker.prefix,
        "broker.deadline_seconds": "3",
        "broker.kafka.session_timeout_seconds": "6",
        "broker.kafka.security_protocol": "SASL_SSL",
        "broker.kafka.sasl_mechanism": "OAUTHBEARER",
        "broker.kafka.ca_file": str(secured_kafka.authority.file),
    }
    environ = {
        "KAFKA_OAUTH_CLIENT_ID": "claimx",
        "KAFKA_OAUTH_CLIENT_SECRET": "s3cret",
        "KAFKA_OAUTH_TOKEN_URL": issuer.token_url,
        "KAFKA_OAUTH_SCOPE": "kafka",
    }
    pipeline = Pipeline.load(environ=environ, cwd=tmp_path, overrides=secured)
    processor = Scripted(lambda text: Done(publish=(OutRecord(OUT.name, text.encode(), b"k"),)))
    of_worker = Rig(pipeline)
    loop = of_worker.loop(of_worker.failing(processor), asyncio.Event())
    return rig, Running(loop), processor
