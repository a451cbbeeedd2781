"""What every broker promises, checked against each of them."""

from __future__ import annotations

import asyncio
import os
import time
import uuid
from collections import Counter
from collections.abc import AsyncIterator, Callable, Sequence

import pytest
from attrs import evolve

from claimx_pipeline.broker.kafka.broker import KafkaBroker
from claimx_pipeline.broker.protocol import (
    Assignment,
    Broker,
    Consumer,
    NewTopic,
    OnRevoked,
    OutRecord,
    Producer,
    Record,
    TopicPartition,
)
from claimx_pipeline.broker.sizes import size_of
from claimx_pipeline.broker.sqlite.broker import SqliteBroker
from claimx_pipeline.errors import BrokerError, FencedError, RecordTooLargeError, UnknownTopicError
from claimx_pipeline.settings.tree.broker import BrokerSettings, KafkaSettings
from tests.rigs.kafka_topics import create_limited

PATIENCE_SECONDS = 30.0


class Room:
    """A broker under test, and everything that was opened on it."""

    def __init__(self, broker: Broker) -> None:
        self.broker = broker
        self.admin = broker.admin()
        self._opened: list[Consumer | Producer] = []

    async def topic(self, partitions: int = 1) -> str:
        name = f"test.{uuid.uuid4().hex}"
        await self.admin.create_topics([NewTopic(name, partitions)])
        return name

    async def consumer(
        self, topic: str, group: str, on_revoked: OnRevoked | None = None
    ) -> Consumer:
        consumer = self.broker.consumer(group=group, topics=[topic], on_revoked=on_revoked)
        await consumer.start()
        self._opened.append(consumer)
        return consumer

    async def publish(self, *records: OutRecord) -> None:
        producer = self.broker.producer()
        await producer.start()
        try:
            await producer.publish(records)
        finally:
            await producer.close()

    async def close(self) -> None:
        for one in self._opened:
            await one.close()
        await self.admin.close()


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


def numbered(topic: str, count: int, start: int = 0) -> list[OutRecord]:
    return [OutRecord(topic, b"%d" % n) for n in range(start, start + count)]


async def read(consumer: Consumer, count: int) -> list[Record]:
    """Read exactly *count* records; more than that would be a fault."""
    found: list[Record] = []
    end = time.monotonic() + PATIENCE_SECONDS
    while len(found) < count:
        assert time.monotonic() < end, f"only {len(found)} of {count} records came"
        for batch in await consumer.poll(max_records=count - len(found), timeout=0.2):
            found.extend(batch.records)
    assert len(found) == count
    return found


async def commit_all(consumer: Consumer, records: Sequence[Record]) -> None:
    owned = {(a.topic, a.partition): a for a in consumer.assignments()}
    await consumer.commit({owned[r.topic, r.partition]: r.offset + 1 for r in records})


async def polled_until(condition: Callable[[], bool], *consumers: Consumer) -> list[Record]:
    """Poll *consumers* until *condition* holds; return what they read meanwhile."""
    found: list[Record] = []
    end = time.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert time.monotonic() < end, "it never came true"
        for consumer in consumers:
            for batch in await consumer.poll(max_records=1000, timeout=0.05):
                found.extend(batch.records)
    return found


def owner_count(consumer: Consumer, count: int) -> Callable[[], bool]:
    return lambda: len(consumer.assignments()) == count


@pytest.mark.incident("RET-07")
async def test_key_bytes_headers_and_time_survive_the_way(room):
    topic = await room.topic()
    headers = (("b", b"1"), ("a", b"\x00\xff"), ("b", b"2"), ("empty", b""), ("ü", b"x"))
    before = time.time() * 1000
    await room.publish(
        OutRecord(topic, b"\x00\xffvalue", key=b"\x01key", headers=headers),
        OutRecord(topic, b""),
    )
    full, bare = await read(await room.consumer(topic, "g"), 2)
    assert (full.topic, full.partition, full.offset) == (topic, 0, 0)
    assert (full.key, full.value, tuple(full.headers)) == (b"\x01key", b"\x00\xffvalue", headers)
    assert (bare.key, bare.value, tuple(bare.headers)) == (None, b"", ())
    assert before - 1000 <= full.timestamp <= time.time() * 1000 + 1000


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
    topic = await room.topic()
    await room.publish(*numbered(topic, 150))
    first = await room.consumer(topic, "g")
    await commit_all(first, await read(first, 100))
    await first.close()
    second = await room.consumer(topic, "g")
    assert (await read(second, 1))[0].offset == 100
    assert await room.admin.committed("g", topic) == {0: 100}


