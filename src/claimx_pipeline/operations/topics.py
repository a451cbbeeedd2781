"""Topics: create, list, publish to and read them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import msgspec
from attrs import evolve, frozen

from claimx_pipeline.broker.protocol import Admin, OutRecord, Record, TopicPartition
from claimx_pipeline.claimx.events import decode_event
from claimx_pipeline.errors import DecodeError
from claimx_pipeline.runtime.offsets.reading import retired_topics, unread_topics
from claimx_pipeline.topics import EVENTS_RAW

if TYPE_CHECKING:
    from claimx_pipeline.pipeline import Pipeline

RETIRED = "no delay of the settings has it any more; what waits in it is brought back"

BATCH = 1000
"""Events that are published at once."""


@frozen(kw_only=True)
class ListedTopic:
    """A topic, and who uses it."""

    name: str
    """Logical name, as settings and plugins know it."""
    physical: str
    """Name on the broker."""
    partitions: int
    """As it exists; as it would be created if it does not."""
    records: int | None
    """Records ever published; None if it has not been created. Where transactions were used or a
    topic is compacted, what retention has deleted is counted by its offsets."""
    written_by: Sequence[str]
    """Workers and plugins; ``outside`` for a topic that others write."""
    read_by: Sequence[str]
    used: bool
    """False if it lacks a reader or a writer that it should have."""
    note: str = ""
    """What is remarkable about it: settings do not name it any more, or do not fit it."""

    @property
    def created(self) -> bool:
        """Whether it exists on the broker."""
        return self.records is not None


@frozen
class RefusedLine:
    """A line that was not published."""

    line: int
    """Its number, from 1."""
    reason: str


@frozen
class PublishedEvents:
    """What became of lines with events."""

    published: int
    refused: Sequence[RefusedLine]


@asynccontextmanager
async def open_admin(pipeline: Pipeline) -> AsyncIterator[Admin]:
    """Give an administrator of the pipeline's broker, and close it."""
    admin = pipeline.broker().admin()
    try:
        yield admin
    finally:
        await admin.close()


async def create_topics(pipeline: Pipeline) -> list[str]:
    """Create the topics that are missing; those that exist are left as they are.

    Returns:
        Names of those created, as the broker calls them.

    Raises:
        BrokerError: The broker did not create one.
    """
    async with open_admin(pipeline) as admin:
        return list(await admin.create_topics(pipeline.topology.new_topics()))


async def list_topics(pipeline: Pipeline) -> list[ListedTopic]:
    """Return every topic of workers and plugins, by name, then those that other settings left.

    Raises:
        BrokerError: The broker did not answer.
    """
    topology = pipeline.topology
    lonely = {*topology.without_reader(), *topology.without_writer()}
    wanted = {topic.name: topic.partitions for topic in topology.new_topics()}
    found = []
    async with open_admin(pipeline) as admin:
        existing = await admin.topics()
        for name in sorted(topology.topics):
            physical = topology.physical(name)
            partitions = existing.get(physical)
            found.append(
                ListedTopic(
                    name=name,
                    physical=physical,
                    partitions=wanted[physical] if partitions is None else partitions,
                    records=None if partitions is None else await _seen(admin, physical),
                    written_by=topology.writers.get(name, ["outside"]),
                    read_by=topology.readers.get(name, []),
                    used=name not in lonely,
                    note=_differs(wanted[physical], partitions),
                )
            )
        return found + await _of_other_settings(pipeline, admin, existing)


def _differs(wanted: int, partitions: int | None) -> str:
    if partitions in (None, wanted):
        return ""
    return f"it has {partitions} partitions, the settings say {wanted}; it stays as it is"


async def _seen(admin: Admin, topic: str) -> int:
    """Return how many records were ever published to *topic*."""
    begins, ends = await admin.begin_offsets(topic), await admin.end_offsets(topic)
    kept = await admin.count(topic, {at: (begins.get(at, 0), end) for at, end in ends.items()})
    return sum(begins.values()) + sum(kept.values())


