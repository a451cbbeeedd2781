"""The broker as a worker of a source sees it: its consumers read the source."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from typing import Any

from attrs import define, field, frozen

from claimx_pipeline.broker.protocol import (
    Admin,
    Broker,
    Consumer,
    NewTopic,
    OnRevoked,
    Producer,
    Record,
    TopicPartition,
)
from claimx_pipeline.runtime.resources import Resources
from claimx_pipeline.sources.consumer import SourceConsumer
from claimx_pipeline.sources.pace import Pace
from claimx_pipeline.sources.positions import newest_position
from claimx_pipeline.sources.protocol import SourceSpec
from claimx_pipeline.sources.reading import close_source, read_page
from claimx_pipeline.topics import Topic, Topology, positions_topic

NO_END = 2**62
"""Where a source ends is not known, so nothing that was read is ever beyond it."""


@frozen
class SourceIntake:
    """Makes the broker of a worker that reads *source*."""

    source: SourceSpec
    positions: Topic = field()
    """The topic that holds how far it was read."""

    @positions.default
    def _positions_of_source(self) -> Topic:
        return positions_topic(self.source.name)

    def broker(self, resources: Resources) -> Broker:
        """Return the broker that the worker's members are to use."""
        topic = resources.topology.physical(self.positions.name)
        return SourceBroker(resources.broker.url, resources, self.source, topic)

    async def left(self, admin: Admin, topology: Topology, since: int) -> int:
        """Return 0 if the newest position says that there was nothing more, else 1."""
        topic = topology.physical(self.positions.name)
        newest = await newest_position(admin, topic)
        return 0 if newest is not None and newest[0].drained and newest[1] >= since else 1


@define(eq=False)
class SourceBroker:
    """A broker on which one topic is a source."""

    url: str
    resources: Resources
    source: SourceSpec
    topic: str
    """Of the positions, as the broker calls it."""
    _refused: list[Any] = field(factory=list, init=False)
    """The position from which on the source could not be read; empty if it can be."""

    async def recheck(self) -> None:
        """See that the source can be read from where it could not be.

        Raises:
            SourceRefusedError: It still cannot.
            SourceUnavailableError: It cannot be reached now.
        """
        if not self._refused:
            return
        source, own = self.source.build(self.resources), self.source
        worker = self.resources.worker.name
        try:
            await read_page(source, self._refused[-1], worker, own.name, own.read_seconds)
        finally:
            await close_source(source, worker, own.name)
        self._refused.clear()

    def consumer(
        self, *, group: str, topics: Sequence[str], on_revoked: OnRevoked | None = None
    ) -> Consumer:
        """Return a member of *group* that reads the source."""
        broker, source = self.resources.broker, self.source
        return SourceConsumer(
            worker=self.resources.worker.name,
            name=source.name,
            topic=self.topic,
            make=lambda: source.build(self.resources),
            inner=broker.consumer(group=group, topics=topics, on_revoked=on_revoked),
            producer=broker.producer(),
            admin=broker.admin(),
            clock=self.resources.clock,
            pace=Pace(source.rate),
            poll_seconds=source.poll_seconds,
            read_seconds=source.read_seconds,
            on_refused=self._refused.append,
        )

    def producer(self) -> Producer:
        """Return a producer; call ``start`` on it."""
        return self.resources.broker.producer()

    def admin(self) -> Admin:
        """Return an administrator to which the topic of positions is the source."""
        return SourceAdmin(self.resources.broker.admin(), self.topic)


@define(eq=False)
class SourceAdmin:
    """An administrator to which the topic of positions has the source's records.

    A source has no offsets that a group could lose or that retention could overtake: how far it
    was read is what the newest position says.
    """

    _admin: Admin
    _topic: str

    async def topics(self) -> Mapping[str, int]:
        """Return every topic's number of partitions."""
        return await self._admin.topics()

    async def create_topics(self, topics: Sequence[NewTopic]) -> Sequence[str]:
        """Create those of *topics* that do not exist."""
        return await self._admin.create_topics(topics)

    async def end_offsets(self, topic: str) -> Mapping[int, int]:
        """Return the ends; a source has none."""
        return {0: NO_END} if topic == self._topic else await self._admin.end_offsets(topic)

    async def begin_offsets(self, topic: str) -> Mapping[int, int]:
        """Return the begins; of a source nothing was deleted."""
        return {0: 0} if topic == self._topic else await self._admin.begin_offsets(topic)

    async def count(self, topic: str, ranges: Mapping[int, tuple[int, int]]) -> Mapping[int, int]:
        """Return how many records there are to read from an offset to another."""
        return await self._admin.count(topic, ranges)

    async def delete_records(self, topic: str, before: Mapping[int, int]) -> None:
        """Delete the records before an offset."""
        await self._admin.delete_records(topic, before)

    async def topics_of(self, group: str) -> Collection[str]:
        """Return the topics that *group* has ever committed an offset of."""
        return await self._admin.topics_of(group)

    async def committed(self, group: str, topic: str) -> Mapping[int, int]:
        """Return what *group* committed; of a source that is never unknown."""
        return {0: 0} if topic == self._topic else await self._admin.committed(group, topic)

    async def commit_offsets(self, group: str, topic: str, positions: Mapping[int, int]) -> None:
        """Store the next offsets that *group* is to read."""
        await self._admin.commit_offsets(group, topic, positions)

    async def read(
        self, partition: TopicPartition, start: int, stop: int, *, max_records: int
    ) -> Sequence[Record]:
        """Return the next records from offset *start* on and before *stop*."""
        return await self._admin.read(partition, start, stop, max_records=max_records)

    async def close(self) -> None:
        """Disconnect."""
        await self._admin.close()
