"""Publishing to Kafka, a thousand records at a time."""

from __future__ import annotations

import asyncio
import itertools
import sys
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka import errors as kafka_errors
from attrs import define, field

from claimx_pipeline.broker.kafka.client import (
    TEAR_DOWN_SECONDS,
    KafkaConnection,
    cancelled,
    retrieved,
    stopped,
)
from claimx_pipeline.broker.partitioning import partition_of
from claimx_pipeline.broker.protocol import OutRecord
from claimx_pipeline.broker.sizes import refuse_too_large
from claimx_pipeline.errors import (
    BrokerError,
    RecordTooLargeError,
    UnknownTopicError,
)

MOST = sys.maxsize
TOO_LARGE = (kafka_errors.MessageSizeTooLargeError, kafka_errors.RecordListTooLargeError)

Partition = tuple[str, int]
Member = tuple[int, OutRecord]
"""A record and its index among those that are published together."""


@define
class Filled:
    """A batch of records for one partition."""

    partition: Partition
    batch: Any
    limit: int
    """Bytes that it may have, unless it is one record alone."""
    size: int
    """Bytes that it has."""
    members: list[Member] = field(factory=list)

    def takes(self, member: Member) -> bool:
        """Add a record if it fits; return whether it does."""
        out = member[1]
        if self.members and self.size + len(out.value or b"") > self.limit:
            return False
        added = self.batch.append(
            timestamp=None, key=out.key, value=out.value, headers=list(out.headers)
        )
        if added is None:
            return False
        self.size += added.size
        self.members.append(member)
        return True


@define
class KafkaProducer:
    """Publishes through an idempotent producer, with batches built here.

    ``send`` makes a future per record, which is what costs; a batch built by hand has
    one. A client that did not answer in time is discarded: its pending records are of
    unknown outcome, and aiokafka would retry them for ever.
    """

    _connection: KafkaConnection
    _client: Any = field(default=None, init=False)
    _limits: dict[str, int] = field(factory=dict, init=False)
    """Bytes of a batch, for topics that take less than is set here."""
    _turns: itertools.count[int] = field(factory=itertools.count, init=False)
    _connecting: asyncio.Lock = field(factory=asyncio.Lock, init=False)
    _closed: bool = field(default=False, init=False)

    async def start(self) -> None:
        """Connect.

        Raises:
            BrokerUnavailableError: Kafka does not answer.
        """
        await self._connected()

    async def publish(self, records: Sequence[OutRecord]) -> None:
        """Publish *records* and return when each is acknowledged by all replicas.

        Raises:
            UnknownTopicError: A topic does not exist; nothing was published.
            RecordTooLargeError: A record is too large; it tells what was published.
            BrokerUnavailableError: No acknowledgement within the deadline.
        """
        pending = list(enumerate(records))
        too_large: list[Filled] = []
        while pending:
            refused, left = await self._publish(pending)
            too_large += [filled for filled in refused if len(filled.members) == 1]
            for filled in refused:
                self._split(filled)
            alone = {filled.members[0][0] for filled in too_large}
            pending = [member for member in left if member[0] not in alone]
        if too_large:
            indices = sorted(filled.members[0][0] for filled in too_large)
            first = min(too_large, key=lambda filled: filled.members[0][0])
            size = first.batch.size()
            raise RecordTooLargeError(first.partition[0], indices[0], size, None, tuple(indices))

    async def _publish(self, pending: Sequence[Member]) -> tuple[list[Filled], list[Member]]:
        """Publish *pending*; return batches too large for the server, and what is left to do."""
        client = await self._connected()
        try:
            async with self._connection.answering():
                counts = await self._partition_counts(client, {out.topic for _, out in pending})
                batches = self._batches(client, pending, counts)
                refused, left = await _deliver(client, batches)
        except (UnknownTopicError, RecordTooLargeError):
            raise
        except BrokerError:
            await self._drop(client)
            raise
        if refused:
            # The server counts the records it has refused, so it refuses what comes after.
            await self._drop(client)
        return refused, left

    def _split(self, filled: Filled) -> None:
        """Make the batches for the topic of *filled* half as large from here on."""
        if len(filled.members) > 1:
            topic = filled.partition[0]
            self._limits[topic] = min(filled.batch.size(), self._limits.get(topic, MOST)) // 2

    async def close(self) -> None:
        """Disconnect; does nothing the second time."""
        self._closed = True
        client, self._client = self._client, None
        if client is not None:
            await _stop(client)

    async def _connected(self) -> Any:
        async with self._connecting:
            if self._closed:
                raise BrokerError("the producer is closed")
            if self._client is None:
                client = AIOKafkaProducer(**self._options())
                try:
                    async with self._connection.starting():
                        await client.start()
                except BaseException:
                    await _stop(client)
                    raise
                self._client = client
            return self._client

    def _options(self) -> dict[str, Any]:
        kafka = self._connection.settings.kafka
        # One record that may be larger than a batch is a batch of its own.
        most = max(kafka.max_request_bytes, self._connection.settings.largest_record)
        return {
            **self._connection.options(),
            "acks": "all",
            "enable_idempotence": True,
            "compression_type": None if kafka.compression == "none" else kafka.compression,
            "max_batch_size": most,
            "max_request_size": most,
        }

    async def _drop(self, client: Any) -> None:
        if self._client is client:
            self._client = None
        await _tear_down(client)

    async def _partition_counts(self, client: Any, topics: set[str]) -> dict[str, int]:
        cluster = client.client.cluster
        counts = {topic: len(cluster.partitions_for_topic(topic) or ()) for topic in topics}
        unknown = [topic for topic, count in counts.items() if not count]
        if unknown:
            # Asking for a topic by its name creates it where the server allows that;
            # asking for all topics never does.
            existing = (await client.client.fetch_all_metadata()).topics()
            for topic in unknown:
                if topic not in existing:
                    raise UnknownTopicError(topic)
                counts[topic] = len(await client.partitions_for(topic))
        return counts

    def _batches(
        self, client: Any, records: Sequence[Member], counts: dict[str, int]
    ) -> dict[Partition, list[Filled]]:
        settings = self._connection.settings
        limit, most = settings.largest_record, settings.kafka.max_request_bytes
        batches: defaultdict[Partition, list[Filled]] = defaultdict(list)
        for member in records:
            index, out = member
            partition = out.topic, partition_of(out, counts[out.topic], next(self._turns))
            filled = batches[partition]
            # Measuring every record costs more than all else here. What is too large without a
            # large value needs a batch of its own, if a batch holds no more than a record may.
            if limit < most or len(out.value or b"") * 2 > limit:
                refuse_too_large(out, index, limit)
            if filled and filled[-1].takes(member):
                continue
            refuse_too_large(out, index, limit)
            batch = client.create_batch()
            fresh = Filled(partition, batch, self._limits.get(out.topic, most), batch.size())
            fresh.takes(member)
            filled.append(fresh)
        return batches


