"""A topic that a worker writes to remember things by, and reads back itself."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

from attrs import define, evolve, field

from claimx_pipeline.broker.protocol import Admin, OutRecord, Producer, Record, TopicPartition
from claimx_pipeline.errors import BrokerError
from claimx_pipeline.runtime.resources import Resources
from claimx_pipeline.topics import Topic

__all__ = ["BrokerError", "TopicLog"]

_RECORDS_AT_ONCE = 1000


@define(eq=False)
class TopicLog:
    """A topic that each member of a worker reads whole, and adds to.

    A member that takes partitions over reads what is new with ``news``, and then knows all that
    was acknowledged before it did. Nothing is read in between, and no group has offsets.
    """

    topic: Topic
    """With its logical name; the worker must name it among its ``writes``."""
    _name: str = field(default="", init=False)
    _admin: Admin = field(init=False)
    _producer: Producer = field(init=False)
    _opened: bool = field(default=False, init=False)
    _started: bool = field(default=False, init=False)
    _exists: bool = field(default=False, init=False)
    _resources: Resources = field(init=False)
    _read: dict[int, int] = field(factory=dict, init=False)
    """By partition, the next offset to read."""

    def open(self, resources: Resources) -> None:
        """Get ready; connects to nothing yet."""
        self._resources = resources
        self._name = resources.topology.physical(self.topic.name)
        self._admin, self._producer = resources.broker.admin(), resources.broker.producer()
        self._opened = True

    async def news(self) -> AsyncIterator[Record]:
        """Yield the records that were not read yet, oldest first within each partition.

        The topic is created if it does not exist: an installation that was updated need not
        do so itself.

        Raises:
            BrokerError: The broker does not answer, or does not create the topic.
        """
        await self._create()
        ends = await self._admin.end_offsets(self._name)
        begins = await self._admin.begin_offsets(self._name)
        for partition, end in sorted(ends.items()):
            begin = begins.get(partition, 0)
            at = self._read.get(partition, begin)
            # A topic that was recreated begins again; what retention deleted is not there.
            at = begin if at > end else max(at, begin)
            while at < end:
                records = await self._admin.read(
                    TopicPartition(self._name, partition),
                    at,
                    end,
                    max_records=_RECORDS_AT_ONCE,
                )
                for record in records:
                    yield record
                at = records[-1].offset + 1 if records else end
            self._read[partition] = end

    async def append(self, records: Sequence[OutRecord]) -> None:
        """Add records; return when the broker has acknowledged them. Their topic is this one.

        Raises:
            BrokerError: It did not; any part of them may be stored.
        """
        if not self._started:
            await self._create()
            await self._producer.start()
            self._started = True
        await self._producer.publish([evolve(record, topic=self._name) for record in records])

    async def close(self) -> None:
        """Disconnect. May be called without ``open``."""
        if self._opened:
            self._opened = False
            await self._producer.close()
            await self._admin.close()

    async def _create(self) -> None:
        if not self._exists:
            known = self._resources.topology.new_topics()
            await self._admin.create_topics([new for new in known if new.name == self._name])
            self._exists = True
