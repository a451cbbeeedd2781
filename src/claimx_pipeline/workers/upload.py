"""``upload``: a file that was fetched is copied from the cache to the object store.

A file leaves the cache when its result is on the topic of results: only there is it certain
that no worker needs it again. So this worker reads that topic as well. Each domain that has
files has such a worker, with a group and a part of the cache of its own.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Collection, Sequence
from datetime import timedelta

from attrs import define, evolve, field

from claimx_pipeline.broker.protocol import OutRecord, Record
from claimx_pipeline.domain.files import FileFlow
from claimx_pipeline.errors import category_of
from claimx_pipeline.hooks.context import Dispatched, FileContext
from claimx_pipeline.media.cleaner import CacheCleaner
from claimx_pipeline.media.codec import FileCodec
from claimx_pipeline.media.copying import copy_file
from claimx_pipeline.media.known_files import stored_file_record
from claimx_pipeline.media.messages import CachedFile, DownloadResult, facts_of
from claimx_pipeline.media.store import FileStore
from claimx_pipeline.runtime.headers import PLUGIN, attempts_of, header
from claimx_pipeline.runtime.log_subject import RecordSubject
from claimx_pipeline.runtime.offsets.reading import retired_tiers
from claimx_pipeline.runtime.outcome import DONE, Done, Outcome, failure
from claimx_pipeline.runtime.resources import Resources
from claimx_pipeline.runtime.retry_ladder import RETRY_GROUP
from claimx_pipeline.runtime.worker import Received
from claimx_pipeline.telemetry.log_context import about

log = logging.getLogger(__name__)

KIND = "upload"
"""Name of the worker, after the domain's prefix."""

CACHED_AT = "claimx-cached-at"
"""Header of a result: path in the cache of the file that is no longer needed."""


