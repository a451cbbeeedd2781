"""Finds the records that name something, by bounded searches of the topics.

An event is searched for in the raw topics first. Once it is known when it came and what its key
is, the other topics are searched from that time on, and those that are spread by that key in
one partition.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

from attrs import define, field, frozen

from claimx_pipeline.broker.inspection import Inspector, Ranges
from claimx_pipeline.broker.protocol import Admin, Record, TopicPartition
from claimx_pipeline.operations.offset_search import milliseconds, with_slack
from claimx_pipeline.operations.record_filter import json_value

if TYPE_CHECKING:
    from claimx_pipeline.pipeline import Pipeline

MOST = 500
"""Records of one topic that are shown, and that are searched for at once."""
MOST_LOOKED = 20_000
"""Records of one topic that are read since they hold the text, as an id or as part of another."""
PAGE = 1000
SMALL = 20_000
"""A range of fewer offsets is searched sooner than a time is found in it."""


@frozen
class SearchedNames:
    """What a record must name, exactly, to be one of the trace."""

    names: frozenset[str]

    @property
    def needles(self) -> tuple[bytes, ...]:
        """Bytes of which one occurs in every record that names it."""
        return tuple(sorted(name.encode() for name in self.names))

    def named_by(self, record: Record) -> bool:
        """Return whether *record* names it: in its key, a header, or anywhere in its JSON."""
        key = (record.key or b"").decode("utf-8", "replace")
        if key in self.names or not self.names.isdisjoint(key.split(":")):
            return True
        texts = (value.decode("utf-8", "replace") for _, value in record.headers if value)
        if not self.names.isdisjoint(texts):
            return True
        return any(text in self.names for text in _scalars(json_value(record.value)))


@define
class Search:
    """Searches the topics that there are."""

    pipeline: Pipeline
    admin: Admin
    inspector: Inspector | None
    existing: Mapping[str, int]
    cut: bool = field(default=False, init=False)

    async def find(
        self,
        topics: Iterable[str],
        wanted: SearchedNames,
        *,
        since: datetime | None = None,
        partitions: Mapping[str, int] | None = None,
    ) -> list[Record]:
        """Return the records of *topics*, as the broker calls them, that name what is wanted.

        Args:
            topics: Those that do not exist are passed over.
            wanted: What to look for.
            since: Nothing of it was published before.
            partitions: Topic to its only partition that can have some.
        """
        found: list[Record] = []
        for topic in dict.fromkeys(topics):
            if topic not in self.existing:
                continue
            ranges = await self._ranges(topic, since, (partitions or {}).get(topic))
            found += await self._named(topic, ranges, wanted)
        return found

    async def _named(self, topic: str, ranges: Ranges, wanted: SearchedNames) -> list[Record]:
        """Return the records that name what is wanted; many more may only hold its text.

        An id may be the beginning of many others.
        """
        found: list[Record] = []
        looked = 0
        while True:
            page = await self._search(topic, ranges, wanted.needles)
            found += [record for record in page if wanted.named_by(record)]
            if len(page) < MOST:
                return found
            looked += len(page)
            if len(found) >= MOST or looked >= MOST_LOOKED:
                self.cut = True
                return found
            ranges = _after(ranges, page[-1])

    async def _ranges(
        self, topic: str, since: datetime | None, partition: int | None
    ) -> dict[int, tuple[int, int]]:
        begins, ends = await self.admin.begin_offsets(topic), await self.admin.end_offsets(topic)
        ranges = {
            number: (begins.get(number, 0), end)
            for number, end in ends.items()
            if partition in (None, number) and begins.get(number, 0) < end
        }
        if since is None:
            return ranges
        first = milliseconds(with_slack(since))
        return {
            number: (await self._from(topic, number, begin, end, first), end)
            for number, (begin, end) in ranges.items()
        }

    async def _from(self, topic: str, number: int, low: int, high: int, first: int) -> int:
        """Return an offset before which nothing was published at *first* or later."""
        partition, end = TopicPartition(topic, number), high
        while high - low > SMALL:
            middle = (low + high) // 2
            records = await self.admin.read(partition, middle, end, max_records=1)
            if records and records[0].timestamp < first:
                low = middle
            else:
                high = middle
        return low

    async def _search(
        self, topic: str, ranges: Ranges, needles: Sequence[bytes]
    ) -> Sequence[Record]:
        if self.inspector is not None:
            return await self.inspector.find(topic, ranges, needles, most=MOST)
        found: list[Record] = []
        for number, (start, stop) in sorted(ranges.items()):
            at, partition = start, TopicPartition(topic, number)
            while at < stop and len(found) < MOST:
                page = await self.admin.read(partition, at, stop, max_records=PAGE)
                if not page:
                    break
                found += [each for each in page if _holds(each, needles)]
                at = page[-1].offset + 1
        return found[:MOST]


def _after(ranges: Ranges, last: Record) -> Ranges:
    """Return what is left of *ranges*, which are searched in the order of their partitions."""
    return {
        number: (last.offset + 1 if number == last.partition else start, stop)
        for number, (start, stop) in ranges.items()
        if number >= last.partition
    }


def _holds(record: Record, needles: Sequence[bytes]) -> bool:
    parts = (record.value, record.key, *(value for _, value in record.headers))
    return any(needle in part for part in parts if part for needle in needles)


def _scalars(value: Any) -> Iterable[str]:
    """Yield every text and number in a JSON value as text."""
    left = [value]
    while left:
        each = left.pop()
        if isinstance(each, Mapping):
            left += each.values()
        elif isinstance(each, list):
            left += each
        elif isinstance(each, str):
            yield each
        elif isinstance(each, int) and not isinstance(each, bool):
            yield str(each)
