"""Removes from the cache what no upload will ever ask for.

A download that crashed between file and message leaves such a file, and so does an upload
that became a dead letter.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection, Mapping, Sequence
from datetime import datetime, timedelta

from attrs import define, field

from claimx_pipeline.broker.protocol import Admin, Broker
from claimx_pipeline.clock import Clock
from claimx_pipeline.errors import ClaimxError
from claimx_pipeline.media.cache_mark import MARK
from claimx_pipeline.media.store import FileStore

log = logging.getLogger(__name__)

LOOK_SECONDS = 3600.0
"""How often the cache is looked through."""

Ends = Mapping[tuple[str, int], int]
"""Topic and partition to the offset of the next record."""


@define
class CacheCleaner:
    """Looks through the cache every hour.

    A file is removed if it is older than the limit and every record that was there at the
    last look has been dealt with since: a backlog, of however many days, keeps its files.
    """

    _cache: FileStore
    _broker: Broker
    _clock: Clock
    _keep: timedelta
    _waiting: Callable[[Collection[str]], Sequence[tuple[str, str]]]
    """Returns, of the topics that exist, those whose records may name a file, each with the group
    that reads it."""
    _seen: tuple[datetime, Ends] | None = field(default=None, init=False)
    """The last look, and how far the topics went then."""
    _running: asyncio.Task[None] | None = field(default=None, init=False)

    def start(self) -> None:
        """Begin to look, now and then every hour."""
        self._running = asyncio.create_task(self._run())

    async def close(self) -> None:
        """Stop looking."""
        if self._running is not None:
            self._running.cancel()
            await asyncio.wait([self._running])
            self._running = None

    async def _run(self) -> None:
        while True:
            try:
                await self.look()
            except ClaimxError as error:
                log.warning("the cache is not cleaned now: %s", error)
            except Exception:
                # What is not cleaned now is in an hour; no file waits for it.
                log.exception("the cache is not cleaned now")
            await self._clock.sleep(LOOK_SECONDS)

    async def look(self) -> int:
        """Remove what may be removed and return how many files that was.

        Raises:
            ClaimxError: The broker or the store failed.
        """
        last, now = self._seen, self._clock.now()
        admin = self._broker.admin()
        try:
            committed, ends = await self._positions(admin)
            self._seen = now, ends
            if last is None:
                return 0
            then, before = last
            if await _left(admin, committed, before):
                self._seen = last
                return 0
        finally:
            await admin.close()
        old = self._cache.older_than(then - self._keep)
        stale = [each async for each in old if each.path != MARK]
        for each in stale:
            await self._cache.delete(each.path)
        if stale:
            log.info("removed %d files from the cache that no upload has claimed", len(stale))
        return len(stale)

    async def _positions(self, admin: Admin) -> tuple[Ends, Ends]:
        """Return what is committed and what there is, of all topics that name files."""
        committed: dict[tuple[str, int], int] = {}
        ends: dict[tuple[str, int], int] = {}
        for topic, group in self._waiting(await admin.topics()):
            for partition, offset in (await admin.committed(group, topic)).items():
                committed[topic, partition] = offset
            for partition, offset in (await admin.end_offsets(topic)).items():
                ends[topic, partition] = offset
        return committed, ends


async def _left(admin: Admin, committed: Ends, before: Ends) -> bool:
    """Return whether a record that was there *before* is still not committed."""
    for (topic, partition), end in before.items():
        start = committed.get((topic, partition), 0)
        if start < end and (await admin.count(topic, {partition: (start, end)}))[partition]:
            return True
    return False
