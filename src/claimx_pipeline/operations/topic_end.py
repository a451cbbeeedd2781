"""The newest records of a topic that match, found from its end backwards and within a time."""

from __future__ import annotations

import heapq
from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from attrs import define, field, frozen

from claimx_pipeline.broker.protocol import Admin, Record, TopicPartition
from claimx_pipeline.clock import published_at
from claimx_pipeline.operations.record_filter import RecordFilter
from claimx_pipeline.operations.topic_reading import Bound, Window, on_broker
from claimx_pipeline.operations.topics import open_admin

if TYPE_CHECKING:
    from claimx_pipeline.pipeline import Pipeline

PAGE = 500
"""Records of one partition that are looked at before the time is looked at."""
_TICK = timedelta(milliseconds=1)


@frozen(kw_only=True)
class NewestRecords:
    """What was found."""

    records: Sequence[Record]
    """The newest first."""
    stopped_at: datetime | None
    """The time ran out: what was published before this has not been looked at. Else None."""


async def newest_records(
    pipeline: Pipeline,
    topic: str,
    *,
    where: RecordFilter | None = None,
    start: Bound | None = None,
    stop: Bound | None = None,
    limit: int = 50,
    seconds: float | None = None,
) -> NewestRecords:
    """Return the newest records of a topic that match; joins no group.

    Args:
        pipeline: The pipeline.
        topic: Its logical name or the broker's; one that nothing declares can be read too.
        where: Only records that match.
        start: No record before; at the oldest record if not given.
        stop: No record from here on; what there is now if not given.
        limit: This many records at most.
        seconds: Stop looking after this time; the answer says how far it got.

    Raises:
        UsageError: There is no such topic, or a partition is named that it does not have.
        UnknownTopicError: The topic has not been created.
        BrokerError: The broker did not answer.
    """
    clock = pipeline.clock
    deadline = None if seconds is None else clock.monotonic() + seconds
    async with open_admin(pipeline) as admin:
        name = await on_broker(pipeline, admin, topic)
        window = await Window.of(admin, name, start, stop)
        search = _Search(admin, window, where, limit)
        while (number := search.next_partition()) is not None:
            if deadline is not None and clock.monotonic() > deadline:
                return NewestRecords(records=search.newest(), stopped_at=search.reached())
            await search.back(number)
        return NewestRecords(records=search.newest(), stopped_at=None)


@define
class _Search:
    """Goes back in the partition whose records not looked at may be the newest."""

    _admin: Admin
    _window: Window
    _where: RecordFilter | None
    _limit: int
    _found: list[tuple[int, int, int, Record]] = field(init=False, factory=list)
    """A heap of the newest that match, the oldest of them first."""
    _left: dict[int, int] = field(init=False)
    """Partition to the offset before which nothing was looked at."""
    _times: dict[int, float] = field(init=False)
    """Partition to the time of the oldest record that was looked at, ms."""

    def __attrs_post_init__(self) -> None:
        self._left = dict(self._window.ends)
        self._times = dict.fromkeys(self._left, float("inf"))

    def next_partition(self) -> int | None:
        """Return where to look next; None if nothing there can be newer than what was found."""
        open_ = [n for n, end in self._left.items() if end > self._window.begins.get(n, 0)]
        number = max(open_, key=lambda each: self._times[each], default=None)
        if number is None:
            return None
        is_full = len(self._found) >= self._limit
        return None if is_full and self._times[number] <= self._found[0][0] else number

    async def back(self, number: int) -> None:
        """Look at the records before those that were looked at."""
        end = self._left[number]
        size = PAGE if self._where else min(self._limit, PAGE)
        begin = at = max(self._window.begins.get(number, 0), end - size)
        first: int | None = None
        while at < end:
            partition = TopicPartition(self._window.topic, number)
            page = await self._admin.read(partition, at, end, max_records=end - at)
            for record in page:
                first = record.timestamp if first is None else first
                self._look_at(record)
            at = page[-1].offset + 1 if page else end
        self._left[number] = begin
        if first is not None:
            self._times[number] = first

    def _look_at(self, record: Record) -> None:
        if not self._window.holds(record) or (self._where and not self._where.matches(record)):
            return
        entry = (record.timestamp, record.partition, record.offset, record)
        if len(self._found) < self._limit:
            heapq.heappush(self._found, entry)
        else:
            heapq.heappushpop(self._found, entry)

    def newest(self) -> list[Record]:
        """Return what was found, the newest first."""
        return [record for *_, record in sorted(self._found, key=lambda e: e[:3], reverse=True)]

    def reached(self) -> datetime | None:
        """Return the time from which on everything was looked at."""
        open_ = [n for n, end in self._left.items() if end > self._window.begins.get(n, 0)]
        latest = max((self._times[number] for number in open_), default=float("inf"))
        reached = published_at(int(latest)) if latest != float("inf") else None
        return reached + _TICK if reached else None
