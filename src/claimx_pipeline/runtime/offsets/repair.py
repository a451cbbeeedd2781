"""Comparing what tables, group and topics of a worker have, and making them agree again."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

from attrs import define, evolve, frozen

from claimx_pipeline.broker.protocol import Admin, TopicPartition
from claimx_pipeline.delta.store import TableStore
from claimx_pipeline.delta.writing.positions import Acquired, Positions
from claimx_pipeline.errors import UnknownTopicError, UsageError
from claimx_pipeline.runtime.offsets.start_checks import Kept, Standing, look_at
from claimx_pipeline.runtime.worker import WorkerSpec
from claimx_pipeline.topics import Topology

Targets = Mapping[TopicPartition, int]


@frozen
class Moved:
    """One number that was changed."""

    what: str
    """``group NAME`` or ``table NAME``."""
    place: TopicPartition
    before: int | None
    after: int


@define
class WorkerOffsets:
    """The offsets of one worker, wherever they are kept."""

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

    async def places(self) -> list[TopicPartition]:
        """Return every partition that the worker reads.

        Raises:
            UnknownTopicError: One of its topics does not exist.
        """
        existing = await self.admin.topics()
        found = []
        for topic in self.spec.reads:
            name = self.topology.physical(topic.name)
            if name not in existing:
                raise UnknownTopicError(name)
            found += [TopicPartition(name, number) for number in range(existing[name])]
        return found

    async def standings(self) -> list[Standing]:
        """Return how things stand, by table and partition; of keyed tables those restored.

        Raises:
            UnknownTopicError: One of its topics does not exist.
        """
        places = await self.places()
        told: dict[str | None, Acquired] = {}
        told.update(await self._stored(places))
        told = {name: each for name, each in told.items() if not each.keyed or each.restored}
        kept = await look_at(self.admin, self.group, places)
        return [
            Standing(
                table=table,
                group=self.group,
                place=place,
                keyed=acquired.keyed,
                stored=acquired.positions.offsets.get(place, 0),
                restored=acquired.restored,
                kept=kept[place],
            )
            for table, acquired in (told or {None: Acquired()}).items()
            for place in places
        ]

    async def adopt(self) -> list[Moved]:
        """Take topic and group as they are for the continuation of the tables.

        The tables first: were this interrupted, what is left is a group without an
        offset, which no worker starts with.

        Raises:
            UnknownTopicError: One of its topics does not exist.
            BrokerError: The group has members.
        """
        places = await self.places()
        kept = await look_at(self.admin, self.group, places)
        targets = {place: present(kept[place]) for place in places}
        moved = []
        for table, acquired in (await self._stored(places)).items():
            old = acquired.positions
            if acquired.keyed:
                await self._note_restore(table, acquired)
                continue
            generations = {topic: number + 1 for topic, number in old.generations.items()}
            new = evolve(old, offsets=targets, generations=generations)
            await asyncio.to_thread(self.store.set_positions, table, new)
            moved += changes(f"table {table}", old.offsets, targets)
        return moved + await self._set_group(kept, targets)

    async def rewind(self, targets: Targets) -> list[Moved]:
        """Let the group go on at *targets*, and the tables take the rows from there on.

        A table that finds doubles by their key is told to take rows again, since those it
        has are found. One that does not keeps leaving out what it has. The group first:
        were this interrupted, the reason for it is still there at the next start.

        Args:
            targets: Partition to the next offset.

        Raises:
            UsageError: A target is not in its topic.
            BrokerError: The group has members.
        """
        kept = await look_at(self.admin, self.group, targets)
        for place, after in targets.items():
            if not kept[place].begin <= after <= kept[place].end:
                raise UsageError(
                    f"{place.topic}[{place.partition}] has offsets from {kept[place].begin} to "
                    f"{kept[place].end}, so it cannot go on at {after}"
                )
        moved = await self._set_group(kept, targets)
        places = await self.places()
        for table, acquired in (await self._stored(places)).items():
            if acquired.keyed:
                await self._note_restore(table, acquired)
                continue
            of_rows = await self._of_rows(table, places)
            new = dict(of_rows.offsets)
            if self.store.spec(table).dedupe:
                new |= {place: min(new[place], after) for place, after in targets.items()}
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
                f"worker {self.spec.name!r} writes no append table that could tell; "
                "use --to-earliest or --to"
            )
        places = await self.places()
        kept = await look_at(self.admin, self.group, places)
        stored = [(await self._of_rows(table, places)).offsets for table in tables]
        # What retention has deleted is gone whatever the table has.
        return {
            place: max(min(offsets[place] for offsets in stored), kept[place].begin)
            for place in places
        }

    async def earliest(self) -> Targets:
        """Return the oldest offset kept of each partition."""
        kept = await look_at(self.admin, self.group, await self.places())
        return {place: found.begin for place, found in kept.items()}

    async def _stored(self, places: Sequence[TopicPartition]) -> dict[str, Acquired]:
        return {
            table: await asyncio.to_thread(self.store.positions, table, self.group, places)
            for table in self.spec.tables
            if self.store.exists(table)
        }

    async def _note_restore(self, table: str, acquired: Acquired) -> None:
        """Let a keyed table's next commits go on from what was restored."""
        if acquired.restored is not None:
            await asyncio.to_thread(self.store.set_positions, table, acquired.positions)

    async def _of_rows(self, table: str, places: Sequence[TopicPartition]) -> Positions:
        return await asyncio.to_thread(self.store.positions_of_rows, table, self.group, places)

    async def _set_group(
        self, kept: Mapping[TopicPartition, Kept], targets: Targets
    ) -> list[Moved]:
        before = {place: kept[place].committed for place in targets}
        for topic in sorted({place.topic for place in targets}):
            wanted = {
                place.partition: after
                for place, after in targets.items()
                if place.topic == topic and before[place] != after
            }
            if wanted:
                await self.admin.commit_offsets(self.group, topic, wanted)
        return changes(f"group {self.group}", before, targets)


def present(kept: Kept) -> int:
    """Return where a group stands in a topic as it is now: at the start if it cannot tell."""
    if kept.committed is None or not kept.begin <= kept.committed <= kept.end:
        return kept.begin
    return kept.committed


def changes(what: str, before: Mapping[TopicPartition, int | None], after: Targets) -> list[Moved]:
    """Return what differs."""
    return [
        Moved(what, place, before.get(place), offset)
        for place, offset in after.items()
        if before.get(place) != offset
    ]
