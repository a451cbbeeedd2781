"""Runs the worker ``download`` over real topics against the simulator's media host."""

import asyncio
import contextlib
from collections.abc import AsyncIterator, Callable
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from attrs import define, evolve

from claimx_pipeline import Pipeline
from claimx_pipeline.broker.protocol import Record
from claimx_pipeline.media.messages import CachedFile, DownloadTask
from claimx_pipeline.runtime.loop import WorkerLoop
from claimx_pipeline.simulator.content import content_of
from claimx_pipeline.simulator.entities import Media
from claimx_pipeline.simulator.server import SimulatorServer
from claimx_pipeline.simulator.world import World
from claimx_pipeline.topics import DomainTopics
from tests.rigs import members, topics
from tests.rigs.file_records import decode_cached_file, task_record
from tests.rigs.worker import Rig

TOPICS = DomainTopics("claimx")
EVENTS = 400

SETTINGS = """\
broker: {{url: "sqlite:///{folder}/broker.db"}}
claimx: {{api: {{base_url: "{api}", token: demo-token, max_retries: 0}}}}
storage: {{cache: {{root: "{folder}/cache"}}, files: {{root: "{folder}/files"}}}}
media:
  development_hosts: ["{host}"]
  work_dir: "{folder}/{work_dir}"
  backoff_seconds: 0.01
  read_timeout_seconds: 2.0
{media}
retry: {{delays_seconds: [0.2, 0.2]}}
plugins: {{dir: ""}}
health: {{port: 0}}
"""


@define
class DownloadRig:
    """A simulator, topics, and workers that read the tasks."""

    folder: Path
    simulator: SimulatorServer
    rig: Rig

    @property
    def files(self) -> list[Media]:
        """Every file of the world that is no video, in order."""
        world = self.simulator.world
        ids = {event.media_id for event in world.events(EVENTS) if event.media_id is not None}
        found = [world.file(media_id) for media_id in sorted(ids)]
        return [media for media in found if media is not None and media.extension != "mp4"]

    def task(self, media: Media, **changes: Any) -> DownloadTask:
        """Return the task to fetch *media*, its link signed now."""
        world = self.simulator.world
        project = next(
            event.project_id for event in world.events(EVENTS) if event.media_id == media.media_id
        )
        now = datetime.now(UTC)
        task = DownloadTask(
            media_id=str(media.media_id),
            project_id=str(project),
            event_id=f"event-{media.media_id}",
            download_url=self.simulator.simulation.links.link(media, now),
            blob_path=f"{project}/media/{media.media_id}/{media.name}",
            file_name=media.name,
            created_at=now,
        )
        return evolve(task, **changes)

    def content(self, media: Media) -> bytes:
        """Return what the file holds."""
        content = content_of(media, self.simulator.simulation.media_bytes)
        return content.read(0, content.size)

    async def publish(self, *tasks: DownloadTask) -> None:
        await topics.publish(self.rig.broker(), [task_record(task) for task in tasks])

    def loop(self, name: str, stop: asyncio.Event) -> WorkerLoop:
        return self.rig.loop(self.rig.pipeline.workers[name], stop)

    async def run_until(self, condition: Callable[[], Any], *more: str) -> None:
        """Run ``download`` and the workers *more* until *condition* holds; it may be async."""
        stop = asyncio.Event()
        loops = [self.loop(name, stop) for name in ("download", *more)]
        await members.run_until(condition, *loops)

    async def settled(self, count: int) -> bool:
        """Tell whether the worker has committed *count* tasks."""
        group, topic = "claimx-download-worker", "claimx.downloads.pending"
        return await topics.committed(self.rig.broker(), group, topic) >= count

    async def cached(self) -> list[CachedFile]:
        return [
            decode_cached_file(record.value)
            for record in await self.rig.records(TOPICS.downloads_cached)
        ]

    async def dead(self) -> list[Record]:
        return await self.rig.records(TOPICS.downloads_dlq)

    def stored(self, cached: CachedFile) -> bytes:
        """Return what lies in the cache."""
        return (self.folder / "cache" / cached.cache_path).read_bytes()

    def gets(self, path: str = "/media") -> list[str]:
        """Return the paths that the media host was asked for, without redirects."""
        found = self.simulator.requests.find(path)
        return [request.path for request in found if request.path.startswith("/media/s3")]


@contextlib.asynccontextmanager
async def download_rig(
    folder: Path, *, media: str = "", work_dir: str = "partial", **simulator: Any
) -> AsyncIterator[DownloadRig]:
    """Set everything up; *media* are further lines of the settings of media."""
    world = World(seed=7)
    world.set_clock(world.end(EVENTS))
    async with SimulatorServer(world, **simulator) as server:
        config = folder / "claimx.yaml"
        host = urlsplit(server.url).netloc
        config.write_text(
            SETTINGS.format(
                folder=folder, api=server.api_url, host=host, media=media, work_dir=work_dir
            )
        )
        pipeline = Pipeline.load(config, environ={}, cwd=folder)
        await topics.create_topics(pipeline)
        yield DownloadRig(folder, server, Rig(pipeline))
