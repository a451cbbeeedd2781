"""``download``: fetches each file behind its signed link and puts it into the cache store.

Each domain that has files has such a worker, with a group, hosts and a part of the cache of
its own.

A file is checked on its way: where its link leads, whether it came whole, whether it is what
it is called. One that is in the cache already is not fetched again, and neither is one that is
stored with the same contents as far as its source says: its result is published at once.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Sequence
from datetime import datetime, timedelta
from weakref import WeakValueDictionary

from attrs import evolve

from claimx_pipeline.broker.protocol import Record
from claimx_pipeline.connections.stream import StreamClient
from claimx_pipeline.domain.files import FileFlow
from claimx_pipeline.errors import Category, category_of
from claimx_pipeline.hooks.context import FileContext
from claimx_pipeline.media.cache_mark import mark
from claimx_pipeline.media.content import FileType, expected_type, type_of_extension
from claimx_pipeline.media.download_buffer import DownloadBuffer, WholeFile, disk_error
from claimx_pipeline.media.guard import Guard
from claimx_pipeline.media.guarded_network import GuardedResolver, GuardedSockets
from claimx_pipeline.media.links import CurrentLink, LinkSource
from claimx_pipeline.media.messages import CachedFile, DownloadTask, facts_of
from claimx_pipeline.media.names import cache_folder, cache_name, fetch_name
from claimx_pipeline.media.partial_file import remove_stale
from claimx_pipeline.media.paths import why_not
from claimx_pipeline.media.store import FileStore, StorageError
from claimx_pipeline.media.transfer import Transfer
from claimx_pipeline.runtime.headers import AGAIN, FETCH_AGAIN, PLUGIN, attempts_of, header
from claimx_pipeline.runtime.log_subject import RecordSubject
from claimx_pipeline.runtime.outcome import Dead, Done, Held, Outcome, Retry, failure
from claimx_pipeline.runtime.resources import Resources
from claimx_pipeline.runtime.worker import Received
from claimx_pipeline.telemetry.log_context import about
from claimx_pipeline.workers.download_stored import StoredFiles

log = logging.getLogger(__name__)

KIND = "download"
"""Name of the worker, after the domain's prefix."""

_STALE = timedelta(hours=24)
"""A partial file that was not continued for this long is removed."""
_STALE_EVERY_SECONDS = 3600.0

_DONE = {"known": "stored already", "fetched": "in the cache"}
"""How a file is counted that is dealt with, and where it is then."""

_CACHED_NAME = re.compile(r"([0-9a-f]{64})\.([a-z0-9]+)\Z")
"""What a cached file is called: its checksum, and the extension of its kind."""


