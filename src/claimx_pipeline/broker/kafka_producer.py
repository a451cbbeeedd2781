"""Publishing to Kafka, a thousand records at a time."""

from __future__ import annotations

import asyncio
import itertools
from collections import defaultdict
from collections.abc import Sequence
from typing import Any

from aiokafka import AIOKafkaProducer
from aiokafka import errors as kafka_errors
from attrs import define, field

from claimx_pipeline.broker.kafka_client import (
    TEAR_DOWN_SECONDS,
    KafkaConnection,
    cancelled,
    seen,
    stopped,
)
from claimx_pipeline.broker.partitioning import partition_of
from claimx_pipeline.broker.protocol import OutRecord
from claimx_pipeline.errors import (
    BrokerError,
    RecordTooLargeError,
    UnknownTopicError,
)

BATCH_OVERHEAD_BYTES = 61
"""Header of a record batch: https://kafka.apache.org/documentation/#recordbatch."""

Partition = tuple[str, int]


@define
class KafkaProducer:
    """Publishes through an idempotent producer, with batches built here.

    ``send`` makes a future per record, which is what costs; a batch built by hand has
    one. A client that did not answer in time is thrown away: its pending records are of
    unknown outcome, and aiokafka would go on with them for ever.
    """

    _connection: KafkaConnection
    _client: Any = field(default=None, init=False)
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
            RecordTooLargeError: A record is too large; nothing was published.
            BrokerUnavailableError: No acknowledgement within the deadline.
        """
        if not records:
            return
        client = await self._connected()
        try:
            async with self._connection.answering():
                counts = await self._partition_counts(client, {out.topic for out in records})
                batches = self._batches(client, records, counts)
                await _deliver(client, batches)
        except (UnknownTopicError, RecordTooLargeError):
            raise
        except BrokerError:
            await self._drop(client)
            raise

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
        return {
            **self._connection.options(),
            "acks": "all",
            "enable_idempotence": True,
            "compression_type": None if kafka.compression == "none" else kafka.compression,
            "max_batch_size": kafka.max_request_bytes,
            "max_request_size": kafka.max_request_bytes,
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
        self, client: Any, records: Sequence[OutRecord], counts: dict[str, int]
    ) -> dict[Partition, list[Any]]:
        limit = self._connection.settings.kafka.max_request_bytes
        batches: defaultdict[Partition, list[Any]] = defaultdict(list)
        for index, out in enumerate(records):
            partition = partition_of(out, counts[out.topic], next(self._turns))
            filled = batches[out.topic, partition]
            headers = list(out.headers)
            if filled and filled[-1].append(
                timestamp=None, key=out.key, value=out.value, headers=headers
            ):
                continue
            batch = client.create_batch()
            added = batch.append(timestamp=None, key=out.key, value=out.value, headers=headers)
            if (size := added.size + BATCH_OVERHEAD_BYTES) > limit:
                raise RecordTooLargeError(out.topic, index, size, limit)
            filled.append(batch)
        return batches


async def _deliver(client: Any, batches: dict[Partition, list[Any]]) -> None:
    """Send *batches*, in order within each partition, and await all acknowledgements."""
    waiting: list[asyncio.Future[Any]] = []
    try:
        for round_of in itertools.zip_longest(*batches.values()):
            for (topic, partition), batch in zip(batches, round_of, strict=True):
                if batch is not None:
                    batch.close()
                    sent = await client.send_batch(batch, topic, partition=partition)
                    waiting.append(sent)
    finally:
        # Also when this is given up half-way: an error nobody asks for is logged as lost.
        answers = asyncio.gather(*waiting, return_exceptions=True)
    for error in await answers:
        if isinstance(error, BaseException):
            raise error


async def _stop(client: Any) -> None:
    if not await stopped(client.stop):
        await _tear_down(client)


async def _tear_down(client: Any) -> None:
    """Stop a producer whose server is gone; aiokafka's own ``stop`` would wait for ever."""
    # Internals of aiokafka 0.14, which offers no other way.
    accumulator = client._message_accumulator  # noqa: SLF001
    waiting = itertools.chain(accumulator._pending_batches, *accumulator._batches.values())  # noqa: SLF001
    for batch in waiting:
        batch.future.add_done_callback(seen)
    accumulator.fail_all(kafka_errors.ProducerClosed())
    await stopped(client.stop, TEAR_DOWN_SECONDS)
    await cancelled([client._sender.sender_task])  # noqa: SLF001
    await stopped(client.client.close, TEAR_DOWN_SECONDS)
