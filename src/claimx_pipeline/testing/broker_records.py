"""What every broker promises of topics and records."""

from __future__ import annotations

import asyncio
import uuid

from claimx_pipeline.broker.protocol import Consumer, NewTopic, OutRecord, Producer
from claimx_pipeline.errors import UnknownTopicError
from claimx_pipeline.testing.broker_room import (
    CLOCK,
    Room,
    in_room,
    numbered,
    owner_count,
    polled_until,
    read,
    refused,
)

# These are tests, and tests assert.
# ruff: noqa: S101, PLR2004


class RecordsContract:
    """Topics, and records on their way through them."""

    @in_room
    async def test_key_bytes_headers_and_time_survive_the_way(self, room: Room) -> None:
        """Nothing of a record is changed; an empty value is not a tombstone."""
        topic = await room.topic()
        headers = (("b", b"1"), ("a", b"\x00\xff"), ("b", b"2"), ("empty", b""), ("ü", b"x"))
        before = CLOCK.now().timestamp() * 1000
        await room.publish(
            OutRecord(topic, b"\x00\xffvalue", key=b"\x01key", headers=headers),
            OutRecord(topic, b""),
        )
        full, bare = await read(await room.consumer(topic, "g"), 2)
        assert (full.topic, full.partition, full.offset) == (topic, 0, 0)
        assert (full.key, full.value, tuple(full.headers)) == (
            b"\x01key",
            b"\x00\xffvalue",
            headers,
        )
        assert (bare.key, bare.value, tuple(bare.headers)) == (None, b"", ())
        assert before - 1000 <= full.timestamp <= CLOCK.now().timestamp() * 1000 + 1000

    @in_room
    async def test_polling_an_empty_topic_keeps_its_time_limit(self, room: Room) -> None:
        """It waits for the first record no longer than it was given."""
        topic = await room.topic()
        consumer = await room.consumer(topic, "g")
        await polled_until(owner_count(consumer, 1), consumer)
        started = CLOCK.monotonic()
        assert await consumer.poll(max_records=10, timeout=0.3) == []
        assert 0.25 <= CLOCK.monotonic() - started < 2

    @in_room
    async def test_an_unknown_topic_is_refused_both_ways_and_not_created(self, room: Room) -> None:
        """Nothing is created silently."""
        known = await room.topic()
        missing = f"missing.{uuid.uuid4().hex}"
        consumer = room.broker.consumer(group="g", topics=[known, missing])
        with refused(UnknownTopicError, match=missing):
            await consumer.start()
        await consumer.close()
        with refused(UnknownTopicError, match=missing):
            await room.publish(OutRecord(known, b"x"), OutRecord(missing, b"x"))
        assert await room.admin.end_offsets(known) == {0: 0}
        assert missing not in await room.admin.topics()
        for ask in (room.admin.end_offsets, room.admin.begin_offsets):
            with refused(UnknownTopicError):
                await ask(missing)

    @in_room
    async def test_a_key_always_goes_to_the_same_partition_in_order(self, room: Room) -> None:
        """That is what keeps the order of events."""
        topic = await room.topic(partitions=5)
        for part in range(3):
            await room.publish(
                *(
                    OutRecord(topic, b"%d" % (part * 100 + n), key=b"%d" % (n % 20))
                    for n in range(100)
                )
            )
        records = await read(await room.consumer(topic, "g"), 300)
        partitions: dict[bytes, set[int]] = {}
        values: dict[bytes, list[int]] = {}
        for record in records:
            partitions.setdefault(record.key or b"", set()).add(record.partition)
            values.setdefault(record.key or b"", []).append(int(record.value or b""))
        assert all(len(found) == 1 for found in partitions.values())
        assert len(set().union(*partitions.values())) > 1
        assert all(found == sorted(found) for found in values.values())

    @in_room
    async def test_a_bucket_decides_the_partition_whatever_the_key(self, room: Room) -> None:
        """Files are spread by it."""
        topic = await room.topic(partitions=4)
        await room.publish(*(OutRecord(topic, b"%d" % n, key=b"k", bucket=n) for n in range(12)))
        records = await read(await room.consumer(topic, "g"), 12)
        assert all(r.partition == int(r.value or b"") % 4 for r in records)

    @in_room
    async def test_records_without_key_spread_over_all_partitions(self, room: Room) -> None:
        """One partition does not get them all."""
        topic = await room.topic(partitions=3)
        await room.publish(*numbered(topic, 30))
        assert await room.admin.end_offsets(topic) == {0: 10, 1: 10, 2: 10}

    @in_room
    async def test_topics_are_created_once(self, room: Room) -> None:
        """Topics that exist are left alone."""
        names = [f"test.{uuid.uuid4().hex}" for _ in range(2)]
        assert (
            await room.admin.create_topics([NewTopic(names[0], 3, retention_hours=1.5)])
            == names[:1]
        )
        again = [NewTopic(names[0], 3), NewTopic(names[1], 2)]
        assert await room.admin.create_topics(again) == names[1:]
        found = await room.admin.topics()
        assert [found[name] for name in names] == [3, 2]

    @in_room
    async def test_large_records_arrive_whole(self, room: Room) -> None:
        """Up to the limit of ``broker.max_record_bytes``."""
        topic = await room.topic()
        values = [bytes([65 + n]) * 900_000 for n in range(5)]
        await room.publish(*(OutRecord(topic, value) for value in values))
        records = await read(await room.consumer(topic, "g"), 5)
        assert [r.value for r in records] == values

    @in_room
    async def test_concurrent_publishers_lose_nothing(self, room: Room) -> None:
        """One producer serves all of a worker."""
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

    @in_room
    async def test_closing_twice_or_before_the_start_is_harmless(self, room: Room) -> None:
        """Workers close what may not have started."""
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

    @in_room
    async def test_one_poll_returns_no_more_than_was_asked_for(self, room: Room) -> None:
        """Batches of workers are bounded."""
        topic = await room.topic(partitions=3)
        await room.publish(*numbered(topic, 90))
        consumer = await room.consumer(topic, "g")
        seen: list[int] = []
        while sum(seen) < 90:
            batches = await consumer.poll(max_records=7, timeout=0.5)
            seen.append(sum(len(b.records) for b in batches))
        assert max(seen) <= 7

    @in_room
    async def test_counted_is_what_can_be_read_between_two_offsets(self, room: Room) -> None:
        """Idleness is decided by it."""
        topic = await room.topic(partitions=2)
        await room.publish(*(OutRecord(topic, b"%d" % n, bucket=0) for n in range(7)))
        assert await room.admin.count(topic, {0: (0, 7), 1: (0, 0)}) == {0: 7, 1: 0}
        assert await room.admin.count(topic, {0: (2, 5)}) == {0: 3}
        assert await room.admin.count(topic, {0: (7, 7)}) == {0: 0}
        assert await room.admin.count(topic, {}) == {}
        with refused(UnknownTopicError):
            await room.admin.count(topic, {2: (0, 1)})
        with refused(UnknownTopicError):
            await room.admin.count(f"missing.{uuid.uuid4().hex}", {0: (0, 1)})
