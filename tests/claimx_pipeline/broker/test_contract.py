"""What every broker promises, checked against each of them."""

from __future__ import annotations

import asyncio
import os
import time
import uuid
from collections import Counter
from collections.abc import AsyncIterator

import pytest
from attrs import evolve

from claimx_pipeline.broker.kafka.broker import KafkaBroker
from claimx_pipeline.broker.protocol import (
    Broker,
    NewTopic,
    OutRecord,
    Record,
    TopicPartition,
)
from claimx_pipeline.broker.sizes import size_of
from claimx_pipeline.broker.sqlite.broker import SqliteBroker
from claimx_pipeline.errors import BrokerError, RecordTooLargeError, UnknownTopicError
from claimx_pipeline.settings.tree.broker import BrokerSettings, KafkaSettings
from claimx_pipeline.testing import BrokerContract
from claimx_pipeline.testing.broker_room import Room, commit_all, numbered, read
from tests.rigs.kafka_topics import create_limited


@pytest.fixture(params=["sqlite", pytest.param("kafka", marks=pytest.mark.kafka)])
async def room(request, tmp_path) -> AsyncIterator[Room]:
    if request.param == "sqlite":
        url = f"sqlite:///{tmp_path}/broker.db"
        room = Room(SqliteBroker(url, BrokerSettings(url=url)))
    else:
        url = request.getfixturevalue("kafka_url")
        quick = KafkaSettings(session_timeout_seconds=6.0)
        room = Room(KafkaBroker(url, BrokerSettings(url=url, kafka=quick)))
    yield room
    await room.close()


async def kept(check: str, room: Room) -> None:
    """See that the broker in *room* keeps one test of the kit's contract."""
    await getattr(BrokerContract, check).check(BrokerContract(), room)


@pytest.mark.incident("RET-07")
async def test_key_bytes_headers_and_time_survive_the_way(room):
    await kept("test_key_bytes_headers_and_time_survive_the_way", room)


@pytest.mark.incident("OFF-09")
async def test_a_new_group_starts_at_the_earliest_record_and_says_so(room, caplog):
    topic = await room.topic()
    await room.publish(*numbered(topic, 3))
    with caplog.at_level("INFO", logger="claimx_pipeline"):
        records = await read(await room.consumer(topic, "fresh"), 3)
    assert [r.value for r in records] == [b"0", b"1", b"2"]
    shown = [r.message for r in caplog.records if "earliest" in r.message]
    assert shown == [f"group fresh has no offset for {topic}[0] and starts at the earliest record"]
    assert any(r.message == f"group fresh owns {topic}[0]" for r in caplog.records)


@pytest.mark.incident("OFF-09")
async def test_a_restarted_member_goes_on_after_what_was_committed(room):
    await kept("test_a_restarted_member_goes_on_after_what_was_committed", room)


@pytest.mark.incident("OFF-02")
async def test_what_was_polled_but_not_committed_comes_again(room):
    await kept("test_what_was_polled_but_not_committed_comes_again", room)


@pytest.mark.incident("OFF-10")
async def test_two_groups_each_receive_everything(room):
    await kept("test_two_groups_each_receive_everything", room)


@pytest.mark.incident("REB-01")
async def test_polling_without_an_assignment_returns_nothing(room):
    await kept("test_polling_without_an_assignment_returns_nothing", room)


@pytest.mark.incident("REB-01")
async def test_polling_an_empty_topic_keeps_its_time_limit(room):
    await kept("test_polling_an_empty_topic_keeps_its_time_limit", room)


async def test_a_partition_that_is_left_out_of_a_poll_keeps_its_records_for_later(room):
    topic = await room.topic(partitions=2)
    await room.publish(*(OutRecord(topic, b"x", bucket=n % 2) for n in range(200)))
    consumer = await room.consumer(topic, "g")
    first = await read(consumer, 10)
    left = [a for a in consumer.assignments() if a.partition == first[0].partition]
    others: list[Record] = []
    while len(others) < 100 - sum(r.partition != left[0].partition for r in first):
        for batch in await consumer.poll(max_records=30, timeout=5.0, without=left):
            others += batch.records
        await asyncio.sleep(0)
    assert {r.partition for r in others} == {1 - left[0].partition}
    everything = consumer.assignments()
    began = time.monotonic()
    assert await consumer.poll(max_records=30, timeout=5.0, without=everything) == []
    assert time.monotonic() - began < 2.5, "it waits for nothing"
    rest = await read(consumer, 200 - len(first) - len(others))
    seen = Counter((r.partition, r.offset) for r in [*first, *others, *rest])
    assert seen == Counter((p, o) for p in range(2) for o in range(100))


@pytest.mark.incident("RET-07")
@pytest.mark.incident("OFF-10")
async def test_an_unknown_topic_is_refused_both_ways_and_not_created(room):
    await kept("test_an_unknown_topic_is_refused_both_ways_and_not_created", room)


async def test_the_offsets_of_a_group_with_members_are_left_alone(room):
    topic = await room.topic()
    await room.publish(*numbered(topic, 3))
    consumer = await room.consumer(topic, "busy")
    await commit_all(consumer, await read(consumer, 3))
    with pytest.raises(BrokerError, match="group 'busy' has members.*; stop its workers first"):
        await room.admin.commit_offsets("busy", topic, {0: 0})
    assert await room.admin.committed("busy", topic) == {0: 3}
    for unknown, partition in ((topic, 1), ("test.nowhere", 0)):
        with pytest.raises(UnknownTopicError):
            await room.admin.commit_offsets("other", unknown, {partition: 0})


