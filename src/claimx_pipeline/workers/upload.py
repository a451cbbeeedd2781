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
from weakref import WeakValueDictionary

from attrs import define, evolve, field

from claimx_pipeline.broker.protocol import OutRecord, Record
from claimx_pipeline.domain.files import FileFlow
from claimx_pipeline.errors import BrokerError, category_of
from claimx_pipeline.hooks.context import Dispatched, FileContext
from claimx_pipeline.media.cleaner import CacheCleaner
from claimx_pipeline.media.codec import FileCodec
from claimx_pipeline.media.copying import copy_file
from claimx_pipeline.media.known_files import stored_file_record
from claimx_pipeline.media.messages import CachedFile, DownloadResult, facts_of
from claimx_pipeline.media.store import FileStore
from claimx_pipeline.runtime.correlation import passed_on
from claimx_pipeline.runtime.headers import PLUGIN, attempts_of, header
from claimx_pipeline.runtime.log_subject import RecordSubject
from claimx_pipeline.runtime.offsets.reading import retired_tiers
from claimx_pipeline.runtime.outcome import DONE, Done, Outcome, failure
from claimx_pipeline.runtime.resources import Resources
from claimx_pipeline.runtime.retry_ladder import RETRY_GROUP
from claimx_pipeline.runtime.worker import Received
from claimx_pipeline.stages.topic_log import TopicLog
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
    _paths: WeakValueDictionary[str, asyncio.Lock] = field(factory=WeakValueDictionary, init=False)
    """By target path; a lock is there while a file uses it."""
    _store: str = field(init=False)
    _stored_files: TopicLog | None = field(default=None, init=False)
    """Where it is noted which files are stored; None if it is not."""

    async def open(self) -> None:
        """Open both stores, and begin to look for unclaimed files."""
        settings = self._resources.settings
        self._cache = await asyncio.to_thread(self._flow.cache, settings)
        self._files = await asyncio.to_thread(self._flow.store, settings)
        self._turns = asyncio.Semaphore(self._flow.files.store(settings).max_concurrent)
        self._cleaner = cache_cleaner(self._cache, self._resources)
        self._cleaner.start()
        self._store = self._flow.store_name(settings)
        if settings.media.files_remembered:
            self._stored_files = TopicLog(self._flow.topics.stored)
            self._stored_files.open(self._resources)

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
        stored: list[OutRecord] = []
        outcomes = await asyncio.gather(
            *(self._in_turn(each.record, each.message, stored) for each in batch)
        )
        await self._note(stored)
        return outcomes

    async def close(self) -> None:
        """Stop looking for unclaimed files, and close the stores."""
        if self._stored_files is not None:
            await self._stored_files.close()
        if self._cleaner is not None:
            await self._cleaner.close()
            await self._cache.close(self._resources.clock)

    async def _in_turn(
        self, record: Record, message: CachedFile | DownloadResult, stored: list[OutRecord]
    ) -> Outcome:
        """Return what became of a file after all that came before it with the same path.

        So what is stored there is what came last.
        """
        turn = self._paths.setdefault(message.blob_path, asyncio.Lock())
        async with turn:
            return await self._one(record, message, stored)

    async def _note(self, stored: Sequence[OutRecord]) -> None:
        """Note which files are stored; what cannot be noted is fetched once more."""
        if self._stored_files is None or not stored:
            return
        try:
            await self._stored_files.append(stored)
        except BrokerError as error:
            log.warning(
                "%d stored files cannot be noted in topic %s, so they are fetched again when an "
                "event names them (%s); let worker %s write the topic, and create it with "
                "'claimx-run topics create'",
                len(stored),
                self._flow.topics.stored.name,
                error,
                self._flow.worker(KIND),
            )

    async def _one(
        self, record: Record, message: CachedFile | DownloadResult, stored: list[OutRecord]
    ) -> Outcome:
        subject = RecordSubject(self._flow.domain, record, message)
        async with self._turns:
            try:
                if isinstance(message, DownloadResult):
                    return await self._tidy(record)
                with about(subject), about(media_id=message.media_id):
                    return await self._counted(record, message, stored)
            except BaseException as error:  # noqa: BLE001 - the failure of this file alone
                return failure(error)

    async def _tidy(self, record: Record) -> Outcome:
        """Remove a stored file from the cache; one that failed may be replayed."""
        path = header(record.headers, CACHED_AT)
        if path is not None:
            await self._cache.delete(path)
        return DONE

    async def _counted(self, record: Record, file: CachedFile, stored: list[OutRecord]) -> Outcome:
        files, clock = self._resources.metrics.files, self._resources.clock
        name, began = self._flow.worker(KIND), clock.monotonic()
        try:
            outcome = await self._upload(record, file, stored)
        except Exception as error:
            files.handled(name, category_of(error).value, clock.monotonic() - began)
            raise
        log.debug("file %s is stored at %s", file.media_id, file.blob_path)
        files.handled(name, "stored", clock.monotonic() - began)
        files.moved(name, file.bytes_downloaded)
        return outcome

    async def _upload(self, record: Record, file: CachedFile, stored: list[OutRecord]) -> Outcome:
        only = header(record.headers, PLUGIN) if record.headers else None
        if only is None:
            await copy_file(file, self._cache, self._files)
            own, now = self._flow.codec.owned(file), self._resources.clock.now()
            note = stored_file_record(self._flow.topics.stored, own, self._store, now)
            stored.append(evolve(note, headers=passed_on(record.headers or ())))
        result = self._result(file)
        dispatched = await self._tell(record, result, only)
        # A plugin alone is asked again only for its own sake: all else was published already.
        found = [] if only else [stored_record(self._flow.codec, result, file.cache_path)]
        return Done(publish=(*found, *dispatched.publish), failed_plugins=tuple(dispatched.failed))

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