@define
class UploadProcessor:
    """Copies files of one domain, several at once; each has an outcome of its own."""

    _flow: FileFlow
    _resources: Resources
    _cache: FileStore = field(init=False)
    _files: FileStore = field(init=False)
    _turns: asyncio.Semaphore = field(init=False)
    _cleaner: CacheCleaner | None = field(default=None, init=False)
    _root: str = field(init=False)
    _remembers: bool | None = field(default=None, init=False)
    """Whether there is a topic of stored files; None until the first file is stored."""

    async def open(self) -> None:
        """Open both stores, and begin to look for unclaimed files."""
        settings = self._resources.settings
        self._cache = await asyncio.to_thread(self._flow.cache, settings)
        self._files = await asyncio.to_thread(self._flow.store, settings)
        self._turns = asyncio.Semaphore(self._flow.files.store(settings).max_concurrent)
        self._cleaner = cache_cleaner(self._cache, self._resources)
        self._cleaner.start()
        self._root = self._flow.files.store(settings).root
        if not settings.media.files_remembered:
            self._remembers = False

    async def _has_topic(self) -> bool:
        """Return whether the topic of stored files exists; a start has made it if it could.

        Raises:
            BrokerError: The broker does not answer.
        """
        name = self._resources.topology.physical(self._flow.topics.stored.name)
        admin = self._resources.broker.admin()
        try:
            return name in await admin.topics()
        finally:
            await admin.close()

    def decode(self, record: Record) -> CachedFile | DownloadResult:
        """Return the file that waits, or the result of one that need not any more.

        Raises:
            DecodeError: It is neither.
        """
        if record.topic == self._resources.topology.physical(self._flow.topics.results.name):
            return self._flow.codec.decode_result(record.value)
        return self._flow.codec.decode_cached(record.value)

    async def process(
        self, batch: Sequence[Received[CachedFile | DownloadResult]]
    ) -> Sequence[Outcome]:
        """Return what became of each file."""
        if self._remembers is None:
            self._remembers = await self._has_topic()
        return await asyncio.gather(*(self._one(each.record, each.message) for each in batch))

    async def close(self) -> None:
        """Stop looking for unclaimed files, and close the stores."""
        if self._cleaner is not None:
            await self._cleaner.close()
            await self._cache.close(self._resources.clock)

    async def _one(self, record: Record, message: CachedFile | DownloadResult) -> Outcome:
        subject = RecordSubject(self._flow.domain, record, message)
        async with self._turns:
            try:
                if isinstance(message, DownloadResult):
                    return await self._tidy(record)
                with about(subject), about(media_id=message.media_id):
                    return await self._counted(record, message)
            except BaseException as error:  # noqa: BLE001 - the failure of this file alone
                return failure(error)

    async def _tidy(self, record: Record) -> Outcome:
        """Remove a stored file from the cache; one that failed may be replayed."""
        path = header(record.headers, CACHED_AT)
        if path is not None:
            await self._cache.delete(path)
        return DONE

    async def _counted(self, record: Record, file: CachedFile) -> Outcome:
        files, clock = self._resources.metrics.files, self._resources.clock
        name, began = self._flow.worker(KIND), clock.monotonic()
        try:
            outcome = await self._upload(record, file)
        except Exception as error:
            files.handled(name, category_of(error).value, clock.monotonic() - began)
            raise
        log.debug("file %s is stored at %s", file.media_id, file.blob_path)
        files.handled(name, "stored", clock.monotonic() - began)
        files.moved(name, file.bytes_downloaded)
        return outcome

    async def _upload(self, record: Record, file: CachedFile) -> Outcome:
        only = header(record.headers, PLUGIN) if record.headers else None
        if only is None:
            await copy_file(file, self._cache, self._files)
        result = self._result(file)
        dispatched = await self._tell(record, result, only)
        # A plugin alone is asked again only for its own sake: all else was published already.
        stored = [] if only else self._stored(file, result)
        return Done(publish=(*stored, *dispatched.publish), failed_plugins=tuple(dispatched.failed))

    def _stored(self, file: CachedFile, result: DownloadResult) -> list[OutRecord]:
        records = [stored_record(self._flow.codec, result, file.cache_path)]
        if self._remembers:
            file = self._flow.codec.owned(file)
            topic, at = self._flow.topics.stored, result.created_at
            records.append(stored_file_record(topic, file, self._root, at))
        return records

    async def _tell(self, record: Record, result: DownloadResult, only: str | None) -> Dispatched:
        context = FileContext(
            result,
            "upload_complete",
            attempt=attempts_of(record) + 1,
            domain=self._flow.domain,
        )
        return await self._resources.dispatcher.file_complete(context, only)

    def _result(self, file: CachedFile) -> DownloadResult:
        return DownloadResult(
            **facts_of(file),
            status="completed",
            bytes_uploaded=file.bytes_downloaded,
            checksum=file.checksum,
            content_type=file.content_type,
            downloaded_at=file.downloaded_at,
            created_at=self._resources.clock.now(),
        )


def stored_record(codec: FileCodec, result: DownloadResult, cache_path: str) -> OutRecord:
    """Return *result* as a record that says which cached file it is of."""
    record = codec.result_record(result)
    return evolve(record, headers=(*record.headers, (CACHED_AT, cache_path.encode())))


def cache_cleaner(cache: FileStore, resources: Resources) -> CacheCleaner:
    """Return the cleaner of *cache*, which waits for every record that may name a file."""
    topology, worker = resources.topology, resources.worker
    waiting = [(topic.name, worker.group) for topic in worker.reads]
    if worker.retry is not None:
        waiting += [(topic.name, RETRY_GROUP) for topic in worker.retry.topics()]
    named = [(topology.physical(name), topology.group(group)) for name, group in waiting]

    def naming(existing: Collection[str]) -> list[tuple[str, str]]:
        # Also those that wait for a delay that the settings no longer have.
        families = [worker.family] if worker.family else []
        retired = retired_tiers(families, topology, existing)
        return named + [(topic, topology.group(RETRY_GROUP)) for topic in retired]

    keep = timedelta(hours=resources.settings.storage.cache.keep_hours)
    return CacheCleaner(cache, resources.broker, resources.clock, keep, naming)
