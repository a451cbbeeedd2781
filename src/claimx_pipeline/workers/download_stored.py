"""What one member of ``download`` knows of stored files, and when it reads what is new of them."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Sequence

from claimx_pipeline.domain.files import FileFlow
from claimx_pipeline.errors import BrokerError, BrokerUnavailableError
from claimx_pipeline.media.known_files import KnownFiles
from claimx_pipeline.media.messages import DownloadResult, DownloadTask
from claimx_pipeline.runtime.resources import Resources
from claimx_pipeline.stages.topic_log import TopicLog

log = logging.getLogger(__name__)


NEWS_SECONDS = 5.0
"""What others have had stored is asked for at most so often; see ``StoredFiles.refresh``."""
_AGAIN_SECONDS = 300.0
"""A topic that cannot be read is tried again after this long."""


class StoredFiles:
    """Knows the files of a domain that are stored, as far as one member needs to.

    The topic of stored files is read when partitions change their owner, before a file is decided
    on that was seen before, and for others every few seconds: never once per file.
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
        self._blocked_until: float | None = None
        self._reading = asyncio.Lock()

    def assigned(self) -> None:
        """Note that others may have stored files that are not known here."""
        self._read_at = self._blocked_until = None

    async def refresh(self, files: Sequence[DownloadTask]) -> None:
        """Read what was stored since, if *files* could be among it.

        Raises:
            BrokerUnavailableError: The broker does not answer.
        """
        async with self._reading:
            now = self._clock.monotonic()
            if self._blocked_until is not None and now < self._blocked_until:
                return
            due = self._read_at is None or now >= self._read_at + NEWS_SECONDS
            if not due and not self._files.concern(files):
                return
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
                self._blocked_until = now + _AGAIN_SECONDS
                log.warning(
                    "worker %s cannot read topic %s, so files that are stored already are fetched "
                    "again (%s); let it read the topic, and create it with "
                    "'claimx-run topics create'",
                    self._worker,
                    self._topic.name,
                    error,
                )
                return
            self._read_at, self._blocked_until = now, None

    def in_cache(self, task: DownloadTask) -> None:
        """Note that the file of *task* is in the cache, and may soon be stored."""
        self._files.fetched(task)

    def result(self, task: DownloadTask) -> DownloadResult | None:
        """Return the result of a file that is stored already, None of one that is not."""
        if self._blocked_until is not None:
            return None
        return self._files.result(task, self._store, self._clock.now())

    async def close(self) -> None:
        """Disconnect."""
        if self._log is not None:
            await self._log.close()
