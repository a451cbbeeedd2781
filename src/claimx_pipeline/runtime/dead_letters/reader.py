"""Reads dead letters: those that there are now, in the topics of all workers.

Every look ends at the offsets that were the ends when it began, and joins no group, so it
cannot hang, and leaves nothing behind however it ends.
"""

from __future__ import annotations

import hashlib
import logging
from collections import defaultdict
from collections.abc import AsyncIterator, Callable, Collection, Mapping, Sequence
from datetime import datetime

import msgspec
from attrs import define, field, frozen

from claimx_pipeline.broker.protocol import Admin, Record, TopicPartition
from claimx_pipeline.domain.events import Decode
from claimx_pipeline.errors import DeadLetterError, DecodeError, UnknownTopicError
from claimx_pipeline.runtime import headers
from claimx_pipeline.runtime.dead_letters.dead_letter import DeadLetter, last_failed_at
from claimx_pipeline.runtime.dead_letters.fingerprint import fingerprint
from claimx_pipeline.runtime.headers import Origin, origin_of, origin_timestamp_of
from claimx_pipeline.topics import DLQ_REPLAYED, Topology

PAGE = 500
"""Dead letters held in memory at once."""

log = logging.getLogger(__name__)


@frozen(kw_only=True)
class ReplayMark:
    """Says that a dead letter was replayed; is in the topic of replay marks."""

    letter: str
    """``topic/partition/offset`` of the dead letter; the key of the mark as well."""
    letter_timestamp: int
    """Of the dead letter, ms: a recreated topic has others at the same offsets."""
    replayed_at: str
    """ISO 8601."""
    group: str
    """Consumer group that the replay was for."""


@frozen(kw_only=True)
class FoundDeadLetter:
    """A record in a topic of dead letters."""

    location: Origin
    """Location of the dead letter itself."""
    record: Record
    """The record."""
    failure: DeadLetter | None
    """What is known of the failure; None if this pipeline did not write the record."""
    replayed_at: str | None
    """When it was replayed, if it was."""

    @property
    def fingerprint(self) -> str:
        """Equal for dead letters of one worker that failed with the same error."""
        return fingerprint(self.failure)

    @property
    def failed_at(self) -> datetime:
        """When it failed for the last time, UTC."""
        return last_failed_at(self.record, self.failure)


@frozen(kw_only=True)
class DeadLetterFilter:
    """Selects dead letters; a criterion that is None matches all."""

    topic: str | None = None
    """Topic of dead letters, as the broker calls it."""
    kind: str | None = None
    """``record`` or ``plugin``; None for both."""
    category: str | None = None
    """Kind of failure; None for all."""
    workers: frozenset[str] | None = None
    """Workers at one of which it failed."""
    since: datetime | None = None
    """Those from then on."""
    until: datetime | None = None
    """Those before."""
    event_id: str | None = None
    """Those of one event."""
    fingerprint: str | None = None
    """Or how it begins."""
    replayed: bool = False
    """Dead letters that were replayed match as well."""
    where: Callable[[Record], bool] | None = None
    """Says of the dead letter's own record whether it matches."""
    decoders: Sequence[Decode] = ()
    """Read the raw events of every domain: an event is found by an id that is derived."""

    def matches(self, dead_letter: FoundDeadLetter) -> bool:
        """Return whether *dead_letter* matches."""
        if dead_letter.replayed_at is not None and not self.replayed:
            return False
        failure = dead_letter.failure
        worker = failure.worker if failure else ""
        for wanted, found in (
            (self.topic, dead_letter.location.topic),
            (self.kind, failure and failure.kind),
            (self.category, failure and failure.category),
        ):
            if wanted is not None and wanted != found:
                return False
        if self.workers is not None and worker not in self.workers:
            return False
        if (self.since or self.until) and not self._in_time(dead_letter.failed_at):
            return False
        if self.fingerprint is not None and not dead_letter.fingerprint.startswith(
            self.fingerprint
        ):
            return False
        where = self.where is None or self.where(dead_letter.record)
        return where and (
            self.event_id is None or names_event(dead_letter.record, self.event_id, self.decoders)
        )

    def _in_time(self, failed_at: datetime) -> bool:
        return (self.since or failed_at) <= failed_at <= (self.until or failed_at)


def names_event(record: Record, event_id: str, decoders: Sequence[Decode] = ()) -> bool:
    """Return whether *record* is about the event: by its header, its text, or as the event."""
    if headers.header(record.headers, "claimx-id") == event_id:
        return True
    if msgspec.json.encode(event_id) in (record.value or b""):
        return True
    if hashlib.sha256(record.value or b"").hexdigest() == event_id:
        return True  # as older versions called an event without a time
    failure = DeadLetter.read(record)
    first = origin_of(record), origin_timestamp_of(record)
    origin, timestamp = (failure.origin, failure.origin_timestamp) if failure else first
    for decode in decoders:
        try:
            if decode(record.value, timestamp, lambda: str(origin)).event_id == event_id:
                return True
        except DecodeError:
            continue  # it is not a raw event of that domain
    return False