async def _deliver(
    client: Any, batches: dict[Partition, list[Filled]]
) -> tuple[list[Filled], list[Member]]:
    """Send *batches* and await all acknowledgements, one batch of a partition at a time.

    Nearly always there is one. Sent ahead, a batch could overtake one that is refused.

    Returns:
        The batches that the server finds too large, and the records not published.
    """
    rounds = list(itertools.zip_longest(*batches.values()))
    for number, batches_of in enumerate(rounds):
        sending = [filled for filled in batches_of if filled is not None]
        if refused := await _deliver_one_each(client, sending):
            unsent = [filled for later in rounds[number + 1 :] for filled in later if filled]
            left = [member for filled in (*refused, *unsent) for member in filled.members]
            return refused, sorted(left, key=lambda member: member[0])
    return [], []


async def _deliver_one_each(client: Any, sending: Sequence[Filled]) -> list[Filled]:
    """Send batches of different partitions; return those that the server finds too large."""
    waiting: list[asyncio.Future[Any]] = []
    try:
        for filled in sending:
            topic, partition = filled.partition
            filled.batch.close()
            waiting.append(await client.send_batch(filled.batch, topic, partition=partition))
    finally:
        # Also when sending fails half-way: an exception that is never retrieved is logged.
        answers = asyncio.gather(*waiting, return_exceptions=True)
    refused = []
    for filled, error in zip(sending, await answers, strict=True):
        if isinstance(error, TOO_LARGE):
            refused.append(filled)
        elif isinstance(error, BaseException):
            raise error
    return refused


async def _stop(client: Any) -> None:
    if not await stopped(client.stop):
        await _tear_down(client)


async def _tear_down(client: Any) -> None:
    """Stop a producer whose server is unavailable; aiokafka's own ``stop`` would wait for ever."""
    # Internals of aiokafka 0.14, which offers no other way.
    accumulator = client._message_accumulator  # noqa: SLF001
    waiting = itertools.chain(accumulator._pending_batches, *accumulator._batches.values())  # noqa: SLF001
    for batch in waiting:
        batch.future.add_done_callback(retrieved)
    accumulator.fail_all(kafka_errors.ProducerClosed())
    await stopped(client.stop, TEAR_DOWN_SECONDS)
    await cancelled([client._sender.sender_task])  # noqa: SLF001
    await stopped(client.client.close, TEAR_DOWN_SECONDS)
