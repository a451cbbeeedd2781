"""The clients by which Kafka is asked, beside those that read and publish for workers."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from aiokafka import AIOKafkaConsumer
from aiokafka import errors as kafka_errors
from aiokafka.admin import AIOKafkaAdminClient
from attrs import define, field

from claimx_pipeline.broker.kafka.client import ISOLATION, KafkaConnection, stopped

ASK_AGAIN_SECONDS = 0.1

T = TypeVar("T")


@define(eq=False)
class AskingClients:
    """An administration client, and a reader of no group; each connects when it is first used."""

    _connection: KafkaConnection
    client: Any = field(default=None, init=False)
    """The administration client, if there is one."""
    _reader: Any = field(default=None, init=False)
    _connecting: asyncio.Lock = field(factory=asyncio.Lock, init=False)

    async def admin(self) -> Any:
        """Return the administration client.

        Raises:
            BrokerUnavailableError: Kafka does not answer.
        """
        async with self._connecting:
            if self.client is None:
                client = AIOKafkaAdminClient(**self._connection.options())
                await self._started(client, client.close)
                self.client = client
            return self.client

    async def reader(self) -> Any:
        """Return the reader.

        Raises:
            BrokerUnavailableError: Kafka does not answer.
        """
        async with self._connecting:
            if self._reader is None:
                reader = AIOKafkaConsumer(
                    **self._connection.options(),
                    enable_auto_commit=False,
                    group_id=None,
                    auto_offset_reset="earliest",
                    isolation_level=ISOLATION,
                )
                await self._started(reader, reader.stop)
                self._reader = reader
            return self._reader

    async def close(self) -> None:
        """Disconnect both; the next use connects again."""
        client, self.client = self.client, None
        reader, self._reader = self._reader, None
        if client is not None:
            await stopped(client.close)
        if reader is not None:
            await stopped(reader.stop)

    async def _started(self, client: Any, stop: Callable[[], Awaitable[None]]) -> None:
        try:
            async with self._connection.starting():
                await client.start()
        except BaseException:
            await stopped(stop)
            raise


async def with_retries(question: Callable[[], Awaitable[T]]) -> T:
    """Return the answer to *question*, asked again while Kafka is not ready."""
    while True:
        try:
            return await question()
        except kafka_errors.KafkaError as error:
            # For example a leader, or the coordinator of the first group ever, not known yet.
            if not error.retriable:
                raise
            await asyncio.sleep(ASK_AGAIN_SECONDS)
