"""Reads a topic as people look at one: from a time or an offset on, only some of its records."""

from __future__ import annotations

import base64
import re
from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, Any

import msgspec
from attrs import define, field, frozen

from claimx_pipeline.broker.protocol import Admin, Record, TopicPartition
from claimx_pipeline.clock import published_at
from claimx_pipeline.errors import UnknownTopicError, UsageError
from claimx_pipeline.operations.moments import moment
from claimx_pipeline.operations.offset_search import (
    milliseconds,
    offsets_at,
    with_slack,
    with_slack_after,
)
from claimx_pipeline.operations.record_filter import RecordFilter
from claimx_pipeline.operations.topics import open_admin
from claimx_pipeline.settings.nearest import nearest

if TYPE_CHECKING:
    from claimx_pipeline.pipeline import Pipeline

PAGE = 500
"""Records of one partition that are held at once."""
FOLLOW_SECONDS = 0.5
"""How often a topic that is followed is looked at."""

Bound = datetime | Mapping[int | None, int]
"""A time; or partition to offset, with None for every partition that is not named. A negative
offset counts from the end."""

_OFFSET = re.compile(r"(?:([0-9]{1,9}):)?(-?[0-9]{1,18})")


def bound(texts: Sequence[str], now: datetime) -> Bound | None:
    """Return what ``--from`` or ``--to`` says; None if it says nothing.

    Args:
        texts: One time (ISO 8601, or how long ago: ``2h``), or offsets: ``OFFSET`` for every
            partition, ``PARTITION:OFFSET`` for one, negative ones from the end.
        now: The time now.

    Raises:
        UsageError: One of them is neither, or there are several times.
    """
    if not texts:
        return None
    found = [_OFFSET.fullmatch(text.strip()) for text in texts]
    if not any(found):
        if len(texts) > 1:
            raise UsageError(f"{', '.join(texts)} are several times; give one of them")
        return moment(texts[0], now)
    offsets: dict[int | None, int] = {}
    for text, one in zip(texts, found, strict=True):
        if one is None:
            raise UsageError(f"{text!r} is not a valid OFFSET or PARTITION:OFFSET")
        offsets[None if one[1] is None else int(one[1])] = int(one[2])
    return offsets


async def read_records(
    pipeline: Pipeline,
    topic: str,
    *,
    where: RecordFilter | None = None,
    start: Bound | None = None,
    stop: Bound | None = None,
    limit: int | None = None,
    follow: bool = False,
) -> AsyncIterator[Record]:
    """Yield records of a topic in the order in which they were published; joins no group.

    Args:
        pipeline: The pipeline.
        topic: Its logical name or the broker's; one that nothing declares can be read too.
        where: Only records that match.
        start: Where to begin; at the oldest record if not given.
        stop: Where to end; after what there is now if not given.
        limit: This many records at most.
        follow: Wait for more at the end, until the caller stops or *limit* is reached.

    Raises:
        UsageError: There is no such topic, or a partition is named that it does not have.
        UnknownTopicError: The topic has not been created.
        BrokerError: The broker did not answer.
    """
    if follow and stop is not None:
        raise UsageError("a topic that is followed has no end; leave out where to stop")
    count = 0
    async with open_admin(pipeline) as admin:
        look = await _Look.begin(admin, await on_broker(pipeline, admin, topic), start, stop)
        while limit is None or count < limit:
            async for record in look.records():
                if where is None or where.matches(record):
                    yield record
                    count += 1
                    if count == limit:
                        return
            if not follow:
                return
            await pipeline.clock.sleep(FOLLOW_SECONDS)
            await look.further()


async def on_broker(pipeline: Pipeline, admin: Admin, topic: str) -> str:
    """Return what the broker calls a topic that exists.

    Raises:
        UsageError: There is no such topic.
        UnknownTopicError: It is declared and has not been created.
    """
    topology, existing = pipeline.topology, await admin.topics()
    for name in (topology.on_broker(topic), topic):
        if name in existing:
            return name
    if topic in topology.topics or topology.logical(topic) != topic:
        raise UnknownTopicError(topology.on_broker(topic))
    near = nearest(topic, [*topology.topics, *existing])
    hint = f"did you mean {near!r}?" if near else "'claimx-run topics list' shows all"
    raise UsageError(f"there is no topic {topic!r}; {hint}")