async def _of_other_settings(
    pipeline: Pipeline, admin: Admin, existing: Mapping[str, int]
) -> list[ListedTopic]:
    """Return the topics that these settings do not name, and that were read with others."""
    topology = pipeline.topology
    workers = list(pipeline.workers.values())
    notes = {
        topic: (worker.name, RETIRED)
        for worker in workers
        for topic in retired_topics(worker, topology, existing)
    }
    for unread in await unread_topics(admin, topology, workers):
        notes.setdefault(unread.topic, ("", str(unread)))
    return [
        ListedTopic(
            name=topology.logical(topic),
            physical=topic,
            partitions=existing[topic],
            records=await _seen(admin, topic),
            written_by=[],
            read_by=[reader] if reader else [],
            used=bool(reader),
            note=note,
        )
        for topic, (reader, note) in sorted(notes.items())
    ]


async def publish(
    pipeline: Pipeline, topic: str, messages: Iterable[Any], *, keys: Sequence[str] | None = None
) -> None:
    """Publish messages; return when the broker has acknowledged them.

    Args:
        pipeline: The pipeline.
        topic: Logical name of the topic.
        messages: Bytes as they are; anything else as JSON.
        keys: A key for each; without, none has a key.

    Raises:
        BrokerError: The broker did not acknowledge; what was sent may or may not be stored.
    """
    values = [each if isinstance(each, bytes) else msgspec.json.encode(each) for each in messages]
    encoded = [key.encode() for key in keys] if keys is not None else [None] * len(values)
    records = [OutRecord(topic, value, key) for value, key in zip(values, encoded, strict=True)]
    await _publish(pipeline, [records])


async def publish_events(pipeline: Pipeline, lines: Iterable[bytes]) -> PublishedEvents:
    """Publish raw events, a JSON object per line, keyed by project.

    A line that is not a valid event is left out and named in the result; an empty one is
    passed over.

    Raises:
        BrokerError: The broker did not acknowledge; what was sent may or may not be stored.
    """
    refused: list[RefusedLine] = []
    records = list(_events(lines, refused))
    if records:
        parts = [records[start : start + BATCH] for start in range(0, len(records), BATCH)]
        await _publish(pipeline, parts)
    return PublishedEvents(len(records), refused)


def _events(lines: Iterable[bytes], refused: list[RefusedLine]) -> Iterator[OutRecord]:
    """Yield a record per event; note the other lines in *refused*."""
    for number, line in enumerate(lines, 1):
        value = line.strip()
        if not value:
            continue
        try:
            event = decode_event(value, 0)
        except DecodeError as error:
            refused.append(RefusedLine(number, str(error)))
            continue
        yield OutRecord(EVENTS_RAW.name, value, event.project_id.encode())


async def _publish(pipeline: Pipeline, parts: Iterable[Sequence[OutRecord]]) -> None:
    """Publish records, a part at once; they name their topic by its logical name."""
    physical = pipeline.topology.physical
    producer = pipeline.broker().producer()
    await producer.start()
    try:
        for part in parts:
            await producer.publish([evolve(each, topic=physical(each.topic)) for each in part])
    finally:
        await producer.close()


async def read_topic(pipeline: Pipeline, topic: str) -> list[Record]:
    """Return every record that is in a topic now, by its logical name.

    Raises:
        BrokerError: The broker did not answer.
        UnknownTopicError: The topic has not been created.
    """
    name = pipeline.topology.physical(topic)
    found: list[Record] = []
    async with open_admin(pipeline) as admin:
        begins, ends = await admin.begin_offsets(name), await admin.end_offsets(name)
        for number, end in ends.items():
            partition, start = TopicPartition(name, number), begins.get(number, 0)
            while records := await admin.read(partition, start, end, max_records=BATCH):
                found += records
                start = records[-1].offset + 1
    return found