class DownloadProcessor:
    """Fetches a batch of files of one domain, several at once."""

    def __init__(self, flow: FileFlow, resources: Resources) -> None:
        self._flow = flow
        self._name = flow.worker(KIND)
        self._resources = resources
        self._clock = resources.clock
        self._media = resources.settings.media
        self._folder = flow.partial_files(resources.settings)
        self._slots = asyncio.Semaphore(self._media.max_concurrent)
        # A lock is there while a file uses it.
        self._turns: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()
        self._links: LinkSource | None = None
        self._client: StreamClient | None = None
        self._cleaned_at: float | None = None
        self._marked = False
        self._stored = (
            StoredFiles(self._name, flow, resources) if self._media.files_remembered else None
        )
        self._cache: FileStore
        self._transfer: Transfer

    async def open(self) -> None:
        """Get the cache store and the clients ready."""
        settings = self._resources.settings
        self._cache = self._flow.cache(settings)
        if self._flow.files.links is not None:
            self._links = self._flow.files.links(self._resources)
        guard = Guard(self._flow.hosts(settings), self._media.development_hosts)
        self._client = StreamClient(
            self._media.connect_timeout_seconds,
            self._media.read_timeout_seconds,
            self._media.max_concurrent,
            self._clock,
            GuardedResolver(guard),
            GuardedSockets(guard),
            network=self._media.network,
        )
        self._transfer = Transfer(self._media, guard, self._client, self._clock)

    def assigned(self) -> None:
        """Note that other members may have had files stored that are not known here."""
        if self._stored is not None:
            self._stored.assigned()

    def decode(self, record: Record) -> DownloadTask:
        """Return the file that is to be fetched."""
        return self._flow.codec.decode_task(record.value)

    async def process(self, batch: Sequence[Received[DownloadTask]]) -> Sequence[Outcome]:
        """Return what became of each file."""
        await self._remove_stale()
        if self._stored is not None:
            await self._stored.refresh([received.message for received in batch])
        return await asyncio.gather(*(self._in_turn(received) for received in batch))

    async def close(self) -> None:
        """Close the clients and the cache store."""
        for client in (self._client, self._links, self._stored):
            if client is not None:
                await client.close()
        if self._client is not None:
            await self._cache.close(self._clock)

    async def _in_turn(self, received: Received[DownloadTask]) -> Outcome:
        """Return what became of a file, after all that came before it of the same file.

        So the same file twice is fetched once, in two batches as well: the second finds it in
        the cache.
        """
        turn = self._turns.setdefault(received.message.identity, asyncio.Lock())
        async with turn:
            # Before it waits for a slot: until then an erasure may take the file.
            if (known := self._known(received)) is not None:
                log.debug("file %s is stored already", received.message.media_id)
                self._resources.metrics.files.handled(self._name, "known", 0.0)
                return known
            async with self._slots:
                return await self._counted(received)

    async def _counted(self, received: Received[DownloadTask]) -> Outcome:
        began = self._clock.monotonic()
        file = received.message
        subject = RecordSubject(self._flow.domain, received.record, file)
        with about(subject), about(media_id=file.media_id):
            outcome, done = await self._outcome(received)
            if isinstance(outcome, Done):
                log.debug("file %s is %s", file.media_id, _DONE[done])
        match outcome:
            case Done():
                label = done
            case Held(error=None):
                label = "in_progress"
            case Retry(error=error) | Dead(error=error):
                label = category_of(error).value
            case _:
                label = "held"
        seconds = self._clock.monotonic() - began
        self._resources.metrics.files.handled(self._name, label, seconds)
        return outcome

    async def _outcome(self, received: Received[DownloadTask]) -> tuple[Outcome, str]:
        """Return what became of a file, and what it is if that is well: one of ``_DONE``."""
        record, task = received.record, received.message
        try:
            cached = await self._cached(task)
            if cached is None and (known := await self._stored_meanwhile(received)) is not None:
                return known, "known"
            cached = cached or await self._fetch(task)
        except BaseException as error:  # noqa: BLE001 - the failure of this file alone
            return failure(error), ""
        if cached is None:
            return Held(until=self._clock.now()), ""
        if self._stored is not None:
            self._stored.in_cache(task)
        try:
            return await self._call_plugins(record, cached), "fetched"
        except BaseException as error:  # noqa: BLE001 - the failure of this file alone
            return failure(error), ""

    def _known(self, received: Received[DownloadTask]) -> Done | None:
        """Return the outcome of a file that is stored already; None if it is to be fetched."""
        if self._stored is None or must_be_fetched(received.record):
            return None
        result = self._stored.result(received.message)
        if result is None:
            return None
        return Done(publish=(self._flow.codec.result_record(result),))

    async def _stored_meanwhile(self, received: Received[DownloadTask]) -> Done | None:
        """Return the outcome of a file that left the cache since the batch began: it is stored."""
        if self._stored is None or must_be_fetched(received.record):
            return None
        await self._stored.look_again(received.message)
        return self._known(received)

    async def _call_plugins(self, record: Record, cached: CachedFile) -> Done:
        """Call the plugins with a file that is in the cache; return what is to be published."""
        only = header(record.headers, PLUGIN) if record.headers else None
        context = FileContext(
            cached,
            "download_complete",
            attempt=attempts_of(record) + 1,
            domain=self._flow.domain,
        )
        dispatched = await self._resources.dispatcher.file_complete(context, only)
        # When a plugin alone is asked again, the file was dealt with before.
        found = () if only is not None else (self._flow.codec.cached_record(cached),)
        return Done(publish=(*found, *dispatched.publish), failed_plugins=tuple(dispatched.failed))

    async def _cached(self, task: DownloadTask) -> CachedFile | None:
        """Return the file if it is in the cache."""
        found = await self._cache.in_folder(cache_folder(task))
        for stored in sorted(found, key=lambda each: each.modified, reverse=True):
            name = _CACHED_NAME.search(stored.path)
            kind = type_of_extension(name[2]) if name else None
            if name and kind:
                return _cached_file(task, stored.path, stored.size, name[1], kind, stored.modified)
        return None

    async def _fetch(self, task: DownloadTask) -> CachedFile | None:
        """Fetch the file; None if it is not whole yet and others should have a turn."""
        if refusal := why_not(task.blob_path):
            raise StorageError(refusal)  # said before the file is fetched in vain
        kind = expected_type(task.file_name, task.download_url, task.file_type)
        link = CurrentLink(task, self._links, self._clock)
        buffer = DownloadBuffer(self._folder, fetch_name(task))
        discard = False
        try:
            await buffer.begin()
            fetched = await self._transfer.fetch(link, kind, buffer)
            if fetched is None:
                return None
            whole = await buffer.finish()
            cached = await self._put(evolve(task, download_url=link.link), whole, fetched)
            discard = True
        except Exception as error:
            discard = category_of(error) is Category.PERMANENT
            raise
        finally:
            self._resources.metrics.files.renewed(link.renewals)
            await buffer.close(discard=discard)
        self._resources.metrics.files.moved(self._name, cached.bytes_downloaded)
        return cached

    async def _put(self, task: DownloadTask, whole: WholeFile, kind: FileType) -> CachedFile:
        path = f"{cache_folder(task)}/{cache_name(whole.checksum, kind.content_types[0])}"
        if not self._marked:
            await mark(self._cache)
            self._marked = True
        await put(self._cache, path, whole, kind.content_types[0])
        now = self._clock.now()
        return _cached_file(task, path, whole.size, whole.checksum, kind, now)

    async def _remove_stale(self) -> None:
        """Remove what deaths have left, now and then."""
        now = self._clock.monotonic()
        if self._cleaned_at is not None and now < self._cleaned_at + _STALE_EVERY_SECONDS:
            return
        self._cleaned_at = now
        before = (self._clock.now() - _STALE).timestamp()
        try:
            await asyncio.to_thread(remove_stale, self._folder, before)
        except OSError as error:
            raise disk_error(error, self._folder) from error


def must_be_fetched(record: Record) -> bool:
    """Return whether a file is to be in the cache, stored or not.

    An operator has asked for it, or it comes back for a plugin that failed with it.
    """
    return any(name in {PLUGIN, AGAIN, FETCH_AGAIN} for name, _ in record.headers or ())


async def put(store: FileStore, path: str, whole: WholeFile, content_type: str) -> None:
    """Write a file that was fetched into *store*.

    Raises:
        DiskError: It cannot be read.
        StorageError: The store failed.
    """
    if isinstance(whole.content, bytes):
        await store.put_bytes(path, whole.content, content_type)
        return
    try:
        await store.put_file(path, whole.content, content_type)
    except OSError as error:
        raise disk_error(error, whole.content) from error


def _cached_file(  # noqa: PLR0913 - what is known of a cached file
    task: DownloadTask, path: str, size: int, checksum: str, kind: FileType, at: datetime
) -> CachedFile:
    return CachedFile(
        **facts_of(task),
        cache_path=path,
        bytes_downloaded=size,
        checksum=checksum,
        content_type=kind.content_types[0],
        downloaded_at=at,
        file_version=task.file_version,
    )