@pytest.mark.incident("OFF-02")
async def test_what_was_polled_but_not_committed_comes_again(room):
    topic = await room.topic()
    await room.publish(*numbered(topic, 50))
    first = await room.consumer(topic, "g")
    records = await read(first, 50)
    await commit_all(first, records[:10])
    await first.close()
    second = await room.consumer(topic, "g")
    assert [r.offset for r in await read(second, 40)] == list(range(10, 50))


@pytest.mark.incident("OFF-10")
async def test_two_groups_each_receive_everything(room):
    topic = await room.topic(partitions=3)
    await room.publish(*(OutRecord(topic, b"%d" % n, key=b"%d" % n) for n in range(60)))
    for group in ("one", "two"):
        records = await read(await room.consumer(topic, group), 60)
        assert {r.value for r in records} == {b"%d" % n for n in range(60)}


async def test_members_share_partitions_and_a_leaving_one_hands_over_its_own(room):
    topic = await room.topic(partitions=4)
    first = await room.consumer(topic, "g")
    await polled_until(owner_count(first, 4), first)
    second = await room.consumer(topic, "g")
    await polled_until(lambda: owner_count(first, 2)() and owner_count(second, 2)(), first, second)
    both = [(a.topic, a.partition) for c in (first, second) for a in c.assignments()]
    assert sorted(both) == [(topic, n) for n in range(4)]
    await second.close()
    await polled_until(owner_count(first, 4), first)
    await room.publish(*(OutRecord(topic, b"%d" % n, bucket=n) for n in range(4)))
    assert {r.partition for r in await read(first, 4)} == {0, 1, 2, 3}


async def test_a_commit_under_an_old_epoch_is_refused_and_moves_nothing(room):
    topic = await room.topic(partitions=2)
    await room.publish(*(OutRecord(topic, b"x", bucket=n % 2) for n in range(20)))
    first = await room.consumer(topic, "g")
    records = await read(first, 20)
    old = {a.partition: a for a in first.assignments()}
    await commit_all(first, [r for r in records if r.offset == 4])

    second = await room.consumer(topic, "g")
    await polled_until(lambda: owner_count(first, 1)() and owner_count(second, 1)(), first, second)
    (moved,) = (a.partition for a in second.assignments())
    with pytest.raises(FencedError) as refused:
        await first.commit({old[moved]: 9})
    assert (refused.value.topic, refused.value.partition) == (topic, moved)

    await second.close()
    await polled_until(owner_count(first, 2), first)
    # The partition is back, yet what was read under the old epoch no longer counts.
    with pytest.raises(FencedError):
        await first.commit({old[moved]: 9})
    assert await room.admin.committed("g", topic) == {0: 5, 1: 5}
    (now,) = (a for a in first.assignments() if a.partition == moved)
    assert now.epoch > old[moved].epoch
    await first.commit({now: 7})
    assert (await room.admin.committed("g", topic))[moved] == 7


async def test_a_fenced_commit_still_stores_what_is_owned(room):
    topic = await room.topic(partitions=2)
    consumer = await room.consumer(topic, "g")
    await polled_until(owner_count(consumer, 2), consumer)
    await room.publish(*(OutRecord(topic, b"x", bucket=n % 2) for n in range(4)))
    await read(consumer, 4)
    owned = {a.partition: a for a in consumer.assignments()}
    stale = Assignment(topic, 1, owned[1].epoch + 1000)
    with pytest.raises(FencedError):
        await consumer.commit({stale: 2, owned[0]: 1})
    assert await room.admin.committed("g", topic) == {0: 1}


async def test_what_is_committed_while_partitions_are_revoked_is_accepted(room):
    topic = await room.topic(partitions=2)
    await room.publish(*(OutRecord(topic, b"x", bucket=n % 2) for n in range(20)))
    revoked: list[Assignment] = []

    async def on_revoked(assignments: Sequence[Assignment]) -> None:
        revoked.extend(assignments)
        await first.commit(dict.fromkeys(assignments, 10))

    first = await room.consumer(topic, "g", on_revoked)
    await read(first, 20)
    second = await room.consumer(topic, "g")
    await polled_until(owner_count(second, 1), first, second)
    (moved,) = (a.partition for a in second.assignments())
    assert moved in {a.partition for a in revoked}
    assert (await room.admin.committed("g", topic))[moved] == 10


