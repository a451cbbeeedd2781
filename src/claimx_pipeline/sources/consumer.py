"""A member of a worker's group whose records come from a source.

The group's one partition is the topic of positions: who is assigned it reads the source. What
the worker commits is published there, once everything before it is acknowledged.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections import deque
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from typing import Any

from attrs import define, field

from claimx_pipeline.broker.protocol import (
    Admin,
    Assignment,
    Consumer,
    PolledBatch,
    Producer,
    Record,
)
from claimx_pipeline.clock import Clock
from claimx_pipeline.errors import FencedError
from claimx_pipeline.sources.incoming import incoming
from claimx_pipeline.sources.pace import Pace
from claimx_pipeline.sources.positions import Position, newest_position, position_record
from claimx_pipeline.sources.protocol import Source, SourceRecord, TellsProgress
from claimx_pipeline.sources.reading import SourceRefusedError, close_source, read_page

log = logging.getLogger(__name__)

FENCE_SECONDS = 1.0
"""Between two commits of the group, at least: they show whether another member is the owner."""

SHORT_SECONDS = 0.05
"""Between two looks at whether what is in flight is committed."""

LOG_SECONDS = 10.0
"""Between two log lines about the progress."""


@define
class _Reading:
    """The source as the present owner reads it."""

    kept: Position
    """What was kept last."""
    position: Any
    """After everything that was read."""
    offset: int
    """After everything that was handed out."""
    buffer: deque[SourceRecord] = field(factory=deque)
    """Read, and not handed out yet."""
    pages: deque[tuple[int, Any]] = field(factory=deque)
    """The offset after each page that is not committed, and the source's position there."""
    task: asyncio.Task[tuple[Sequence[SourceRecord], Any]] | None = None
    look_at: float = 0.0
    """When to read again, since there was nothing more."""
    drained: bool = False
    """Whether the last look has found nothing."""
    refused: SourceRefusedError | None = None
    """Why it cannot be read on; raised once everything before it is kept."""


