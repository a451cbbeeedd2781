"""Reads dead letters: those that there are now, in the topics of all workers.

Every look ends at the offsets that were the ends when it began, and joins no group, so it
cannot hang, and leaves nothing behind however it ends.
"""

from __future__ import annotations

import logging
from collections import defaultdict
from collections.abc import AsyncIterator, Collection, Mapping
from datetime import UTC, datetime

import msgspec
from attrs import define, field, frozen

from claimx_pipeline.broker.protocol import Admin, Record, TopicPartition
from claimx_pipeline.claimx.events import decode_event
from claimx_pipeline.errors import DeadLetterError, DecodeError, UnknownTopicError
from claimx_pipeline.runtime import headers
from claimx_pipeline.runtime.dead_letters.fingerprint import fingerprint
from claimx_pipeline.runtime.dead_letters.letter import DeadLetter
from claimx_pipeline.runtime.headers import Origin
from claimx_pipeline.topics import DLQ_REPLAYED, Topology

PAGE = 500
"""Letters held in memory at once."""

log = logging.getLogger(__name__)


@frozen(kw_only=True)
class ReplayMark:
    """Says that a dead letter was replayed; lies in ``claimx.dlq.replayed``."""

    letter: str
    """``topic/partition/offset`` of the letter; the key of the mark as well."""
    letter_timestamp: int
    """Of the letter, ms: a topic that is created anew has other letters at the same place."""
    replayed_at: str
    """ISO 8601."""
    group: str
    """Consumer group that the replay was for."""


@frozen(kw_only=True)
class FoundLetter:
    """A record in a topic of dead letters."""

    place: Origin
    """Where the letter itself lies."""
    record: Record
    told: DeadLetter | None
    """What is known of the failure; None if the record is no dead letter of ours."""
    replayed_at: str | None

    @property
    def fingerprint(self) -> str:
        """Equal for letters of one worker that died of the same thing."""
        return fingerprint(self.told)

    @property
    def died(self) -> datetime:
        """When it failed for the last time, UTC."""
        published = datetime.fromtimestamp(self.record.timestamp / 1000, UTC)
        if self.told is None:
            return published
        try:
            died = datetime.fromisoformat(self.told.last_failed)
        except ValueError:
            return published
        return died if died.tzinfo else died.replace(tzinfo=UTC)


@frozen(kw_only=True)
class LetterFilter:
    """Which letters are meant; what is None does not matter."""

    topic: str | None = None
    """Topic of dead letters, as the broker calls it."""
    kind: str | None = None
    category: str | None = None
    worker: str | None = None
    since: datetime | None = None
    until: datetime | None = None
    event_id: str | None = None
    fingerprint: str | None = None
    """Or how it begins."""
    replayed: bool = False
    """Letters that were replayed are meant as well."""

    def admits(self, letter: FoundLetter) -> bool:
        """Tell whether *letter* is meant."""
        if letter.replayed_at is not None and not self.replayed:
            return False
        told = letter.told
        for wanted, found in (
            (self.topic, letter.place.topic),
            (self.kind, told and told.kind),
            (self.category, told and told.category),
            (self.worker, told and told.worker),
        ):
            if wanted is not None and wanted != found:
                return False
        if self.since is not None and letter.died < self.since:
            return False
        if self.until is not None and letter.died > self.until:
            return False
        if self.fingerprint is not None and not letter.fingerprint.startswith(self.fingerprint):
            return False
        return self.event_id is None or names_event(letter.record, self.event_id)


def names_event(record: Record, event_id: str) -> bool:
    """Tell whether *record* is about the event: by its header, its text, or as the event."""
    if headers.header(record.headers, "claimx-id") == event_id:
        return True
    if msgspec.json.encode(event_id) in (record.value or b""):
        return True
    try:
        return decode_event(record.value, record.timestamp).event_id == event_id
    except DecodeError:
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
    """Partition and offset of a replayed letter to its timestamp and when it was replayed."""

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
            admin: Is used until the last letter is read; the caller closes it.
            topology: What topics are called on the broker.
            dead_letters: Logical names of the topics of dead letters.
            ends: Of an earlier look, to see no more than that one did.
        """
        existing = await admin.topics()
        names = sorted(topology.physical(name) for name in dead_letters)
        # The letters' ends first: a letter that is marked as replayed was there before.
        if ends is None:
            ends = await _ends(admin, [name for name in names if name in existing])
        reader = cls(admin, names, ends)
        marked = topology.physical(DLQ_REPLAYED.name)
        if marked in existing:
            await reader._read_marks(await _ends(admin, [marked]))
        return reader

    async def pages(self, wanted: LetterFilter) -> AsyncIterator[list[FoundLetter]]:
        """Yield all letters that *wanted* admits, a page at a time, in order per partition."""
        if wanted.topic is not None and wanted.topic not in self._topics:
            raise UnknownTopicError(wanted.topic)
        for place, (start, stop) in self.ends.items():
            if wanted.topic not in (None, place.topic):
                continue
            async for records in self._records(place, start, stop):
                letters = [self._letter(record) for record in records]
                if found := [letter for letter in letters if wanted.admits(letter)]:
                    yield found

    async def at(self, place: Origin) -> FoundLetter:
        """Return the letter that lies at *place*.

        Raises:
            DeadLetterError: There is none.
        """
        partition = TopicPartition(place.topic, place.partition)
        start, stop = self.ends.get(partition, (0, 0))
        if start <= place.offset < stop:
            records = await self._admin.read(
                partition, place.offset, place.offset + 1, max_records=1
            )
            if records:
                return self._letter(records[0])
        raise DeadLetterError(
            str(place), "there is none; 'claimx-run dlq list' shows where each group has one"
        )

    def _letter(self, record: Record) -> FoundLetter:
        place = TopicPartition(record.topic, record.partition)
        timestamp, replayed_at = self._marks.get(place, {}).get(record.offset, (None, None))
        return FoundLetter(
            place=Origin(record.topic, record.partition, record.offset),
            record=record,
            told=DeadLetter.read(record),
            replayed_at=replayed_at if timestamp == record.timestamp else None,
        )

    async def _records(
        self, place: TopicPartition, start: int, stop: int
    ) -> AsyncIterator[list[Record]]:
        while start < stop:
            records = await self._admin.read(place, start, stop, max_records=PAGE)
            if not records:
                return
            yield list(records)
            start = records[-1].offset + 1

    async def _read_marks(self, ends: Ends) -> None:
        for place, (start, stop) in ends.items():
            async for records in self._records(place, start, stop):
                for record in records:
                    self._note(record)

    def _note(self, record: Record) -> None:
        try:
            mark = msgspec.json.decode(record.value or b"", type=ReplayMark)
            letter = Origin.parse(mark.letter)
        except (msgspec.DecodeError, ValueError) as error:
            # Its letter counts as not replayed, which harms less than the other way round.
            log.warning(
                "%s[%d] %d is no mark: %s", record.topic, record.partition, record.offset, error
            )
            return
        place = TopicPartition(letter.topic, letter.partition)
        self._marks[place][letter.offset] = (mark.letter_timestamp, mark.replayed_at)


async def _ends(admin: Admin, topics: list[str]) -> dict[TopicPartition, tuple[int, int]]:
    found = {}
    for topic in topics:
        ends, begins = await admin.end_offsets(topic), await admin.begin_offsets(topic)
        for partition, end in sorted(ends.items()):
            found[TopicPartition(topic, partition)] = (begins.get(partition, 0), end)
    return found
