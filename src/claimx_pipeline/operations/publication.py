"""Publishing records of one's own to any topic: first what would be done, then doing it."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import TYPE_CHECKING

from attrs import field, frozen

from claimx_pipeline.broker.partitioning import partition_of
from claimx_pipeline.broker.protocol import OutRecord
from claimx_pipeline.broker.sizes import refuse_too_large
from claimx_pipeline.errors import RecordTooLargeError, UsageError
from claimx_pipeline.operations.record_filter import json_value, values_at
from claimx_pipeline.operations.topic_reading import on_broker
from claimx_pipeline.operations.topics import BATCH, RefusedLine, open_admin, open_producer
from claimx_pipeline.runtime.headers import OWN_PREFIX, encoded
from claimx_pipeline.sources.event_lines import event_texts

if TYPE_CHECKING:
    from claimx_pipeline.pipeline import Pipeline


@frozen(kw_only=True)
class Publication:
    """What publishing would do; nothing is done yet."""

    topic: str
    """As the broker calls it."""
    partitions: int
    """Where the records go."""
    read_by: Sequence[str]
    """Workers."""
    records: Sequence[OutRecord] = field(repr=False)
    """In their order."""
    refused: Sequence[RefusedLine] = ()
    """Lines that are left out."""
    warnings: Sequence[str] = ()
    """What is unwise about it."""

    def partition_of(self, record: OutRecord) -> int | None:
        """Return the partition that a record goes to; None for one without a key: any."""
        return None if record.key is None else partition_of(record, self.partitions, 0)

    @property
    def by_partition(self) -> Mapping[int, int]:
        """How many records with a key go to each partition."""
        found: dict[int, int] = {}
        for record in self.records:
            number = self.partition_of(record)
            if number is not None:
                found[number] = found.get(number, 0) + 1
        return dict(sorted(found.items()))


async def plan_publication(
    pipeline: Pipeline,
    topic: str,
    lines: Iterable[bytes],
    *,
    key: str | None = None,
    key_from: str | None = None,
    headers: Mapping[str, str] | None = None,
) -> Publication:
    """Return what publishing *lines* to a topic would do; nothing is published.

    Args:
        pipeline: The pipeline.
        topic: Its logical name or the broker's; it must exist.
        lines: JSON values, one per line, in an array, or spread over lines, as of a file. Each
            becomes the value of a record as it is written.
        key: The key of every record.
        key_from: A dotted path into each value to its key; a line without it is left out.
        headers: Headers of every record.

    Raises:
        UsageError: There is no such topic, or an argument is not valid.
        UnknownTopicError: The topic has not been created.
        BrokerError: The broker did not answer.
    """
    if key is not None and key_from is not None:
        raise UsageError("a record has one key: give it, or the path to it, not both")
    if own := [name for name in headers or {} if name.startswith(OWN_PREFIX)]:
        raise UsageError(
            f"header {own[0]!r} is refused: the pipeline's own begin with {OWN_PREFIX!r}"
        )
    async with open_admin(pipeline) as admin:
        physical = await on_broker(pipeline, admin, topic)
        partitions = (await admin.topics())[physical]
    refused: list[RefusedLine] = []
    records = []
    for number, value in _values(lines):
        try:
            record = OutRecord(physical, value, _key(value, key, key_from), encoded(headers or {}))
            refuse_too_large(record, 0, pipeline.settings.broker.largest_record)
        except (UsageError, RecordTooLargeError) as error:
            refused.append(RefusedLine(number, str(error)))
        else:
            records.append(record)
    readers = list(pipeline.topology.readers.get(pipeline.topology.logical(physical), ()))
    return Publication(
        topic=physical,
        partitions=partitions,
        read_by=readers,
        records=records,
        refused=refused,
        warnings=_warnings(pipeline, physical, readers),
    )


async def publish_planned(
    pipeline: Pipeline, plan: Publication, *, on_part: Callable[[int, int], None] | None = None
) -> int:
    """Publish what was planned; return how many records the broker has acknowledged.

    Args:
        pipeline: The pipeline.
        plan: From ``plan_publication``.
        on_part: Called after each part with the number published and that of all records.

    Raises:
        BrokerError: The broker did not acknowledge; what was sent may or may not be stored.
    """
    async with open_producer(pipeline) as producer:
        for start in range(0, len(plan.records), BATCH):
            part = plan.records[start : start + BATCH]
            await producer.publish(part)
            if on_part is not None:
                on_part(start + len(part), len(plan.records))
    return len(plan.records)


def _values(lines: Iterable[bytes]) -> list[tuple[int, bytes]]:
    if isinstance(lines, (str, bytes)):
        raise UsageError("'lines' is a single text; give a list of lines, or an open file")
    try:
        return [(at, value) for at, text in event_texts(lines) if (value := text.strip())]
    except UsageError as error:
        raise UsageError(f"what is to be published {error}") from error


def _key(value: bytes, key: str | None, key_from: str | None) -> bytes | None:
    if json_value(value) is None and value != b"null":
        raise UsageError("is not valid JSON")
    if key_from is None:
        return None if key is None else key.encode()
    found = [each for each in values_at(json_value(value), key_from) if each is not None]
    if not found or isinstance(found[0], (Mapping, list)):
        raise UsageError(f"has no value at {key_from!r} that could be its key")
    return str(found[0]).encode()


def _warnings(pipeline: Pipeline, physical: str, readers: Sequence[str]) -> list[str]:
    topology = pipeline.topology
    topic = topology.topics.get(topology.logical(physical))
    if topic is None:
        return [f"no worker and no plugin declares topic {physical!r}, so nothing here reads it"]
    if not readers and not topic.terminal:
        return [f"nothing reads topic {physical!r}"]
    writers = [each for each in topology.writers.get(topic.name, ()) if each != "retry"]
    if writers and not topic.source:
        return [
            f"topic {physical!r} is written by {', '.join(writers)}; a record that its readers "
            "cannot decode becomes a dead letter"
        ]
    return []
