"""Records of claims in topics: what a broker can delete of them, and what stays until when.

A broker deletes from the beginning of a partition on, and nothing else. So records of claims
are deleted as far as nothing else is before them, and no worker has them still to read. All
others stay until the topic's retention.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

from attrs import define, evolve, field, frozen

from claimx_pipeline.broker.protocol import Admin, Record, TopicPartition
from claimx_pipeline.runtime.dead_letters.dead_letter import VALUE_FILE
from claimx_pipeline.runtime.headers import header

if TYPE_CHECKING:
    from claimx_pipeline.pipeline import Pipeline

_AT_ONCE = 1000
_DEEPEST = 20
"""Levels of a message that are looked at."""


@frozen(kw_only=True)
class ErasedRecords:
    """Records of the claims in one topic."""

    topic: str
    """As the broker calls it."""
    records: int
    """How many are there of the claims."""
    waiting: int = 0
    """Of these, those that a worker has still to read."""
    deleted: int = 0
    """Of these, those that were deleted, or would be."""
    until: datetime | None = None
    """When the last of the others is deleted by the topic's retention; None if that never is."""
    value_files: Sequence[str] = field(default=(), repr=False)
    """Files with values of these records, dead letters that were too large for the topic."""

    @property
    def left(self) -> int:
        """How many of them stay."""
        return self.records - self.deleted


@frozen
class ClaimRecords:
    """Tells which records are about some claims."""

    keys: frozenset[str]
    names: frozenset[str]
    """What fields with a claim's key are called."""

    @classmethod
    def of(cls, keys: Collection[str], columns: Collection[str]) -> ClaimRecords:
        """Return it for claims whose key is in *columns*, and in fields called like those."""
        return cls(frozenset(keys), frozenset({*columns, *map(_camel, columns)}))

    def match(self, record: Record) -> bool:
        """Return whether *record* is about one of the claims: by its key, or a field in it."""
        if (record.key or b"").decode("utf-8", "replace") in self.keys:
            return True
        value = record.value or b""
        if not any(key.encode() in value for key in self.keys):
            return False
        try:
            return self._in(json.loads(value), _DEEPEST)
        except (ValueError, RecursionError):
            return False

    def _in(self, value: Any, levels: int) -> bool:
        if not levels:
            return False
        if isinstance(value, dict):
            return any(
                (name in self.names and str(each) in self.keys) or self._in(each, levels - 1)
                for name, each in value.items()
            )
        if isinstance(value, list):
            return any(self._in(each, levels - 1) for each in value)
        if isinstance(value, str) and value.lstrip().startswith("{"):
            try:
                return self._in(json.loads(value), levels - 1)
            except ValueError:
                return False
        return False


@define
class _Look:
    """What was found in one partition."""

    records: int = 0
    waiting: int = 0
    first: int = 0
    """Of the records at the beginning, how many are all of the claims and read by everyone."""
    before: int | None = None
    """The offset after those."""
    newest: int = -1
    """Time of the newest one that stays, milliseconds since 1970."""
    value_files: set[str] = field(factory=set)


async def erase_records(
    pipeline: Pipeline, admin: Admin, claims: ClaimRecords, *, dry_run: bool
) -> list[ErasedRecords]:
    """Delete what can be of the records of *claims* in all topics; return where there are any.

    Raises:
        BrokerError: The broker did not answer, or refused.
    """
    topology = pipeline.topology
    retention = {each.name: each.retention_hours for each in topology.new_topics()}
    groups: defaultdict[str, set[str]] = defaultdict(set)
    for worker in pipeline.workers.values():
        for read in worker.reads:
            groups[topology.physical(read.name)].add(topology.group(worker.group))
    existing = await admin.topics()
    declared = {topology.physical(name) for name in topology.topics}
    found = []
    for topic in sorted(declared & {*existing}):
        committed = [await admin.committed(group, topic) for group in groups[topic]]
        looks = await _looks(admin, topic, claims, committed)
        if records := sum(look.records for look in looks.values()):
            before = {at: look.before for at, look in looks.items() if look.before is not None}
            if before and not dry_run:
                await admin.delete_records(topic, before)
            newest = max(look.newest for look in looks.values())
            erased = ErasedRecords(
                topic=topic,
                records=records,
                waiting=sum(look.waiting for look in looks.values()),
                deleted=sum(look.first for look in looks.values()),
                value_files=sorted({path for look in looks.values() for path in look.value_files}),
            )
            found.append(evolve(erased, until=_until(newest, retention.get(topic))))
    return found


async def _looks(
    admin: Admin,
    topic: str,
    claims: ClaimRecords,
    committed: Collection[Mapping[int, int]],
) -> dict[int, _Look]:
    begins, ends = await admin.begin_offsets(topic), await admin.end_offsets(topic)
    found = {}
    for number, end in ends.items():
        read = min((each.get(number, 0) for each in committed), default=end)
        partition = TopicPartition(topic, number)
        found[number] = await _look(admin, partition, (begins.get(number, 0), end), claims, read)
    return found


async def _look(
    admin: Admin,
    partition: TopicPartition,
    offsets: tuple[int, int],
    claims: ClaimRecords,
    read: int,
) -> _Look:
    """Read a partition; records from offset *read* on are still to be read by a worker."""
    start, end = offsets
    look, only_claims = _Look(), True
    while records := await admin.read(partition, start, end, max_records=_AT_ONCE):
        for record in records:
            matched = claims.match(record)
            look.records += matched
            if matched and (pointer := header(record.headers, VALUE_FILE)):
                look.value_files.add(pointer)
            look.waiting += matched and record.offset >= read
            only_claims = only_claims and matched and record.offset < read
            if only_claims:
                look.first += 1
                look.before = record.offset + 1
            elif matched:
                look.newest = max(look.newest, record.timestamp)
        start = records[-1].offset + 1
    return look


async def records_of(admin: Admin, topic: str, claims: ClaimRecords) -> AsyncIterator[Record]:
    """Yield the records of *claims* in a topic.

    Raises:
        BrokerError: The broker did not answer.
    """
    begins, ends = await admin.begin_offsets(topic), await admin.end_offsets(topic)
    for number, end in ends.items():
        start, partition = begins.get(number, 0), TopicPartition(topic, number)
        while records := await admin.read(partition, start, end, max_records=_AT_ONCE):
            for record in records:
                if claims.match(record):
                    yield record
            start = records[-1].offset + 1


def _until(newest: int, hours: float | None) -> datetime | None:
    if newest < 0 or hours is None:
        return None
    return datetime.fromtimestamp(newest / 1000, UTC) + timedelta(hours=hours)


def _camel(name: str) -> str:
    first, *others = name.split("_")
    return first + "".join(each.capitalize() for each in others)