Ends = Mapping[TopicPartition, tuple[int, int]]
"""Partition to its first offset and the one after its last."""


@define
class DeadLetterReader:
    """The dead letters that there were when it was opened."""

    _admin: Admin
    _topics: Collection[str]
    """Topics of dead letters, as the broker calls them."""
    ends: Ends
    """Where each partition began and ended."""
    _marks: dict[TopicPartition, dict[int, tuple[int, str]]] = field(
        init=False, factory=lambda: defaultdict(dict)
    )
    """Partition and offset of a replayed dead letter to its timestamp and when it was replayed."""

    @classmethod
    async def open(
        cls,
        admin: Admin,
        topology: Topology,
        dead_letters: Collection[str],
        ends: Ends | None = None,
    ) -> DeadLetterReader:
        """Return a reader of what there is now.

        Args:
            admin: Is used until the last dead letter is read; the caller closes it.
            topology: What topics are called on the broker.
            dead_letters: Logical names of the topics of dead letters.
            ends: Of an earlier look, to see no more than that one did.
        """
        existing = await admin.topics()
        names = sorted({topology.physical(name) for name in dead_letters})
        # The ends first: a dead letter that is marked as replayed was there before its mark.
        if ends is None:
            ends = await _ends(admin, [name for name in names if name in existing])
        reader = cls(admin, names, ends)
        marked = topology.physical(DLQ_REPLAYED.name)
        if marked in existing:
            await reader._read_marks(await _ends(admin, [marked]))
        return reader

    async def pages(self, wanted: DeadLetterFilter) -> AsyncIterator[list[FoundDeadLetter]]:
        """Yield all dead letters that match *wanted*, a page at a time, in order per partition."""
        if wanted.topic is not None and wanted.topic not in self._topics:
            raise UnknownTopicError(wanted.topic)
        for partition, (start, stop) in self.ends.items():
            if wanted.topic not in (None, partition.topic):
                continue
            async for records in self._records(partition, start, stop):
                dead_letters = [self._found(record) for record in records]
                if found := [each for each in dead_letters if wanted.matches(each)]:
                    yield found

    async def at(self, location: Origin) -> FoundDeadLetter:
        """Return the dead letter at *location*.

        Raises:
            DeadLetterError: There is none.
        """
        partition = TopicPartition(location.topic, location.partition)
        start, stop = self.ends.get(partition, (0, 0))
        if start <= location.offset < stop:
            records = await self._admin.read(
                partition, location.offset, location.offset + 1, max_records=1
            )
            if records:
                return self._found(records[0])
        raise DeadLetterError(
            str(location), "there is none; 'claimx-run dlq list' shows where each group has one"
        )

    def _found(self, record: Record) -> FoundDeadLetter:
        partition = TopicPartition(record.topic, record.partition)
        timestamp, replayed_at = self._marks.get(partition, {}).get(record.offset, (None, None))
        return FoundDeadLetter(
            location=Origin(record.topic, record.partition, record.offset),
            record=record,
            failure=DeadLetter.read(record),
            replayed_at=replayed_at if timestamp == record.timestamp else None,
        )

    async def _records(
        self, partition: TopicPartition, start: int, stop: int
    ) -> AsyncIterator[list[Record]]:
        while start < stop:
            records = await self._admin.read(partition, start, stop, max_records=PAGE)
            if not records:
                return
            yield list(records)
            start = records[-1].offset + 1

    async def _read_marks(self, ends: Ends) -> None:
        for partition, (start, stop) in ends.items():
            async for records in self._records(partition, start, stop):
                for record in records:
                    self._note(record)

    def _note(self, record: Record) -> None:
        try:
            mark = msgspec.json.decode(record.value or b"", type=ReplayMark)
            marked = Origin.parse(mark.letter)
        except (msgspec.DecodeError, ValueError) as error:
            # Its dead letter counts as not replayed, which harms less than the other way round.
            log.warning(
                "%s[%d] %d is not a valid replay mark, and is ignored: %s",
                record.topic,
                record.partition,
                record.offset,
                error,
            )
            return
        partition = TopicPartition(marked.topic, marked.partition)
        self._marks[partition][marked.offset] = (mark.letter_timestamp, mark.replayed_at)


async def _ends(admin: Admin, topics: list[str]) -> dict[TopicPartition, tuple[int, int]]:
    found = {}
    for topic in topics:
        ends, begins = await admin.end_offsets(topic), await admin.begin_offsets(topic)
        for partition, end in sorted(ends.items()):
            found[TopicPartition(topic, partition)] = (begins.get(partition, 0), end)
    return found
