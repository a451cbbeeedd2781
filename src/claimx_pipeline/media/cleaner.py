"""Removes from the cache what no upload will ever ask for.

A download that crashed between file and message leaves such a file, and so does an upload
that became a dead letter. A killed writer may leave an empty folder or half a file.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Callable, Collection, Mapping, Sequence
from contextlib import aclosing
from datetime import datetime, timedelta

from attrs import define, field

from claimx_pipeline.broker.protocol import Admin, Broker
from claimx_pipeline.clock import Clock
from claimx_pipeline.errors import ClaimxError
from claimx_pipeline.media.cache_folders import OTHER_DOMAINS, is_of_another
from claimx_pipeline.media.cache_mark import MARK
from claimx_pipeline.media.empty_folders import sweep
from claimx_pipeline.media.store import FileStore

log = logging.getLogger(__name__)

LOOK_SECONDS = 3600.0
"""How often the cache is looked through."""

MOST_AT_ONCE = 10_000
"""Files removed at one look; more of them wait for the next."""

Ends = Mapping[tuple[str, int], int]
"""Topic and partition to the offset of the next record."""


@define
class CacheCleaner:
    """Looks through a domain's part of the cache every hour; leaves the other domains' alone.

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
        await self._sweep()
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
        stale: list[str] = []
        async with aclosing(self._cache.older_than(then - self._keep)) as old:
            async for each in old:
                if each.path != MARK and not is_of_another(each.path):
                    stale.append(each.path)
                if len(stale) >= MOST_AT_ONCE:
                    break
        for path in stale:
            await self._cache.delete(path)
        if stale:
            log.info("removed %d files from the cache that no upload has claimed", len(stale))
        return len(stale)

    async def _sweep(self) -> None:
        """Remove empty folders and half files, if the cache is a folder."""
        folder = self._cache.folder
        if folder is None:
            return
        now = self._clock.now()
        folders_before = (now - timedelta(seconds=LOOK_SECONDS)).timestamp()
        half_files_before = (now - self._keep).timestamp()
        try:
            removed = await asyncio.to_thread(
                sweep, folder, folders_before, half_files_before, OTHER_DOMAINS
            )
        except OSError as error:
            log.warning("empty folders stay in the cache %s: %s", folder, error)
            return
        if removed:
            log.info("removed %d empty folders from the cache", removed)

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