@pytest.mark.incident("REB-01")
async def test_polling_without_an_assignment_returns_nothing(room):
    topic = await room.topic(partitions=1)
    await room.publish(*numbered(topic, 1))
    first = await room.consumer(topic, "g")
    await polled_until(owner_count(first, 1), first)
    second = await room.consumer(topic, "g")
    started = time.monotonic()
    idle = second if not second.assignments() else first
    assert await idle.poll(max_records=10, timeout=0.1) == []
    assert time.monotonic() - started < 2


@pytest.mark.incident("REB-01")
async def test_polling_an_empty_topic_keeps_its_time_limit(room):
    topic = await room.topic()
    consumer = await room.consumer(topic, "g")
    await polled_until(owner_count(consumer, 1), consumer)
    started = time.monotonic()
    assert await consumer.poll(max_records=10, timeout=0.3) == []
    assert 0.25 <= time.monotonic() - started < 2


async def test_a_paused_partition_is_silent_and_loses_nothing(room):
    topic = await room.topic(partitions=2)
    await room.publish(*(OutRecord(topic, b"x", bucket=n % 2) for n in range(200)))
    consumer = await room.consumer(topic, "g")
    first = await read(consumer, 10)
    held = [a for a in consumer.assignments() if a.partition == first[0].partition]
    consumer.pause(held)
    others = await read(consumer, 100)
    assert {r.partition for r in others} == {1 - held[0].partition}
    assert await consumer.poll(max_records=1000, timeout=0.2) == []
    consumer.resume(held)
    rest = await read(consumer, 90)
    seen = Counter((r.partition, r.offset) for r in [*first, *others, *rest])
    assert seen == Counter((p, o) for p in range(2) for o in range(100))


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
    known = await room.topic()
    missing = f"missing.{uuid.uuid4().hex}"
    consumer = room.broker.consumer(group="g", topics=[known, missing])
    with pytest.raises(UnknownTopicError, match=missing):
        await consumer.start()
    await consumer.close()
    with pytest.raises(UnknownTopicError, match=missing):
        await room.publish(OutRecord(known, b"x"), OutRecord(missing, b"x"))
    assert await room.admin.end_offsets(known) == {0: 0}
    assert missing not in await room.admin.topics()
    for ask in (room.admin.end_offsets, room.admin.begin_offsets):
        with pytest.raises(UnknownTopicError):
            await ask(missing)


async def test_a_key_always_goes_to_the_same_partition_in_order(room):
    topic = await room.topic(partitions=5)
    for part in range(3):
        await room.publish(
            *(OutRecord(topic, b"%d" % (part * 100 + n), key=b"%d" % (n % 20)) for n in range(100))
        )
    records = await read(await room.consumer(topic, "g"), 300)
    partitions: dict[bytes, set[int]] = {}
    values: dict[bytes, list[int]] = {}
    for record in records:
        partitions.setdefault(record.key, set()).add(record.partition)
        values.setdefault(record.key, []).append(int(record.value))
    assert all(len(found) == 1 for found in partitions.values())
    assert len(set().union(*partitions.values())) > 1
    assert all(found == sorted(found) for found in values.values())


async def test_a_bucket_decides_the_partition_whatever_the_key(room):
    topic = await room.topic(partitions=4)
    await room.publish(*(OutRecord(topic, b"%d" % n, key=b"k", bucket=n) for n in range(12)))
    records = await read(await room.consumer(topic, "g"), 12)
    assert all(r.partition == int(r.value) % 4 for r in records)


async def test_records_without_key_spread_over_all_partitions(room):
    topic = await room.topic(partitions=3)
    await room.publish(*numbered(topic, 30))
    assert await room.admin.end_offsets(topic) == {0: 10, 1: 10, 2: 10}


async def test_offsets_tell_begin_end_and_what_was_committed(room):
    topic = await room.topic(partitions=2)
    assert await room.admin.committed("no-such-group", topic) == {}
    await room.publish(*(OutRecord(topic, b"x", bucket=0) for _ in range(7)))
    consumer = await room.consumer(topic, "g")
    await commit_all(consumer, (await read(consumer, 7))[:5])
    assert await room.admin.begin_offsets(topic) == {0: 0, 1: 0}
    assert await room.admin.end_offsets(topic) == {0: 7, 1: 0}
    assert await room.admin.committed("g", topic) == {0: 5}


