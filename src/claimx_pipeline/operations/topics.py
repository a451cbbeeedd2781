"""Topics: create, list, publish to and read them."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import msgspec
from attrs import evolve, frozen

from claimx_pipeline.broker.protocol import Admin, OutRecord, Producer, Record, TopicPartition
from claimx_pipeline.broker.sizes import refuse_too_large
from claimx_pipeline.errors import DecodeError, RecordTooLargeError, UsageError
from claimx_pipeline.operations.names import one_domain
from claimx_pipeline.runtime.headers import FETCH_AGAIN
from claimx_pipeline.runtime.offsets.reading import retired_topics, unread_topics
from claimx_pipeline.sources.event_lines import event_texts
from claimx_pipeline.topics import BRAND

if TYPE_CHECKING:
    from claimx_pipeline.domain.domain import Domain
    from claimx_pipeline.domain.events import Decode
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
    """Workers that read it."""
    used: bool
    """False if it lacks a reader or a writer that it should have."""
    domain: str = ""
    """The domain that it is of; empty if of none alone."""
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
    """Why it was not published."""


@frozen
class PublishedEvents:
    """What became of lines with events."""

    published: int
    """How many were published."""
    refused: Sequence[RefusedLine]
    """The lines that were not."""


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
    domains = pipeline.domains.items()
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
                    records=None if partitions is None else await records_seen(admin, physical),
                    written_by=topology.writers.get(name, ["outside"]),
                    read_by=topology.readers.get(name, []),
                    used=name not in lonely,
                    domain=next((d for d, each in domains if each.topics.has(name)), ""),
                    note=_differs(wanted[physical], partitions),
                )
            )
        return found + await _of_other_settings(pipeline, admin, existing)


def _differs(wanted: int, partitions: int | None) -> str:
    if partitions in (None, wanted):
        return ""
    return f"it has {partitions} partitions, the settings say {wanted}; it stays as it is"


async def records_seen(admin: Admin, topic: str) -> int:
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
    for topic, name in topology.renamed(existing).items():
        notes.setdefault(topic, ("", f"the settings call {name} {topology.physical(name)!r} now"))
    return [
        ListedTopic(
            name=topology.logical(topic),
            physical=topic,
            partitions=existing[topic],
            records=await records_seen(admin, topic),
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
        UsageError: *messages* is a single message, or there are more or fewer keys.
    """
    if isinstance(messages, (str, bytes, Mapping)):
        raise UsageError("'messages' is a single message; give a list of them")
    values = [each if isinstance(each, bytes) else msgspec.json.encode(each) for each in messages]
    if keys is not None and len(keys) != len(values):
        raise UsageError(f"there are {len(keys)} keys for {len(values)} messages; give as many")
    encoded = [key.encode() for key in keys] if keys is not None else [None] * len(values)
    records = [OutRecord(topic, value, key) for value, key in zip(values, encoded, strict=True)]
    async with open_producer(pipeline) as producer:
        await producer.publish([_named(pipeline, record) for record in records])


async def publish_events(
    pipeline: Pipeline,
    lines: Iterable[bytes],
    domain: str = BRAND,
    *,
    fetch_again: bool = False,
    on_part: Callable[[int, int], None] | None = None,
) -> PublishedEvents:
    """Publish raw events of *domain*, a JSON object per line, by their keys.

    A line that is not a valid event, or that is larger than the broker takes, is left out and
    named in the result; an empty one is passed over. The lines of a JSON array, of objects that
    are spread over lines, of a gzip file and of UTF-16 are read too.

    Args:
        pipeline: The pipeline.
        lines: The events.
        domain: Their domain.
        fetch_again: Whether their files are fetched that are stored already, too.
        on_part: Called after each part with the number published and that of all valid events.

    Raises:
        BrokerError: The broker did not acknowledge; what was sent may or may not be stored.
        UsageError: The lines are of no such file, or of a damaged one, or there is no such
            domain; nothing was published.
    """
    if isinstance(lines, (str, bytes)):
        raise UsageError("'lines' is a single text; give a list of lines, or an open file")
    refused: list[RefusedLine] = []
    of = one_domain(pipeline, domain)
    decode, limit = of.reading(pipeline.settings), pipeline.settings.broker.largest_record
    headers = ((FETCH_AGAIN, b"yes"),) if fetch_again else ()
    events = [
        (number, evolve(record, headers=headers))
        for number, record in _events(lines, refused, limit, of, decode)
    ]
    published = 0
    if events:
        async with open_producer(pipeline) as producer:
            for start in range(0, len(events), BATCH):
                part = events[start : start + BATCH]
                too_large = await _publish_part(pipeline, producer, part)
                refused += too_large
                published += len(part) - len(too_large)
                if on_part is not None:
                    on_part(published, len(events))
    return PublishedEvents(published, sorted(refused, key=lambda each: each.line))


def _events(
    lines: Iterable[bytes],
    refused: list[RefusedLine],
    limit: int,
    domain: Domain,
    decode: Decode,
) -> Iterator[tuple[int, OutRecord]]:
    """Yield the number of each line and a record of its event; note the others in *refused*."""
    for number, line in event_texts(lines):
        value = line.strip()
        if not value:
            continue
        try:
            event = decode(value, 0)
            record = OutRecord(domain.topics.events_raw.name, value, event.key.encode())
            refuse_too_large(record, 0, limit)
        except (DecodeError, RecordTooLargeError) as error:
            refused.append(RefusedLine(number, str(error)))
            continue
        yield number, record


async def _publish_part(
    pipeline: Pipeline, producer: Producer, part: Sequence[tuple[int, OutRecord]]
) -> list[RefusedLine]:
    """Publish records; return those that are larger than their topic takes."""
    refused: list[RefusedLine] = []
    waiting = list(part)
    while waiting:
        try:
            await producer.publish([_named(pipeline, record) for _, record in waiting])
        except RecordTooLargeError as error:
            refused.append(RefusedLine(waiting[error.index][0], str(error)))
            left = range(len(waiting)) if error.left is None else error.left
            waiting = [waiting[at] for at in left if at != error.index]
        else:
            break
    return refused


def _named(pipeline: Pipeline, record: OutRecord) -> OutRecord:
    """Return *record* with its topic as the broker calls it."""
    return evolve(record, topic=pipeline.topology.physical(record.topic))


@asynccontextmanager
async def open_producer(pipeline: Pipeline) -> AsyncIterator[Producer]:
    """Give a producer on the pipeline's broker, and close it."""
    producer = pipeline.broker().producer()
    await producer.start()
    try:
        yield producer
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
