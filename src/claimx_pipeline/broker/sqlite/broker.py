"""The embedded broker: topics in one SQLite file, for the processes of one machine.

The default, so that the pipeline runs with nothing beside it. It keeps what Kafka keeps:
durable once acknowledged (write-ahead log, ``synchronous=FULL``), offsets without gaps,
groups, fenced commits. It is not a cluster: the file is on one local disk.
"""

from __future__ import annotations

import functools
import itertools
import sqlite3
import uuid
from collections.abc import Callable, Collection, Mapping, Sequence
from typing import TypeVar

from attrs import define, field

from claimx_pipeline.broker.protocol import (
    NewTopic,
    OnRevoked,
    OutRecord,
    Record,
    TopicPartition,
)
from claimx_pipeline.broker.sqlite import groups as sqlite_groups
from claimx_pipeline.broker.sqlite import log as sqlite_log
from claimx_pipeline.broker.sqlite.consumer import SqliteConsumer
from claimx_pipeline.broker.sqlite.groups import Member, Process
from claimx_pipeline.broker.sqlite.thread import MissingFileError, SqliteThread
from claimx_pipeline.broker.url import sqlite_path
from claimx_pipeline.clock import Clock, SystemClock
from claimx_pipeline.errors import BrokerError, UnknownTopicError
from claimx_pipeline.settings.tree.broker import BrokerSettings

LEASE_SECONDS = 15.0
TIDY_SECONDS = 60.0

T = TypeVar("T")


class SqliteBroker:
    """Topics in a SQLite file; only ``create_topics`` makes the file."""

    url: str
    """Where it is."""

    def __init__(
        self,
        url: str,
        settings: BrokerSettings,
        *,
        clock: Clock | None = None,
        lease_seconds: float = LEASE_SECONDS,
        tidy_seconds: float = TIDY_SECONDS,
    ) -> None:
        """Remember where the file is; opens and creates nothing.

        Args:
            url: ``sqlite:///FILE``; four slashes for an absolute path.
            settings: The ``broker`` settings.
            clock: Times records and leases.
            lease_seconds: A member not heard of for this long loses its partitions.
            tidy_seconds: How often records past their retention are deleted.

        Raises:
            SettingsError: The URL is malformed.
        """
        self.url = url
        self._clock = clock or SystemClock()
        self._lease = lease_seconds
        self._limit = settings.largest_record
        self._thread = SqliteThread(
            sqlite_path(url), settings.deadline_seconds, self._clock, tidy_seconds
        )

    def consumer(
        self, *, group: str, topics: Sequence[str], on_revoked: OnRevoked | None = None
    ) -> SqliteConsumer:
        """Return a member of *group* that reads *topics*; call ``start`` on it."""
        me = Member(group, uuid.uuid4().hex, tuple(topics), Process.this())
        return SqliteConsumer(self._thread, self._clock, self._lease, me, on_revoked)

    def producer(self) -> SqliteProducer:
        """Return a producer; call ``start`` on it."""
        return SqliteProducer(self._thread, self._clock, self._limit)

    def admin(self) -> SqliteAdmin:
        """Return an administrator; it opens the file when it is first asked."""
        return SqliteAdmin(self._thread, self._clock)


@define(eq=False)
class SqliteProducer:
    """Publishes records; each call of ``publish`` is one transaction."""

    _thread: SqliteThread
    _clock: Clock
    _limit: int
    """Bytes of the largest record."""
    _turns: itertools.count[int] = field(factory=itertools.count, init=False)
    _started: bool = field(default=False, init=False)

    async def start(self) -> None:
        """Get ready; the file need not exist yet."""
        if not self._started:
            self._thread.use()
            self._started = True

    async def publish(self, records: Sequence[OutRecord]) -> None:
        """Publish *records*, all or none, and return when they are on the disk.

        Raises:
            UnknownTopicError: A topic does not exist; nothing is created.
            RecordTooLargeError: A record is too large; none was published.
            BrokerUnavailableError: No acknowledgement within the deadline.
        """
        if not self._started:
            raise BrokerError("the producer is not started, or is closed")
        if not records:
            return
        now = round(self._clock.now().timestamp() * 1000)
        work = functools.partial(
            sqlite_log.append,
            records=tuple(records),
            now=now,
            turn=next(self._turns),
            limit=self._limit,
        )
        try:
            await self._thread.run(work, notify=True)
        except MissingFileError as error:
            raise UnknownTopicError(records[0].topic) from error

    async def close(self) -> None:
        """Disconnect; does nothing the second time."""
        if self._started:
            self._started = False
            await self._thread.leave()


