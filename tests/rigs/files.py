"""Runs the workers of files over a real broker, real stores and a real table."""

import asyncio
import hashlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

from attrs import define, evolve, field

from claimx_pipeline import OutRecord, Pipeline
from claimx_pipeline.broker.protocol import Record
from claimx_pipeline.delta.querying.query import run_query
from claimx_pipeline.media import CachedFile, DownloadResult
from claimx_pipeline.media.cache_mark import MARK, mark
from claimx_pipeline.media.open_store import open_cache, open_files
from claimx_pipeline.runtime.loop import WorkerLoop
from claimx_pipeline.telemetry.metrics import Metrics
from tests.rigs import members, topics
from tests.rigs.file_records import decode_result

AT = datetime(2026, 1, 12, 9, tzinfo=UTC)

SETTINGS = """\
broker: {{url: "sqlite:///{folder}/broker.db"}}
tables: {{root: {folder}/tables}}
storage: {{files: {{root: {folder}/files}}, cache: {{root: {folder}/cache}}}}
plugins: {{dir: ""}}
retry: {{delays_seconds: [0.1, 0.2]}}
workers: {{results: {{linger_seconds: 0.0}}}}
"""


async def alone(content: bytes) -> AsyncIterator[bytes]:
    yield content


@define
class FileRig:
    """Topics, stores, the table of attachments, and the workers by name."""

    pipeline: Pipeline
    metrics: Metrics = field(factory=Metrics)

    @classmethod
    async def make(cls, folder: Path, settings: str = SETTINGS, **options) -> "FileRig":
        (folder / "claimx.yaml").write_text(settings.format(folder=folder))
        pipeline = Pipeline.load(environ={}, cwd=folder, **options)
        rig = cls(pipeline)
        await topics.create_topics(pipeline)
        await asyncio.to_thread(pipeline.table_store.create, "claimx_attachments")
        return rig

    @property
    def cache(self):
        return open_cache(self.pipeline.settings.storage)

    @property
    def files(self):
        return open_files(self.pipeline.settings.storage)

    async def cached(self, media_id: str, content: bytes, **changes) -> CachedFile:
        """Put a file into the cache, and return the message about it."""
        digest = hashlib.sha256(content).hexdigest()
        file = CachedFile(
            media_id=media_id,
            project_id="7001",
            event_id=f"event-{media_id}",
            download_url="https://files.example.com/x?sig=secret",
            blob_path=f"7001/media/{media_id}/photo.jpg",
            file_type="jpg",
            file_name="photo.jpg",
            cache_path=f"claimx/{media_id}/{digest}.jpg",
            bytes_downloaded=len(content),
            checksum=digest,
            content_type="image/jpeg",
            downloaded_at=AT,
        )
        await mark(self.cache)
        await self.cache.put(file.cache_path, alone(content))
        return evolve(file, **changes)

    async def publish(self, *records: OutRecord) -> None:
        physical = self.pipeline.topology.physical
        named = [evolve(each, topic=physical(each.topic)) for each in records]
        await topics.publish(self.pipeline.broker(), named)

    def loop(self, name: str, stop: asyncio.Event) -> WorkerLoop:
        return members.member(self.pipeline, self.pipeline.workers[name], stop, self.metrics)

    async def work(self, *names: str, until=None) -> None:
        """Run workers until they have nothing left, or until *until* holds."""
        stop = asyncio.Event()
        loops = [self.loop(name, stop) for name in names]
        if until is not None:
            await members.run_until(until, *loops)
            return
        async with members.running(*loops) as tasks:
            await members.idle(self.pipeline, [loop.spec for loop in loops], *tasks)

    async def rewind(self, name: str, topic: str) -> None:
        """Let a worker's group meet every record of a topic again."""
        topology = self.pipeline.topology
        physical = topology.physical(topic)
        group = topology.group(self.pipeline.workers[name].group)
        async with topics.admin_of(self.pipeline.broker()) as admin:
            ends = await admin.end_offsets(physical)
            await admin.commit_offsets(group, physical, dict.fromkeys(ends, 0))

    async def records(self, topic: str) -> list[Record]:
        physical = self.pipeline.topology.physical(topic)
        return await topics.records(self.pipeline.broker(), physical)

    async def results(self) -> list[DownloadResult]:
        return [decode_result(record.value) for record in await self.results_raw()]

    async def results_raw(self) -> list[Record]:
        return await self.records("claimx.downloads.results")

    async def dead(self) -> list[Record]:
        return await self.records("claimx.downloads.dlq")

    def rows(self) -> list[dict]:
        sql = "SELECT * FROM claimx_attachments ORDER BY media_id"
        return run_query(self.pipeline.table_store, sql).to_pylist()

    async def stored(self) -> dict[str, bytes]:
        return await contents(self.files)

    async def left_in_cache(self) -> dict[str, bytes]:
        found = await contents(self.cache)
        return {path: content for path, content in found.items() if path != MARK}


async def contents(store) -> dict[str, bytes]:
    """Return every file of a store."""
    later = datetime(2200, 1, 1, tzinfo=UTC)
    found = [each.path async for each in store.older_than(later)]
    return {path: b"".join([piece async for piece in store.pieces(path)]) for path in found}