@define(eq=False)
class SourceConsumer:
    """Reads a source as a member of a group."""

    worker: str
    name: str
    topic: str
    """Of the positions, as the broker calls it."""
    make: Callable[[], Source]
    inner: Consumer
    """The member of the group that is assigned the topic of positions."""
    producer: Producer
    admin: Admin
    clock: Clock
    pace: Pace
    poll_seconds: float
    read_seconds: float
    on_refused: Callable[[Any], None]
    """Is given the position from which on the source cannot be read."""
    _source: Source | None = field(default=None, init=False)
    _owned: Assignment | None = field(default=None, init=False)
    _reading: _Reading | None = field(default=None, init=False)
    _paused: set[Assignment] = field(factory=set, init=False)
    _inner_next: int = field(default=0, init=False)
    """After the last position that the group has returned."""
    _inner_committed: int = field(default=0, init=False)
    """What the group has committed of its topic."""
    _fenced_at: float = field(default=0.0, init=False)
    """When the group was last asked whether this member is still the owner."""
    _logged_at: float = field(default=0.0, init=False)
    _logged: int = field(default=0, init=False)

    async def start(self) -> None:
        """Join the group."""
        await self.producer.start()
        await self.inner.start()

    async def poll(
        self,
        *,
        max_records: int,
        timeout: float,  # noqa: ASYNC109 - the protocol's
        without: Collection[Assignment] = (),  # noqa: ARG002 - it has one partition
    ) -> Sequence[PolledBatch]:
        """Return up to *max_records* records that may go now, waiting *timeout* seconds at most.

        Raises:
            SourceUnavailableError: The source cannot be read now.
            SourceRefusedError: It cannot be read until a person has put something right.
            BrokerUnavailableError: The broker does not answer.
        """
        await self._poll_positions(0.0)
        owned = next(iter(self.inner.assignments()), None)
        if owned != self._owned:
            # The worker has to learn of it before its first record.
            await self._leave_source()
            self._owned = owned
            return []
        if owned is None or owned in self._paused:
            await self._poll_positions(timeout)
            return []
        if self._reading is None:
            self._reading = await self._resume()
        reading = self._reading
        if reading.refused is not None:
            if reading.kept.records >= reading.offset:
                self.on_refused(reading.position)
                raise reading.refused
            await self._sleep(min(timeout, SHORT_SECONDS))
            return []
        await self._fill(reading, timeout)
        records = await self._paced(reading, max_records, timeout)
        self._tell(reading)
        if not records:
            await self._keep_drained(reading)
            return []
        return [PolledBatch(owned, records)]

    async def commit(self, positions: Mapping[Assignment, int]) -> None:
        """Keep how far the source was read, as far as whole pages are dealt with.

        Raises:
            FencedError: Another member reads the source now.
        """
        for assignment, after in positions.items():
            reading = self._reading
            if assignment not in self.inner.assignments() or reading is None:
                raise FencedError(assignment.topic, assignment.partition)
            done: tuple[int, Any] | None = None
            pages = reading.pages
            for page in tuple(pages):
                if page[0] > after:
                    break
                done = page
            if done is None:
                continue
            await self._keep(reading, done[0], done[1], drained=False)
            while pages and pages[0][0] <= done[0]:
                pages.popleft()

    def assignments(self) -> frozenset[Assignment]:
        """Return the topic of positions, if this member reads the source."""
        return self.inner.assignments()

    def pause(self, assignments: Iterable[Assignment]) -> None:
        """Hand out nothing until ``resume``."""
        self._paused.update(assignments)

    def resume(self, assignments: Iterable[Assignment]) -> None:
        """Hand records out again, from where it was."""
        self._paused.difference_update(assignments)

    async def close(self) -> None:
        """Leave the group and the source."""
        await self._leave_source()
        try:
            await self.inner.close()
        finally:
            await self.producer.close()
            await self.admin.close()

    async def _poll_positions(self, seconds: float) -> None:
        """Keep the group's membership; positions that come back are known."""
        for batch in await self.inner.poll(max_records=500, timeout=seconds):
            self._inner_next = max(self._inner_next, batch.records[-1].offset + 1)

    async def _resume(self) -> _Reading:
        found = await newest_position(self.admin, self.topic)
        kept = Position() if found is None else found[0]
        if found is not None:
            self._inner_next = max(self._inner_next, found[1] + 1)
        self._source = self.make()
        self._logged, self._logged_at = kept.records, self.clock.monotonic()
        if found is None:
            log.info(
                "worker %s: no position of source %r is kept in topic %s, so it is read from its "
                "beginning",
                self.worker,
                self.name,
                self.topic,
            )
        else:
            log.info(
                "worker %s: source %r is read on after %d events, from %s",
                self.worker,
                self.name,
                kept.records,
                kept.position,
            )
        return _Reading(kept, kept.position, kept.records)

    async def _fill(self, reading: _Reading, seconds: float) -> None:
        """See that something is read ahead; wait for it if there is nothing to hand out."""
        if reading.buffer or self._source is None:
            return
        if reading.task is None:
            wait = reading.look_at - self.clock.monotonic()
            if wait > 0:
                await self._sleep(min(wait, seconds))
                return
            reading.task = asyncio.create_task(
                read_page(
                    self._source, reading.position, self.worker, self.name, self.read_seconds
                ),
                name=f"source {self.name}",
            )
        await asyncio.wait({reading.task}, timeout=seconds)
        if not reading.task.done():
            return
        task, reading.task = reading.task, None
        try:
            records, position = task.result()
        except SourceRefusedError as error:
            reading.refused = error
            return
        moved = position != reading.position
        reading.position = position
        reading.buffer.extend(records)
        if records or moved:
            reading.pages.append((reading.offset + len(reading.buffer), position))
        reading.drained = not records and not moved
        if reading.drained:
            reading.look_at = self.clock.monotonic() + self.poll_seconds

    async def _paced(self, reading: _Reading, most: int, seconds: float) -> list[Record]:
        """Return the records that may go now; wait a little for the first."""
        if not reading.buffer:
            return []
        most = min(most, len(reading.buffer))
        count = self.pace.allowed(self.clock.monotonic(), most)
        if not count:
            await self._sleep(min(seconds, self.pace.seconds_to_next(most)))
            count = self.pace.allowed(self.clock.monotonic(), most)
        self.pace.take(count)
        records: list[Record] = []
        for _ in range(count):
            records.append(incoming(reading.buffer.popleft(), self.name, reading.offset))
            reading.offset += 1
        return records

    async def _keep(self, reading: _Reading, records: int, position: Any, *, drained: bool) -> None:
        """Publish a position, unless another member is known to be the owner now."""
        kept = Position(
            sequence=reading.kept.sequence + 1, records=records, drained=drained, position=position
        )
        if drained or self.clock.monotonic() >= self._fenced_at + FENCE_SECONDS:
            await self._commit_inner()
        await self.producer.publish([position_record(self.topic, self.name, kept)])
        reading.kept = kept

    async def _commit_inner(self) -> None:
        """Commit the positions that came back; fails if another member is the owner now."""
        if self._owned is not None:
            await self.inner.commit({self._owned: self._inner_next})
            self._inner_committed = self._inner_next
            self._fenced_at = self.clock.monotonic()

    async def _keep_drained(self, reading: _Reading) -> None:
        """Say that there is nothing more, once everything before is committed."""
        if reading.kept.drained and self._inner_next > self._inner_committed:
            with contextlib.suppress(FencedError):
                await self._commit_inner()  # so that nothing seems to be left
        if not reading.drained or reading.buffer:
            return
        waiting = [end for end, _ in reading.pages if end > reading.kept.records]
        if waiting or reading.kept.records < reading.offset:
            return
        reading.drained = False
        reading.pages.clear()
        with contextlib.suppress(FencedError):  # the next poll shows the new owner
            await self._keep(reading, reading.offset, reading.position, drained=True)

    async def _leave_source(self) -> None:
        reading, self._reading = self._reading, None
        self._owned = None
        if reading is not None and reading.task is not None:
            reading.task.cancel()
            await asyncio.gather(reading.task, return_exceptions=True)
        source, self._source = self._source, None
        if source is not None:
            await close_source(source, self.worker, self.name)

    def _tell(self, reading: _Reading) -> None:
        """Log the progress, if there is any."""
        now = self.clock.monotonic()
        passed = now - self._logged_at
        if passed < LOG_SECONDS:
            return
        if reading.offset > self._logged:
            source = self._source
            where = f", {source.progress()}" if isinstance(source, TellsProgress) else ""
            log.info(
                "worker %s: %d events read, %.0f a second%s",
                self.worker,
                reading.offset,
                (reading.offset - self._logged) / passed,
                where,
            )
        self._logged, self._logged_at = reading.offset, now

    async def _sleep(self, seconds: float) -> None:
        if seconds > 0:
            await self.clock.sleep(seconds)