@define(eq=False)
class SqliteAdmin:
    """Looks at topics and groups, creates topics, sets the offsets of groups without members."""

    _thread: SqliteThread
    _clock: Clock
    _started: bool = field(default=False, init=False)

    async def topics(self) -> Mapping[str, int]:
        """Return every topic's number of partitions; none if there is no file."""
        try:
            return await self._ask(sqlite_log.topics)
        except MissingFileError:
            return {}

    async def create_topics(self, topics: Sequence[NewTopic]) -> Sequence[str]:
        """Create those of *topics* that do not exist, and the file; return the names created."""
        self._use()
        work = functools.partial(sqlite_log.create_topics, wanted=tuple(topics))
        return await self._thread.run(work, create=True, notify=True)

    async def end_offsets(self, topic: str) -> Mapping[int, int]:
        """Return, by partition, the offset the next record will get.

        Raises:
            UnknownTopicError: The topic does not exist.
        """
        return await self._ask_of(topic, functools.partial(sqlite_log.end_offsets, topic=topic))

    async def begin_offsets(self, topic: str) -> Mapping[int, int]:
        """Return, by partition, the offset of the oldest record still kept.

        Raises:
            UnknownTopicError: The topic does not exist.
        """
        return await self._ask_of(topic, functools.partial(sqlite_log.begin_offsets, topic=topic))

    async def count(self, topic: str, ranges: Mapping[int, tuple[int, int]]) -> Mapping[int, int]:
        """Return, by partition, how many records there are to read from an offset to another.

        Raises:
            UnknownTopicError: The topic, or a partition of it, does not exist.
        """
        question = functools.partial(sqlite_log.count, topic=topic, ranges=dict(ranges))
        return await self._ask_of(topic, question)

    async def delete_records(self, topic: str, before: Mapping[int, int]) -> None:
        """Delete, by partition, the records before an offset, a slice at a time.

        Raises:
            UnknownTopicError: The topic, or a partition of it, does not exist.
            BrokerError: The topic has no such offset yet.
        """
        work = functools.partial(sqlite_log.delete_records, topic=topic, before=dict(before))
        while await self._ask_of(topic, work):
            pass

    async def topics_of(self, group: str) -> Collection[str]:
        """Return the topics of which *group* has committed an offset; none without a file."""
        try:
            return await self._ask(functools.partial(sqlite_groups.topics_of, group=group))
        except MissingFileError:
            return frozenset()

    async def members(self, group: str) -> int:
        """Return how many members *group* has whose lease has not ended; 0 without a file."""
        now = self._clock.now().timestamp()
        try:
            return await self._ask(
                functools.partial(sqlite_groups.count_members, group=group, now=now)
            )
        except MissingFileError:
            return 0

    async def committed(self, group: str, topic: str) -> Mapping[int, int]:
        """Return, by partition, what *group* committed; partitions without are left out.

        Raises:
            UnknownTopicError: The topic does not exist.
        """
        if topic not in await self.topics():
            raise UnknownTopicError(topic)
        return await self._ask_of(
            topic, functools.partial(sqlite_groups.committed, group=group, topic=topic)
        )

    async def commit_offsets(self, group: str, topic: str, positions: Mapping[int, int]) -> None:
        """Store, by partition, the next offset that *group* is to read of *topic*.

        Raises:
            UnknownTopicError: The topic, or a partition of it, does not exist.
            BrokerError: The group has members; their commits would undo it.
        """
        work = functools.partial(
            sqlite_groups.set_offsets,
            group=group,
            topic=topic,
            positions=dict(positions),
            now=self._clock.now().timestamp(),
        )
        await self._ask_of(topic, work)

    async def read(
        self, partition: TopicPartition, start: int, stop: int, *, max_records: int
    ) -> Sequence[Record]:
        """Return the next records from offset *start* on and before *stop*.

        Raises:
            UnknownTopicError: The topic does not exist.
        """
        question = functools.partial(
            sqlite_log.read_range, partition=partition, start=start, stop=stop, limit=max_records
        )
        return await self._ask_of(partition.topic, question)

    async def close(self) -> None:
        """Disconnect; does nothing the second time."""
        if self._started:
            self._started = False
            await self._thread.leave()

    def _use(self) -> None:
        if not self._started:
            self._thread.use()
            self._started = True

    async def _ask(self, question: Callable[[sqlite3.Connection], T]) -> T:
        self._use()
        return await self._thread.run(question)

    async def _ask_of(self, topic: str, question: Callable[[sqlite3.Connection], T]) -> T:
        try:
            return await self._ask(question)
        except MissingFileError as error:
            raise UnknownTopicError(topic) from error
