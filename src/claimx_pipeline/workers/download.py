"""``download``: fetches each file behind its signed link and puts it into the cache store.

Each domain that has files has such a worker, with a group, hosts and a part of the cache of
its own.

A file is checked on its way: where its link leads, whether it came whole, whether it is what
it is called. One that is in the cache already is not fetched again.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections import defaultdict
from collections.abc import Sequence
from datetime import datetime, timedelta

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
from claimx_pipeline.media.names import cache_folder, cache_name
from claimx_pipeline.media.partial_file import remove_stale
from claimx_pipeline.media.paths import why_not
from claimx_pipeline.media.store import FileStore, StorageError
from claimx_pipeline.media.transfer import Transfer
from claimx_pipeline.runtime.headers import PLUGIN, attempts_of, header
from claimx_pipeline.runtime.log_subject import RecordSubject
from claimx_pipeline.runtime.outcome import Dead, Done, Held, Outcome, Retry, failure
from claimx_pipeline.runtime.resources import Resources
from claimx_pipeline.runtime.worker import Received
from claimx_pipeline.telemetry.log_context import about

log = logging.getLogger(__name__)

KIND = "download"
"""Name of the worker, after the domain's prefix."""

_STALE = timedelta(hours=24)
"""A partial file that was not continued for this long is removed."""
_STALE_EVERY_SECONDS = 3600.0

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
        self._links: LinkSource | None = None
        self._client: StreamClient | None = None
        self._cleaned_at: float | None = None
        self._marked = False
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

    def decode(self, record: Record) -> DownloadTask:
        """Return the file that is to be fetched."""
        return self._flow.codec.decode_task(record.value)

    async def process(self, batch: Sequence[Received[DownloadTask]]) -> Sequence[Outcome]:
        """Return what became of each file."""
        await self._remove_stale()
        # The same file twice is fetched once: the second finds it in the cache.
        same: defaultdict[str, list[int]] = defaultdict(list)
        for number, received in enumerate(batch):
            same[received.message.identity].append(number)
        outcomes: dict[int, Outcome] = {}

        async def in_turn(numbers: list[int]) -> None:
            for number in numbers:
                async with self._slots:
                    outcomes[number] = await self._counted(batch[number])

        await asyncio.gather(*(in_turn(numbers) for numbers in same.values()))
        return [outcomes[number] for number in range(len(batch))]

    async def close(self) -> None:
        """Close the clients and the cache store."""
        for client in (self._client, self._links):
            if client is not None:
                await client.close()
        if self._client is not None:
            await self._cache.close(self._clock)

    async def _counted(self, received: Received[DownloadTask]) -> Outcome:
        began = self._clock.monotonic()
        file = received.message
        subject = RecordSubject(self._flow.domain, received.record, file)
        with about(subject), about(media_id=file.media_id):
            outcome = await self._outcome(received)
            if isinstance(outcome, Done):
                log.debug("file %s is in the cache", file.media_id)
        match outcome:
            case Done():
                label = "fetched"
            case Held(error=None):
                label = "in_progress"
            case Retry(error=error) | Dead(error=error):
                label = category_of(error).value
            case _:
                label = "held"
        seconds = self._clock.monotonic() - began
        self._resources.metrics.files.handled(self._name, label, seconds)
        return outcome

    async def _outcome(self, received: Received[DownloadTask]) -> Outcome:
        record, task = received.record, received.message
        try:
            cached = await self._cached(task) or await self._fetch(task)
        except BaseException as error:  # noqa: BLE001 - the failure of this file alone
            return failure(error)
        if cached is None:
            return Held(until=self._clock.now())
        try:
            return await self._call_plugins(record, cached)
        except BaseException as error:  # noqa: BLE001 - the failure of this file alone
            return failure(error)

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
        buffer = DownloadBuffer(self._folder, task.identity)
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
    )
