"""Topics: create, list, publish to and read them."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import msgspec
from attrs import evolve, frozen

from claimx_pipeline.broker.protocol import Admin, OutRecord, Record
from claimx_pipeline.claimx.events import decode_event
from claimx_pipeline.errors import DecodeError, UsageError
from claimx_pipeline.operations.event_lines import event_texts
from claimx_pipeline.topics import EVENTS_RAW

if TYPE_CHECKING:
    from claimx_pipeline.pipeline import Pipeline

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
    """Records ever published; None if it has not been created."""
    written_by: Sequence[str]
    """Workers and plugins; ``outside`` for a topic that others write."""
    read_by: Sequence[str]
    used: bool
    """False if it lacks a reader or a writer that it should have."""

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
    """Return every topic of workers and plugins, by name.

    Raises:
        BrokerError: The broker did not answer.
    """
    topology = pipeline.topology
    lonely = {*topology.without_reader(), *topology.without_writer()}
    found = []
    async with open_admin(pipeline) as admin:
        existing = await admin.topics()
        for name in sorted(topology.topics):
            physical = topology.physical(name)
            created = physical in existing
            found.append(
                ListedTopic(
                    name=name,
                    physical=physical,
                    partitions=existing.get(physical, topology.topics[name].partitions),
                    records=sum((await admin.end_offsets(physical)).values()) if created else None,
                    written_by=topology.writers.get(name, ["outside"]),
                    read_by=topology.readers.get(name, []),
                    used=name not in lonely,
                )
            )
    return found


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
        UsageError: *messages* is a single message, or there are more or fewer keys.
    """
    if isinstance(messages, (str, bytes, Mapping)):
        raise UsageError("'messages' is a single message; give a list of them")
    values = [each if isinstance(each, bytes) else msgspec.json.encode(each) for each in messages]
    if keys is not None and len(keys) != len(values):
        raise UsageError(f"there are {len(keys)} keys for {len(values)} messages; give as many")
    encoded = [key.encode() for key in keys] if keys is not None else [None] * len(values)
    records = [OutRecord(topic, value, key) for value, key in zip(values, encoded, strict=True)]
    await _publish(pipeline, [records])


async def publish_events(pipeline: Pipeline, lines: Iterable[bytes]) -> PublishedEvents:
    """Publish raw events, a JSON object per line, keyed by project.

    A line that is not a valid event is left out and named in the result; an empty one is
    passed over. The lines of a JSON array, of objects that are spread over lines, of a gzip file
    and of UTF-16 are read too.

    Raises:
        BrokerError: The broker did not acknowledge; what was sent may or may not be stored.
        UsageError: The lines are of no such file, or of a damaged one; nothing was published.
    """
    if isinstance(lines, (str, bytes)):
        raise UsageError("'lines' is a single text; give a list of lines, or an open file")
    refused: list[RefusedLine] = []
    records = list(_events(lines, refused))
    if records:
        parts = [records[start : start + BATCH] for start in range(0, len(records), BATCH)]
        await _publish(pipeline, parts)
    return PublishedEvents(len(records), refused)


def _events(lines: Iterable[bytes], refused: list[RefusedLine]) -> Iterator[OutRecord]:
    """Yield a record per event; note the other lines in *refused*."""
    for number, line in event_texts(lines):
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
    broker = pipeline.broker()
    admin = broker.admin()
    consumer = broker.consumer(group=f"reader-{uuid.uuid4()}", topics=[name])
    found: list[Record] = []
    try:
        ends = await admin.end_offsets(name)
        begins = await admin.begin_offsets(name)
        total = sum(end - begins.get(partition, 0) for partition, end in ends.items())
        await consumer.start()
        while len(found) < total:
            for batch in await consumer.poll(max_records=1000, timeout=0.2):
                found += batch.records
    finally:
        await consumer.close()
        await admin.close()
    return found
