"""A broker under test and what is done with it, for ``BrokerContract``."""

from __future__ import annotations

import asyncio
import contextlib
import re
import tempfile
import uuid
from collections.abc import Awaitable, Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

from claimx_pipeline.broker.protocol import (
    Broker,
    Consumer,
    NewTopic,
    OnRevoked,
    OutRecord,
    Producer,
    Record,
)
from claimx_pipeline.clock import SystemClock

# These are tests, and tests assert.
# ruff: noqa: S101

CLOCK = SystemClock()
PATIENCE_SECONDS = 30.0


class Room:
    """A broker under test, and everything that was opened on it."""

    def __init__(self, broker: Broker) -> None:
        """Look at *broker*; nothing is opened yet."""
        self.broker = broker
        self.admin = broker.admin()
        self._opened: list[Consumer | Producer] = []

    async def topic(self, partitions: int = 1) -> str:
        """Return the name of a new topic."""
        name = f"test.{uuid.uuid4().hex}"
        await self.admin.create_topics([NewTopic(name, partitions)])
        return name

    async def consumer(
        self, topic: str, group: str, on_revoked: OnRevoked | None = None
    ) -> Consumer:
        """Return a member of *group* that has been started."""
        consumer = self.broker.consumer(group=group, topics=[topic], on_revoked=on_revoked)
        await consumer.start()
        self._opened.append(consumer)
        return consumer

    async def publish(self, *records: OutRecord) -> None:
        """Publish *records*."""
        producer = self.broker.producer()
        await producer.start()
        try:
            await producer.publish(records)
        finally:
            await producer.close()

    async def close(self) -> None:
        """Close all that was opened."""
        for one in self._opened:
            await one.close()
        await self.admin.close()


def numbered(topic: str, count: int, start: int = 0) -> list[OutRecord]:
    """Return *count* records whose values are numbers."""
    return [OutRecord(topic, b"%d" % n) for n in range(start, start + count)]


async def read(consumer: Consumer, count: int) -> list[Record]:
    """Read exactly *count* records; more than that would be a fault."""
    found: list[Record] = []
    end = CLOCK.monotonic() + PATIENCE_SECONDS
    while len(found) < count:
        assert CLOCK.monotonic() < end, f"only {len(found)} of {count} records came"
        for batch in await consumer.poll(max_records=count - len(found), timeout=0.2):
            found.extend(batch.records)
    assert len(found) == count
    return found


async def commit_all(consumer: Consumer, records: Sequence[Record]) -> None:
    """Commit past each of *records*."""
    owned = {(a.topic, a.partition): a for a in consumer.assignments()}
    await consumer.commit({owned[r.topic, r.partition]: r.offset + 1 for r in records})


async def polled_until(condition: Callable[[], bool], *consumers: Consumer) -> list[Record]:
    """Poll *consumers* until *condition* holds; return what they read meanwhile."""
    found: list[Record] = []
    end = CLOCK.monotonic() + PATIENCE_SECONDS
    while not condition():
        assert CLOCK.monotonic() < end, "it never came true"
        for consumer in consumers:
            for batch in await consumer.poll(max_records=1000, timeout=0.05):
                found.extend(batch.records)
    return found


def owner_count(consumer: Consumer, count: int) -> Callable[[], bool]:
    """Return what tells whether *consumer* owns *count* partitions."""
    return lambda: len(consumer.assignments()) == count


class Refusal:
    """The error that a block was to raise."""

    value: Any = None
    """The error, once the block has ended."""


@contextlib.contextmanager
def refused(kind: type[Exception], *, match: str = "") -> Iterator[Refusal]:
    """Expect that the block raises a *kind* whose text has *match* in it."""
    refusal = Refusal()
    try:
        yield refusal
    except kind as error:
        refusal.value = error
    assert refusal.value is not None, f"it did not raise {kind.__name__}"
    assert re.search(match, str(refusal.value)), f"{refusal.value} does not say {match}"


def in_room(check: Callable[[Any, Room], Awaitable[None]]) -> Callable[[Any], None]:
    """Return *check* as a test that needs no event loop: it makes a broker and closes it."""

    async def through(suite: Any, folder: Path) -> None:
        room = Room(suite.make_broker(folder))
        try:
            await check(suite, room)
        finally:
            await room.close()

    def test(suite: Any) -> None:
        with tempfile.TemporaryDirectory() as folder, asyncio.Runner() as runner:
            runner.run(through(suite, Path(folder)))

    test.__name__, test.__doc__ = check.__name__, check.__doc__
    # For a caller that has a room already.
    vars(test)["check"] = check
    return test
