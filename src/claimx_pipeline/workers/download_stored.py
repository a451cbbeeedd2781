"""What one member of ``download`` knows of stored files, and when it reads what is new of them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence

from claimx_pipeline.domain.files import FileFlow
from claimx_pipeline.errors import BrokerError, BrokerUnavailableError
from claimx_pipeline.media.known_files import NEWS_SECONDS, KnownFiles
from claimx_pipeline.media.messages import DownloadResult, DownloadTask
from claimx_pipeline.runtime.resources import Resources
from claimx_pipeline.stages.topic_log import TopicLog

log = logging.getLogger(__name__)


_AGAIN_SECONDS = 300.0
"""A topic that cannot be read is tried again after this long."""


class StoredFiles:
    """Knows the files of a domain that are stored, as far as one member needs to.

    To read the topic takes a second on Kafka. A batch waits for it when partitions have changed
    their owner, and before a file is reported as stored by what was read ``NEWS_SECONDS`` ago or
    longer; else it is read beside the work, so under load no batch waits.
    """

    def __init__(self, worker: str, flow: FileFlow, resources: Resources) -> None:
        """Know nothing yet; *worker* is the name of the one that asks."""
        self._worker = worker
        self._topic = flow.topics.stored
        self._store = flow.store_name(resources.settings)
        self._resources = resources
        self._clock = resources.clock
        self._files = KnownFiles(resources.settings.media.files_remembered)
        self._log: TopicLog | None = None
        self._read_at: float | None = None
        """When the last reading began; None if partitions have changed since."""
        self._blocked_until: float | None = None
        self._reading = asyncio.Lock()
        self._beside: asyncio.Task[None] | None = None

    def assigned(self) -> None:
        """Note that others may have stored files that are not known here."""
        self._read_at = self._blocked_until = None

    async def refresh(self, files: Sequence[DownloadTask]) -> None:
        """Have read what was stored, for *files* to be decided on.

        Raises:
            BrokerUnavailableError: The broker does not answer.
        """
        now = self._clock.monotonic()
        if self._read_at is not None and now < self._read_at + NEWS_SECONDS:
            return
        if self._read_at is None or any(self.result(file) is not None for file in files):
            await self._read(now)
        elif self._beside is None or self._beside.done():
            self._beside = asyncio.create_task(self._read_beside(now))

    async def look_again(self, file: DownloadTask) -> None:
        """Read what was stored if *file* was in the cache and may be among it.

        Raises:
            BrokerUnavailableError: The broker does not answer.
        """
        if self._files.concern([file]):
            await self._read(self._clock.monotonic())

    async def _read_beside(self, asked: float) -> None:
        try:
            await self._read(asked)
        except BrokerUnavailableError as error:
            log.debug("worker %s reads topic %s later: %s", self._worker, self._topic.name, error)

    async def _read(self, asked: float) -> None:
        """Read what is new, unless that was begun after it was *asked* for."""
        async with self._reading:
            if self._blocked_until is not None and asked < self._blocked_until:
                return
            if self._read_at is not None and self._read_at > asked:
                return
            began = self._clock.monotonic()
            if self._log is None:
                self._log = TopicLog(self._topic)
                self._log.open(self._resources)
            try:
                async for record in self._log.news():
                    self._files.read(record.value)
            except BrokerUnavailableError:
                raise
            except BrokerError as error:
                # Only work is lost by it: an installation that lacks the topic goes on as before.
                self._blocked_until = began + _AGAIN_SECONDS
                log.warning(
                    "worker %s cannot read topic %s, so files that are stored already are fetched "
                    "again (%s); let it read the topic, and create it with "
                    "'claimx-run topics create'",
                    self._worker,
                    self._topic.name,
                    error,
                )
            else:
                self._blocked_until = None
            self._read_at = began

    def in_cache(self, task: DownloadTask) -> None:
        """Note that the file of *task* is in the cache, and may soon be stored."""
        self._files.fetched(task)

    def result(self, task: DownloadTask) -> DownloadResult | None:
        """Return the result of a file that is stored already, None of one that is not."""
        if self._blocked_until is not None:
            return None
        return self._files.result(task, self._store, self._clock.now())

    async def close(self) -> None:
        """Stop reading, and disconnect."""
        if self._beside is not None:
            self._beside.cancel()
            await asyncio.gather(self._beside, return_exceptions=True)
        if self._log is not None:
            await self._log.close()