@frozen(kw_only=True)
class Window:
    """What of a topic is meant: from where to where in each partition, and between which times."""

    topic: str
    """As the broker calls it."""
    begins: Mapping[int, int]
    """Partition to the first offset."""
    ends: Mapping[int, int]
    """Partition to the offset after the last."""
    since: int | None
    """Records published before are passed over, ms."""
    until: int | None
    """Records published then or later are passed over, ms."""

    @classmethod
    async def of(cls, admin: Admin, topic: str, start: Bound | None, stop: Bound | None) -> Window:
        """Return what *start* and *stop* mean in the topic as it is now."""
        begins = dict(await admin.begin_offsets(topic))
        ends = dict(await admin.end_offsets(topic))
        since = until = None
        first, last = dict(begins), dict(ends)
        if isinstance(start, datetime):
            since = milliseconds(start)
            first = await offsets_at(admin, topic, with_slack(start))
        elif start is not None:
            first = _placed(topic, start, begins, ends, others=ends if None not in start else {})
        if isinstance(stop, datetime):
            until = milliseconds(stop)
            last = await offsets_at(admin, topic, with_slack_after(stop))
        elif stop is not None:
            last = _placed(topic, stop, begins, ends, others=ends)
        return cls(topic=topic, begins=first, ends=last, since=since, until=until)

    def holds(self, record: Record) -> bool:
        """Return whether *record* was published between the times."""
        if self.since is not None and record.timestamp < self.since:
            return False
        return self.until is None or record.timestamp < self.until


@define
class _Look:
    """How far each partition was read, and where it ends."""

    _admin: Admin
    _window: Window
    _next: dict[int, int]
    _ends: dict[int, int]
    _pages: dict[int, list[Record]] = field(init=False, factory=dict)

    @classmethod
    async def begin(
        cls, admin: Admin, topic: str, start: Bound | None, stop: Bound | None
    ) -> _Look:
        window = await Window.of(admin, topic, start, stop)
        return cls(admin, window, dict(window.begins), dict(window.ends))

    async def further(self) -> None:
        """See what has come since."""
        self._ends = dict(await self._admin.end_offsets(self._window.topic))

    async def records(self) -> AsyncIterator[Record]:
        """Yield what there is to read, the oldest first."""
        for number in self._ends:
            await self._fill(number)
        while self._pages:
            number = min(self._pages, key=lambda each: (self._pages[each][0].timestamp, each))
            record = self._pages[number].pop(0)
            if self._window.holds(record):
                yield record
            if not self._pages[number]:
                await self._fill(number)

    async def _fill(self, number: int) -> None:
        self._pages.pop(number, None)
        begin, end = self._next.get(number, 0), self._ends[number]
        if begin >= end:
            return
        partition = TopicPartition(self._window.topic, number)
        page = list(await self._admin.read(partition, begin, end, max_records=PAGE))
        self._next[number] = page[-1].offset + 1 if page else end
        if page:
            self._pages[number] = page


def _placed(
    topic: str,
    given: Mapping[int | None, int],
    begins: Mapping[int, int],
    ends: Mapping[int, int],
    *,
    others: Mapping[int, int],
) -> dict[int, int]:
    """Return an offset for every partition, within what there is; negative ones from the end."""
    for number in given:
        if number is not None and number not in ends:
            raise UsageError(f"{topic} has no partition {number}; it has {len(ends)}")
    found = {}
    for number, end in ends.items():
        offset = given.get(number, given.get(None))
        if offset is None:
            found[number] = others.get(number, end)
        else:
            offset = end + offset if offset < 0 else offset
            found[number] = min(max(offset, begins.get(number, 0)), end)
    return found


@frozen
class ShownRecord:
    """A record as it is shown: its parts as text where they are text."""

    record: Record
    """The record."""

    @property
    def published(self) -> datetime | None:
        """When it was published; None if its timestamp is not a time."""
        return published_at(self.record.timestamp)

    @property
    def location(self) -> str:
        """``topic/partition/offset``."""
        record = self.record
        return f"{record.topic}/{record.partition}/{record.offset}"

    def as_json(self) -> dict[str, Any]:
        """Return it as ``claimx-run topics read --json`` prints it, one per line.

        A value that is JSON is JSON there too, digit by digit; else text, else base64, as the
        encoding beside it says.
        """
        record = self.record
        key, key_encoding = as_text(record.key)
        value, encoding = self._value()
        return {
            "topic": record.topic,
            "partition": record.partition,
            "offset": record.offset,
            "published": self.published.isoformat() if self.published else None,
            "key": key,
            "key_encoding": key_encoding,
            "headers": [
                {"name": name, "value": text, "encoding": kind}
                for name, content in record.headers
                for text, kind in (as_text(content),)
            ],
            "value": value,
            "value_encoding": encoding,
        }

    def _value(self) -> tuple[Any, str | None]:
        content = self.record.value
        if content:
            try:
                msgspec.json.decode(content)
                return msgspec.Raw(msgspec.json.format(content, indent=-1)), "json"
            except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
                pass  # it is shown as text or base64, which the encoding says
        return as_text(content)


def as_text(content: bytes | None) -> tuple[str | None, str | None]:
    """Return bytes as text, base64 if they are not UTF-8, and which of both it is."""
    if content is None:
        return None, None
    try:
        return content.decode(), "utf-8"
    except UnicodeDecodeError:
        return base64.b64encode(content).decode(), "base64"
