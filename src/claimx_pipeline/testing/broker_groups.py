"""What every broker promises of consumer groups and their offsets."""

from __future__ import annotations

import uuid
from collections import Counter
from collections.abc import Sequence

from claimx_pipeline.broker.protocol import Assignment, OutRecord
from claimx_pipeline.errors import FencedError
from claimx_pipeline.testing.broker_room import (
    CLOCK,
    Room,
    commit_all,
    in_room,
    numbered,
    owner_count,
    polled_until,
    read,
    refused,
)

# These are tests, and tests assert.
# ruff: noqa: S101, PLR2004


class GroupsContract:
    """Members of groups, and the offsets that they commit."""

    @in_room
    async def test_a_restarted_member_goes_on_after_what_was_committed(self, room: Room) -> None:
        """A commit outlives the member."""
        topic = await room.topic()
        await room.publish(*numbered(topic, 150))
        first = await room.consumer(topic, "g")
        await commit_all(first, await read(first, 100))
        await first.close()
        second = await room.consumer(topic, "g")
        assert (await read(second, 1))[0].offset == 100
        assert await room.admin.committed("g", topic) == {0: 100}

    @in_room
    async def test_what_was_polled_but_not_committed_comes_again(self, room: Room) -> None:
        """Nothing is lost with a member."""
        topic = await room.topic()
        await room.publish(*numbered(topic, 50))
        first = await room.consumer(topic, "g")
        records = await read(first, 50)
        await commit_all(first, records[:10])
        await first.close()
        second = await room.consumer(topic, "g")
        assert [r.offset for r in await read(second, 40)] == list(range(10, 50))

    @in_room
    async def test_two_groups_each_receive_everything(self, room: Room) -> None:
        """Groups do not share."""
        topic = await room.topic(partitions=3)
        await room.publish(*(OutRecord(topic, b"%d" % n, key=b"%d" % n) for n in range(60)))
        for group in ("one", "two"):
            records = await read(await room.consumer(topic, group), 60)
            assert {r.value for r in records} == {b"%d" % n for n in range(60)}

    @in_room
    async def test_members_share_partitions_and_a_leaving_one_hands_over_its_own(
        self, room: Room
    ) -> None:
        """Each partition has one owner."""
        topic = await room.topic(partitions=4)
        first = await room.consumer(topic, "g")
        await polled_until(owner_count(first, 4), first)
        second = await room.consumer(topic, "g")
        await polled_until(
            lambda: owner_count(first, 2)() and owner_count(second, 2)(), first, second
        )
        both = [(a.topic, a.partition) for c in (first, second) for a in c.assignments()]
        assert sorted(both) == [(topic, n) for n in range(4)]
        await second.close()
        await polled_until(owner_count(first, 4), first)
        await room.publish(*(OutRecord(topic, b"%d" % n, bucket=n) for n in range(4)))
        assert {r.partition for r in await read(first, 4)} == {0, 1, 2, 3}

    @in_room
    async def test_a_commit_under_an_old_epoch_is_refused_and_moves_nothing(
        self, room: Room
    ) -> None:
        """A member that lost a partition meanwhile cannot commit for it."""
        topic = await room.topic(partitions=2)
        await room.publish(*(OutRecord(topic, b"x", bucket=n % 2) for n in range(20)))
        first = await room.consumer(topic, "g")
        records = await read(first, 20)
        old = {a.partition: a for a in first.assignments()}
        await commit_all(first, [r for r in records if r.offset == 4])

        second = await room.consumer(topic, "g")
        await polled_until(
            lambda: owner_count(first, 1)() and owner_count(second, 1)(), first, second
        )
        (moved,) = (a.partition for a in second.assignments())
        with refused(FencedError) as refusal:
            await first.commit({old[moved]: 9})
        assert (refusal.value.topic, refusal.value.partition) == (topic, moved)

        await second.close()
        await polled_until(owner_count(first, 2), first)
        # The partition is back, yet what was read under the old epoch no longer counts.
        with refused(FencedError):
            await first.commit({old[moved]: 9})
        assert await room.admin.committed("g", topic) == {0: 5, 1: 5}
        (now,) = (a for a in first.assignments() if a.partition == moved)
        assert now.epoch > old[moved].epoch
        await first.commit({now: 7})
        assert (await room.admin.committed("g", topic))[moved] == 7

    @in_room
    async def test_a_fenced_commit_still_stores_what_is_owned(self, room: Room) -> None:
        """The other partitions of the commit are stored."""
        topic = await room.topic(partitions=2)
        consumer = await room.consumer(topic, "g")
        await polled_until(owner_count(consumer, 2), consumer)
        await room.publish(*(OutRecord(topic, b"x", bucket=n % 2) for n in range(4)))
        await read(consumer, 4)
        owned = {a.partition: a for a in consumer.assignments()}
        stale = Assignment(topic, 1, owned[1].epoch + 1000)
        with refused(FencedError):
            await consumer.commit({stale: 2, owned[0]: 1})
        assert await room.admin.committed("g", topic) == {0: 1}

    @in_room
    async def test_what_is_committed_while_partitions_are_revoked_is_accepted(
        self, room: Room
    ) -> None:
        """``on_revoked`` is the last chance."""
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

    @in_room
    async def test_polling_without_an_assignment_returns_nothing(self, room: Room) -> None:
        """A member without partitions waits, and is not stuck."""
        topic = await room.topic(partitions=1)
        await room.publish(*numbered(topic, 1))
        first = await room.consumer(topic, "g")
        await polled_until(owner_count(first, 1), first)
        second = await room.consumer(topic, "g")
        started = CLOCK.monotonic()
        idle = second if not second.assignments() else first
        assert await idle.poll(max_records=10, timeout=0.1) == []
        assert CLOCK.monotonic() - started < 2

    @in_room
    async def test_a_paused_partition_is_silent_and_loses_nothing(self, room: Room) -> None:
        """It goes on from where it was."""
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

    @in_room
    async def test_offsets_tell_begin_end_and_what_was_committed(self, room: Room) -> None:
        """Lag is computed from them."""
        topic = await room.topic(partitions=2)
        assert await room.admin.committed("no-such-group", topic) == {}
        await room.publish(*(OutRecord(topic, b"x", bucket=0) for _ in range(7)))
        consumer = await room.consumer(topic, "g")
        await commit_all(consumer, (await read(consumer, 7))[:5])
        assert await room.admin.begin_offsets(topic) == {0: 0, 1: 0}
        assert await room.admin.end_offsets(topic) == {0: 7, 1: 0}
        assert await room.admin.committed("g", topic) == {0: 5}

    @in_room
    async def test_the_offsets_of_a_group_at_rest_can_be_set(self, room: Room) -> None:
        """``claimx-run offsets`` does that."""
        topic = await room.topic(partitions=2)
        await room.publish(*(OutRecord(topic, b"%d" % n, bucket=n % 2) for n in range(8)))
        await room.admin.commit_offsets("fresh", topic, {0: 3, 1: 0})
        assert await room.admin.committed("fresh", topic) == {0: 3, 1: 0}
        consumer = await room.consumer(topic, "fresh")
        records = await read(consumer, 5)
        assert sorted(r.value or b"" for r in records) == [b"1", b"3", b"5", b"6", b"7"]
        await commit_all(consumer, records)
        await consumer.close()
        # Partitions that are not named keep what they have.
        await room.admin.commit_offsets("fresh", topic, {1: 2})
        assert await room.admin.committed("fresh", topic) == {0: 4, 1: 2}
        assert {r.value for r in await read(await room.consumer(topic, "fresh"), 2)} == {b"5", b"7"}

    @in_room
    async def test_the_topics_of_a_group_are_those_it_committed_of(self, room: Room) -> None:
        """A group that reads other topics now is noticed by it."""
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