@pytest.mark.parametrize("before", [1, 5, 6, 7])
async def test_deleted_records_are_gone_for_everybody_and_the_others_stay(room, before):
    topic = await room.topic(partitions=2)
    await room.publish(*(OutRecord(topic, b"%d" % n, bucket=0) for n in range(5)))
    await room.publish(*(OutRecord(topic, b"%d" % n, bucket=0) for n in range(5, 7)))
    await room.publish(OutRecord(topic, b"other", bucket=1))
    await room.admin.delete_records(topic, {0: before})
    assert await room.admin.begin_offsets(topic) == {0: before, 1: 0}
    assert await room.admin.end_offsets(topic) == {0: 7, 1: 1}
    # Once more, and less than that: nothing comes back and nothing else goes.
    await room.admin.delete_records(topic, {0: before})
    await room.admin.delete_records(topic, {0: 1})
    await room.admin.delete_records(topic, {})
    assert await room.admin.begin_offsets(topic) == {0: before, 1: 0}
    found = await read(await room.consumer(topic, "g"), 7 - before + 1)
    assert sorted(r.value for r in found if r.partition == 0) == [
        b"%d" % n for n in range(before, 7)
    ]
    await room.publish(OutRecord(topic, b"7", bucket=0))
    assert await room.admin.end_offsets(topic) == {0: 8, 1: 1}


async def test_nothing_is_deleted_beyond_the_end_or_of_what_does_not_exist(room):
    topic = await room.topic()
    await room.publish(*numbered(topic, 3))
    with pytest.raises(BrokerError):
        await room.admin.delete_records(topic, {0: 4})
    assert await room.admin.begin_offsets(topic) == {0: 0}
    for unknown, before in ((topic, {1: 1}), (f"missing.{uuid.uuid4().hex}", {0: 1})):
        with pytest.raises(UnknownTopicError):
            await room.admin.delete_records(unknown, before)


def settings_of(room: Room, **changes) -> BrokerSettings:
    return BrokerSettings(url=room.broker.url, **changes)


def another(room: Room, **changes) -> Broker:
    """Return a broker at the same place with other settings."""
    return type(room.broker)(room.broker.url, settings_of(room, **changes))


async def try_to_publish(broker: Broker, *records: OutRecord) -> None:
    producer = broker.producer()
    await producer.start()
    try:
        await producer.publish(records)
    finally:
        await producer.close()


def filled(topic: str, size: int, headers: int, key: int) -> OutRecord:
    """Return a record that counts as exactly *size* bytes; nothing in it can be compressed."""
    bare = OutRecord(topic, b"", os.urandom(key) or None, (("n", b"v"),) * headers)
    return evolve(bare, value=os.urandom(size - size_of(bare)))


@pytest.mark.incident("STR-65")
@pytest.mark.parametrize("headers", [0, 1, 40])
@pytest.mark.parametrize("limit", [None, 5_000])
async def test_one_limit_holds_for_a_record_on_every_broker(room, limit, headers):
    """Exactly that large it is published, with one byte more it is not, and says how much."""
    broker = another(room, max_record_bytes=limit)
    limit = limit or 1_000_000
    topic = await room.topic()
    await try_to_publish(broker, filled(topic, limit, headers, key=7))
    small = OutRecord(topic, b"x")
    with pytest.raises(RecordTooLargeError, match=r"broker\.max_record_bytes") as refused:
        await try_to_publish(broker, small, filled(topic, limit + 1, headers, key=0), small)
    error = refused.value
    assert (error.index, error.size, error.limit, error.left) == (1, limit + 1, limit, None)
    # All in the headers or in the key.
    for large in (
        OutRecord(topic, b"", b"k", (("h", bytes(limit)),)),
        OutRecord(topic, None, bytes(limit)),
    ):
        with pytest.raises(RecordTooLargeError):
            await try_to_publish(broker, small, large)
    assert await room.admin.end_offsets(topic) == {0: 1}


@pytest.mark.incident("STR-65")
async def test_a_larger_record_that_is_stored_stays_readable(room):
    topic = f"test.{uuid.uuid4().hex}"
    if room.broker.url.startswith("kafka"):
        await create_limited(room.broker.url, topic, 8_000_000)
    await room.admin.create_topics([NewTopic(topic, 1)])
    large = OutRecord(topic, os.urandom(6_000_000), b"k")
    generous = another(room, max_record_bytes=7_000_000)
    await try_to_publish(generous, OutRecord(topic, b"a"), large, OutRecord(topic, b"b"))
    records = await read(await room.consumer(topic, "g"), 3)
    assert [record.value for record in records] == [b"a", large.value, b"b"]
    found = []
    while len(found) < 3:
        found += await room.admin.read(TopicPartition(topic, 0), len(found), 3, max_records=10)
    assert [len(record.value) for record in found] == [1, 6_000_000, 1]
    assert (await room.admin.count(topic, {0: (0, 3)}))[0] == 3


UNMARKED = sorted(
    name for name in dir(BrokerContract) if name.startswith("test_") and name not in globals()
)


@pytest.mark.parametrize("check", UNMARKED)
async def test_the_contract_of_the_kit_is_kept(room, check):
    await kept(check, room)
