"""What workers and commands ask Kafka about topics and groups, and have it do to them."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection, Mapping, Sequence
from functools import partial
from typing import Any, TypeVar

from aiokafka import AIOKafkaConsumer
from aiokafka import TopicPartition as KafkaPartition
from aiokafka import errors as kafka_errors
from aiokafka.admin import RecordsToDelete
from attrs import define, field

from claimx_pipeline.broker.kafka.asking import (
    ASK_AGAIN_SECONDS,
    AskingClients,
    with_retries,
)
from claimx_pipeline.broker.kafka.client import (
    KafkaConnection,
    know_leaders,
    retrieved,
    stopped,
)
from claimx_pipeline.broker.kafka.new_topic import kafka_topic
from claimx_pipeline.broker.kafka.offsets import count_members, group_offsets
from claimx_pipeline.broker.kafka.raw_log import count_records
from claimx_pipeline.broker.naming import has_members
from claimx_pipeline.broker.protocol import NewTopic, Record, TopicPartition
from claimx_pipeline.errors import BrokerError, BrokerUnavailableError, UnknownTopicError

SHOWN_WITHIN_SECONDS = 5.0
READ_MILLISECONDS = 200

T = TypeVar("T")


@define(eq=False)
class KafkaAdmin:
    """Looks at topics and groups, creates topics, sets the offsets of groups without members."""

    _connection: KafkaConnection
    _clients: AskingClients = field(init=False)
    _describing: asyncio.Task[Mapping[str, int]] | None = field(default=None, init=False)
    """Asks for all topics, and has not begun."""
    _asking: set[asyncio.Task[Mapping[str, int]]] = field(factory=set, init=False)
    """All that ask for all topics now."""

    def __attrs_post_init__(self) -> None:
        self._clients = AskingClients(self._connection)

    async def topics(self) -> Mapping[str, int]:
        """Return every topic's number of partitions, Kafka's internal ones left out.

        An answer has all topics of the server, so those who ask at one moment share one: it is
        asked for after each of them called.
        """
        task = self._describing
        if task is None:
            task = self._describing = asyncio.create_task(self._described())
            self._asking.add(task)
            task.add_done_callback(self._asking.discard)
            task.add_done_callback(retrieved)
        # One who gives up takes nothing from the others.
        await asyncio.wait({task})
        if task.cancelled():
            raise BrokerError("the administrator is closed")
        return task.result()

    async def _described(self) -> Mapping[str, int]:
        self._describing = None
        found = await self._ask(lambda client: client.describe_topics())
        return {
            topic["topic"]: len(topic["partitions"])
            for topic in found
            if not topic["is_internal"] and not topic["error_code"]
        }

    async def create_topics(self, topics: Sequence[NewTopic]) -> Sequence[str]:
        """Create those of *topics* that do not exist; return the names created.

        Raises:
            BrokerError: Kafka refused one of them.
        """
        existing = await self.topics()
        missing = [topic for topic in topics if topic.name not in existing]
        if not missing:
            return []
        wanted = [kafka_topic(topic) for topic in missing]
        answer = await self._ask(lambda client: client.create_topics(wanted))
        created, known = [], set[str]()
        for name, code, *details in answer.topic_errors:
            # create_topics does not raise; its answer says what went wrong.
            error = kafka_errors.for_code(code)
            if error is kafka_errors.NoError:
                created.append(name)
            elif error is kafka_errors.TopicAlreadyExistsError:
                known.add(name)
            else:
                reason = (details and details[0]) or error.__name__
                raise BrokerError(
                    f"topic {name!r} cannot be created on {self._connection.name}: {reason}"
                )
        await self._wait_until_known({*created})
        if known:
            await self._wait_until_shown(known)
        return created

    async def end_offsets(self, topic: str) -> Mapping[int, int]:
        """Return, by partition, the last stable offset: where the readable records end.

        Raises:
            UnknownTopicError: The topic does not exist.
        """
        return await self._offsets(topic, lambda reader, partitions: reader.end_offsets(partitions))

    async def begin_offsets(self, topic: str) -> Mapping[int, int]:
        """Return, by partition, the offset of the oldest record still kept.

        Raises:
            UnknownTopicError: The topic does not exist.
        """
        return await self._offsets(
            topic, lambda reader, partitions: reader.beginning_offsets(partitions)
        )

    async def count(self, topic: str, ranges: Mapping[int, tuple[int, int]]) -> Mapping[int, int]:
        """Return, by partition, how many records there are to read from an offset to another.

        Exact for the first 256 KiB; what lies beyond is counted by its offsets.

        Raises:
            UnknownTopicError: The topic does not exist.
        """
        wanted = {KafkaPartition(topic, number): at for number, at in ranges.items()}
        if not wanted.keys() <= set(await self._partitions(topic)):
            raise UnknownTopicError(topic)
        reader = await self._clients.reader()
        found = {}
        for partition, (start, stop) in sorted(wanted.items()):
            counting = partial(count_records, reader, partition, start, stop)
            async with self._connection.answering():
                found[partition.partition] = await with_retries(counting)
        return found

    async def delete_records(self, topic: str, before: Mapping[int, int]) -> None:
        """Delete, by partition, the records before an offset.

        Raises:
            UnknownTopicError: The topic does not exist.
            BrokerError: Kafka refused, for example because the user may not.
        """
        wanted = {KafkaPartition(topic, number): offset for number, offset in before.items()}
        if not wanted.keys() <= set(await self._partitions(topic)):
            raise UnknownTopicError(topic)
        if wanted:
            deleting = {at: RecordsToDelete(offset) for at, offset in wanted.items()}
            limit = round(self._connection.deadline * 1000)
            await self._ask(lambda client: client.delete_records(deleting, limit))

    async def topics_of(self, group: str) -> Collection[str]:
        """Return the topics of which *group* has committed an offset."""
        found = await self._ask(lambda client: client.list_consumer_group_offsets(group))
        return {at.topic for at, stored in found.items() if stored.offset >= 0}

    async def members(self, group: str) -> int:
        """Return how many members *group* has now."""
        return await self._ask(partial(count_members, group=group))

    async def committed(self, group: str, topic: str) -> Mapping[int, int]:
        """Return, by partition, what *group* committed; partitions without are left out.

        Raises:
            UnknownTopicError: The topic does not exist.
        """
        partitions = await self._partitions(topic)
        found = await self._ask(lambda client: group_offsets(client, group, partitions))
        return {at.partition: stored.offset for at, stored in found.items() if stored.offset >= 0}

    async def commit_offsets(self, group: str, topic: str, positions: Mapping[int, int]) -> None:
        """Store, by partition, the next offset that *group* is to read of *topic*.

        Raises:
            UnknownTopicError: The topic, or a partition of it, does not exist.
            BrokerError: The group has members; their commits would undo it.
        """
        partitions = {KafkaPartition(topic, number): after for number, after in positions.items()}
        if not partitions.keys() <= set(await self._partitions(topic)):
            raise UnknownTopicError(topic)
        # A consumer with assigned partitions that never joins; Kafka takes its commits
        # only while the group is empty.
        committer = AIOKafkaConsumer(
            **self._connection.options(), enable_auto_commit=False, group_id=group
        )
        try:
            async with self._connection.answering():
                await committer.start()
                committer.assign(list(partitions))
                await committer.commit(partitions)
        except BrokerError as error:
            if isinstance(error.__cause__, kafka_errors.CommitFailedError):
                raise BrokerError(has_members(group)) from error
            raise
        finally:
            await stopped(committer.stop)

    async def read(
        self, partition: TopicPartition, start: int, stop: int, *, max_records: int
    ) -> Sequence[Record]:
        """Return the next records from offset *start* on and before *stop*.

        Raises:
            UnknownTopicError: The topic does not exist, or has no such partition.
        """
        at = KafkaPartition(partition.topic, partition.partition)
        reader = await self._clients.reader()
        if reader.assignment() != {at}:
            if at not in await self._partitions(partition.topic):
                raise UnknownTopicError(f"{partition.topic}[{partition.partition}]")
            reader.assign([at])
            reader.seek(at, start)
        async with self._connection.answering():
            if await reader.position(at) != start:
                reader.seek(at, start)
            # The position skips what is not a record, such as the marks of transactions.
            while (position := await reader.position(at)) < stop:
                polled = await reader.getmany(
                    at, timeout_ms=READ_MILLISECONDS, max_records=max_records
                )
                if records := polled.get(at):
                    return [record for record in records if record.offset < stop]
                if await reader.position(at) == position and not await with_retries(
                    partial(count_records, reader, at, position, stop)
                ):
                    break
        return []

    async def close(self) -> None:
        """Disconnect; does nothing the second time."""
        asking, self._describing = tuple(self._asking), None
        for task in asking:
            task.cancel()
        await asyncio.gather(*asking, return_exceptions=True)
        await self._clients.close()

    async def _ask(self, question: Callable[[Any], Awaitable[T]]) -> T:
        """Return the answer to *question*, asked again while Kafka is not ready."""
        client = await self._clients.admin()
        try:
            async with self._connection.answering():
                return await with_retries(lambda: question(client))
        except BrokerUnavailableError:
            # Not for a refusal, which leaves the client to those who ask beside this one, and not
            # where another one is in use by now.
            if self._clients.client is client:
                await self._clients.close()
            raise

    async def _offsets(
        self, topic: str, question: Callable[[Any, list[KafkaPartition]], Awaitable[Any]]
    ) -> Mapping[int, int]:
        partitions = await self._partitions(topic)
        reader = await self._clients.reader()
        async with self._connection.answering():
            await know_leaders(reader, topic)
            found = await with_retries(lambda: question(reader, partitions))
        return {at.partition: offset for at, offset in sorted(found.items())}

    async def _partitions(self, topic: str) -> list[KafkaPartition]:
        count = (await self.topics()).get(topic)
        if count is None:
            raise UnknownTopicError(topic)
        return [KafkaPartition(topic, number) for number in range(count)]

    async def _wait_until_known(self, names: set[str]) -> None:
        # Kafka answers before every server knows the new topics.
        async with self._connection.answering():
            while not names <= (await self.topics()).keys():  # noqa: ASYNC110 - the servers send no notice
                await asyncio.sleep(ASK_AGAIN_SECONDS)

    async def _wait_until_shown(self, names: set[str]) -> None:
        """Wait for topics that another client has just made.

        Raises:
            BrokerError: They stay hidden: this user may not see them.
        """
        try:
            async with asyncio.timeout(SHOWN_WITHIN_SECONDS):
                await self._wait_until_known(names)
        except TimeoutError as error:
            raise BrokerError(
                f"topic {min(names)!r} exists on {self._connection.name} and is not shown to this "
                "user; let it describe the topic"
            ) from error
