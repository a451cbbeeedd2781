"""Comparing what tables, group and topics of a worker have, and making them agree again."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from attrs import define, evolve, frozen

from claimx_pipeline.broker.protocol import Admin, TopicPartition
from claimx_pipeline.delta.writing.held_positions import Acquired, Positions
from claimx_pipeline.errors import TableError, UnknownTopicError, UsageError
from claimx_pipeline.runtime.offsets.reading import retired_topics, topics_read
from claimx_pipeline.runtime.offsets.start_checks import OffsetCheck, PartitionOffsets, look_at
from claimx_pipeline.runtime.worker import WorkerSpec
from claimx_pipeline.topics import Topology

if TYPE_CHECKING:
    from claimx_pipeline.delta.store import TableStore

Targets = Mapping[TopicPartition, int]


@frozen
class Moved:
    """One number that was changed."""

    what: str
    """``group NAME`` or ``table NAME``."""
    partition: TopicPartition
    """The partition."""
    before: int | None
    """The offset before; None if there was none."""
    after: int
    """The offset now."""


@define
class WorkerOffsets:
    """The offsets of one worker, in the group and in the tables."""

    spec: WorkerSpec
    topology: Topology
    store: TableStore
    admin: Admin

    @property
    def group(self) -> str:
        """Consumer group, as the broker calls it."""
        return self.topology.group(self.spec.group)

    def append_tables(self) -> list[str]:
        """Return the append tables that exist; the others keep no positions."""
        found = [name for name in self.spec.tables if self.store.spec(name).mode == "append"]
        return [name for name in found if self.store.exists(name)]

    async def partitions(self) -> list[TopicPartition]:
        """Return every partition that the worker reads.

        Raises:
            UnknownTopicError: One of its topics does not exist.
        """
        existing = await self.admin.topics()
        found = []
        for name in topics_read(self.spec, self.topology, existing):
            if name not in existing:
                raise UnknownTopicError(name)
            found += [TopicPartition(name, number) for number in range(existing[name])]
        return found

    async def retired(self) -> list[str]:
        """Return the retry topics that it reads and that no setting names any more."""
        return retired_topics(self.spec, self.topology, await self.admin.topics())

    async def checks(self, unreadable: list[TableError] | None = None) -> list[OffsetCheck]:
        """Return a check per table and partition; of keyed tables only those restored.

        Args:
            unreadable: Gets the errors of tables that cannot be read, which are then left
                out; without it the first is raised.

        Raises:
            UnknownTopicError: One of its topics does not exist.
            TableError: A table cannot be read.
        """
        partitions = await self.partitions()
        acquired_by: dict[str | None, Acquired] = {}
        acquired_by.update(await self._stored(partitions, unreadable))
        acquired_by = {
            name: each for name, each in acquired_by.items() if not each.keyed or each.restored
        }
        offsets = await look_at(self.admin, self.group, partitions)
        return [
            OffsetCheck(
                table=table,
                group=self.group,
                partition=partition,
                keyed=acquired.keyed,
                stored=acquired.positions.offsets.get(partition, 0),
                restored=acquired.restored,
                offsets=offsets[partition],
            )
            for table, acquired in (acquired_by or {None: Acquired()}).items()
            for partition in partitions
        ]

    async def adopt(self) -> list[Moved]:
        """Take topic and group as they are for the continuation of the tables.

        The tables first: were this interrupted, what is left is a group without an
        offset, which no worker starts with.

        Raises:
            UnknownTopicError: One of its topics does not exist.
            BrokerError: The group has members.
        """
        partitions = await self.partitions()
        offsets = await look_at(self.admin, self.group, partitions)
        targets = {partition: present(offsets[partition]) for partition in partitions}
        moved = []
        for table, acquired in (await self._stored(partitions)).items():
            old = acquired.positions
            if acquired.keyed:
                await self._note_restore(table, acquired)
                continue
            generations = {topic: number + 1 for topic, number in old.generations.items()}
            new = evolve(old, offsets=targets, generations=generations)
            await asyncio.to_thread(self.store.set_positions, table, new)
            moved += changes(f"table {table}", old.offsets, targets)
        return moved + await self._set_group(offsets, targets)

    async def rewind(self, targets: Targets) -> list[Moved]:
        """Let the group go on at *targets*, and the tables take the rows from there on.

        A table that finds doubles by their key is prepared to take rows again, since those it
        has are found. One that does not keeps leaving out what it has. The group first:
        were this interrupted, the reason for it is still there at the next start.

        Args:
            targets: Partition to the next offset.

        Raises:
            UsageError: A target is not in its topic.
            BrokerError: The group has members.
        """
        offsets = await look_at(self.admin, self.group, targets)
        for partition, after in targets.items():
            log_start, log_end = offsets[partition].log_start, offsets[partition].log_end
            if not log_start <= after <= log_end:
                raise UsageError(
                    f"{partition.topic}[{partition.partition}] has offsets from {log_start} to "
                    f"{log_end}, so it cannot go on at {after}"
                )
        moved = await self._set_group(offsets, targets)
        partitions = await self.partitions()
        for table, acquired in (await self._stored(partitions)).items():
            if acquired.keyed:
                await self._note_restore(table, acquired)
                continue
            of_rows = await self._of_rows(table, partitions)
            new = dict(of_rows.offsets)
            if self.store.spec(table).dedupe:
                new |= {
                    partition: min(new[partition], after) for partition, after in targets.items()
                }
            old = acquired.positions
            if new != old.offsets or acquired.restored is not None:
                await asyncio.to_thread(self.store.set_positions, table, evolve(old, offsets=new))
                moved += changes(f"table {table}", old.offsets, new)
        return moved

    async def of_tables(self) -> Targets:
        """Return up to where all append tables have the rows, as far as the topic still has more.

        Raises:
            UsageError: The worker writes no append table.
        """
        tables = self.append_tables()
        if not tables:
            raise UsageError(
                f"worker {self.spec.name!r} writes no append table, so no table knows the offsets; "
                "use --to-earliest or --to"
            )
        partitions = await self.partitions()
        offsets = await look_at(self.admin, self.group, partitions)
        stored = [(await self._of_rows(table, partitions)).offsets for table in tables]
        # What retention has deleted cannot be read again, whatever the table has.
        return {
            partition: max(min(each[partition] for each in stored), offsets[partition].log_start)
            for partition in partitions
        }

    async def earliest(self) -> Targets:
        """Return the offset of the oldest record of each partition."""
        offsets = await look_at(self.admin, self.group, await self.partitions())
        return {partition: found.log_start for partition, found in offsets.items()}

    async def _stored(
        self, partitions: Sequence[TopicPartition], unreadable: list[TableError] | None = None
    ) -> dict[str, Acquired]:
        found: dict[str, Acquired] = {}
        for table in self.spec.tables:
            try:
                if self.store.exists(table):
                    found[table] = await asyncio.to_thread(
                        self.store.positions, table, self.group, partitions
                    )
            except TableError as error:
                if unreadable is None:
                    raise
                unreadable.append(error)
        return found

    async def _note_restore(self, table: str, acquired: Acquired) -> None:
        """Let a keyed table's next commits go on from what was restored."""
        if acquired.restored is not None:
            await asyncio.to_thread(self.store.set_positions, table, acquired.positions)

    async def _of_rows(self, table: str, partitions: Sequence[TopicPartition]) -> Positions:
        return await asyncio.to_thread(self.store.positions_of_rows, table, self.group, partitions)

    async def _set_group(
        self, offsets: Mapping[TopicPartition, PartitionOffsets], targets: Targets
    ) -> list[Moved]:
        before = {partition: offsets[partition].committed for partition in targets}
        for topic in sorted({partition.topic for partition in targets}):
            wanted = {
                partition.partition: after
                for partition, after in targets.items()
                if partition.topic == topic and before[partition] != after
            }
            if wanted:
                await self.admin.commit_offsets(self.group, topic, wanted)
        return changes(f"group {self.group}", before, targets)


def present(offsets: PartitionOffsets) -> int:
    """Return a group's offset in a topic as it is now: the log start if its own is not valid."""
    if offsets.committed is None or not offsets.log_start <= offsets.committed <= offsets.log_end:
        return offsets.log_start
    return offsets.committed


def changes(what: str, before: Mapping[TopicPartition, int | None], after: Targets) -> list[Moved]:
    """Return what differs."""
    return [
        Moved(what, partition, before.get(partition), offset)
        for partition, offset in after.items()
        if before.get(partition) != offset
    ]