async def test_the_offsets_of_a_group_at_rest_can_be_set(room):
    topic = await room.topic(partitions=2)
    await room.publish(*(OutRecord(topic, b"%d" % n, bucket=n % 2) for n in range(8)))
    await room.admin.commit_offsets("fresh", topic, {0: 3, 1: 0})
    assert await room.admin.committed("fresh", topic) == {0: 3, 1: 0}
    consumer = await room.consumer(topic, "fresh")
    records = await read(consumer, 5)
    assert sorted(r.value for r in records) == [b"1", b"3", b"5", b"6", b"7"]
    await commit_all(consumer, records)
    await consumer.close()
    # Partitions that are not named keep what they have.
    await room.admin.commit_offsets("fresh", topic, {1: 2})
    assert await room.admin.committed("fresh", topic) == {0: 4, 1: 2}
    assert {r.value for r in await read(await room.consumer(topic, "fresh"), 2)} == {b"5", b"7"}


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


async def test_topics_are_created_once(room):
    names = [f"test.{uuid.uuid4().hex}" for _ in range(2)]
    assert await room.admin.create_topics([NewTopic(names[0], 3, retention_hours=1.5)]) == names[:1]
    again = [NewTopic(names[0], 3), NewTopic(names[1], 2)]
    assert await room.admin.create_topics(again) == names[1:]
    found = await room.admin.topics()
    assert [found[name] for name in names] == [3, 2]


async def test_large_records_arrive_whole(room):
    topic = await room.topic()
    values = [bytes([65 + n]) * 900_000 for n in range(5)]
    await room.publish(*(OutRecord(topic, value) for value in values))
    records = await read(await room.consumer(topic, "g"), 5)
    assert [r.value for r in records] == values


async def test_concurrent_publishers_lose_nothing(room):
    topic = await room.topic(partitions=2)
    producer = room.broker.producer()
    await producer.start()
    await asyncio.gather(
        *(
            producer.publish([OutRecord(topic, b"%d.%d" % (n, m)) for m in range(50)])
            for n in range(20)
        )
    )
    await producer.close()
    records = await read(await room.consumer(topic, "g"), 1000)
    assert len({r.value for r in records}) == 1000


async def test_closing_twice_or_before_the_start_is_harmless(room):
    topic = await room.topic()
    things: list[Consumer | Producer] = [
        room.broker.consumer(group="g", topics=[topic]),
        room.broker.producer(),
    ]
    for thing in things:
        await thing.close()
    for thing in (room.broker.consumer(group="g", topics=[topic]), room.broker.producer()):
        await thing.start()
        await thing.close()
        await thing.close()


async def test_one_poll_returns_no_more_than_was_asked_for(room):
    topic = await room.topic(partitions=3)
    await room.publish(*numbered(topic, 90))
    consumer = await room.consumer(topic, "g")
    seen: list[int] = []
    while sum(seen) < 90:
        batches = await consumer.poll(max_records=7, timeout=0.5)
        seen.append(sum(len(b.records) for b in batches))
    assert max(seen) <= 7


async def test_counted_is_what_can_be_read_between_two_offsets(room):
    topic = await room.topic(partitions=2)
    await room.publish(*(OutRecord(topic, b"%d" % n, bucket=0) for n in range(7)))
    assert await room.admin.count(topic, {0: (0, 7), 1: (0, 0)}) == {0: 7, 1: 0}
    assert await room.admin.count(topic, {0: (2, 5)}) == {0: 3}
    assert await room.admin.count(topic, {0: (7, 7)}) == {0: 0}
    assert await room.admin.count(topic, {}) == {}
    with pytest.raises(UnknownTopicError):
        await room.admin.count(topic, {2: (0, 1)})
    with pytest.raises(UnknownTopicError):
        await room.admin.count(f"missing.{uuid.uuid4().hex}", {0: (0, 1)})


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


async def test_the_topics_of_a_group_are_those_it_committed_of(room):
    one, two = await room.topic(), await room.topic()
    group = f"g-{uuid.uuid4().hex}"
    assert not await room.admin.topics_of(group)
    await room.publish(*numbered(one, 3), *numbered(two, 3))
    for topic in (one, two):
        consumer = await room.consumer(topic, group)
        await commit_all(consumer, await read(consumer, 3))
        await consumer.close()
    assert set(await room.admin.topics_of(group)) == {one, two}
    assert not await room.admin.topics_of("another")


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
