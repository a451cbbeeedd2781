"""What ``demo`` does: simulator, broker, tables and workers, in one process."""

from __future__ import annotations

import asyncio
import shutil
import sys
import time
import uuid
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import msgspec
import pyarrow as pa
from attrs import define, field

from claimx_pipeline import operations
from claimx_pipeline.delta.querying.queries import NamedQuery
from claimx_pipeline.errors import UsageError
from claimx_pipeline.hooks.output import note
from claimx_pipeline.operations import Running
from claimx_pipeline.pipeline import Pipeline
from claimx_pipeline.settings.tree.logging import LoggingSettings
from claimx_pipeline.simulator.entities import WorldEvent
from claimx_pipeline.simulator.server import SimulatorServer
from claimx_pipeline.simulator.world import World
from claimx_pipeline.telemetry.log import configure
from claimx_pipeline.topics import BRAND, DomainTopics

MARK = "# Written by 'claimx-run demo'."
QUERIES_SHOWN = 4
WAVES = 4
"""The events come in this many parts of the day, each dealt with before the next."""

SETTINGS = """\
{mark} The services it names ran inside the demo and have
# stopped with it; the tables stay. 'claimx-run init' writes a file for real use.
broker:
  url: {broker}
  prefix: {prefix}
claimx:
  api:
    base_url: {api}
    token: {api_token}
tables:
  root: {tables}
storage:
  files:
    root: {files}
  cache:
    root: {cache}
media:
  development_hosts: [{media_host}]
  work_dir: {partial}
plugins:
  dir: ""
health:
  port: 0
logging:
  level: WARNING
workers:
  events: {{linger_seconds: 0.2}}
  entities: {{linger_seconds: 0.2}}
  results: {{linger_seconds: 0.2}}
"""

ITEL_SETTINGS = """\
connections:
  itel_cabinet_api:
    base_url: {itel}
    auth_type: bearer
    auth_token: {itel_token}
"""

API_TOKEN = "demo-token"  # noqa: S105 - opens the demo's own simulator only
ITEL_TOKEN = "demo-itel-token"  # noqa: S105 - the same


@define
class Demo:
    """One run of the demo."""

    events: int
    seed: int
    data_dir: Path
    broker_url: str | None = None
    _prefix: str = field(default="", init=False)
    _pipeline: Pipeline = field(init=False)

    def prepare(self, *, again: bool) -> None:
        """Make room for the data.

        Raises:
            UsageError: The folder holds something that may not be replaced.
        """
        folder = self.data_dir
        if folder.exists() and (not folder.is_dir() or any(folder.iterdir())):
            if not again:
                raise UsageError(
                    f"{folder} is not empty; choose another --data-dir, or --again to replace "
                    "what an earlier demo left there"
                )
            config = folder / "claimx.yaml"
            if not (config.is_file() and config.read_text().startswith(MARK)):
                raise UsageError(
                    f"{folder} was not made by a demo and is left alone; choose another --data-dir"
                )
            shutil.rmtree(folder)
        folder.mkdir(parents=True, exist_ok=True)
        if self.broker_url:
            self._prefix = f"demo-{uuid.uuid4().hex[:8]}."

    async def run(self) -> dict[str, Any]:
        """Let the events happen and return what came of them."""
        began = time.monotonic()
        world = World(self.seed)
        configure(LoggingSettings(level="WARNING", format="plain"))
        async with SimulatorServer(world, api_token=API_TOKEN, itel_token=ITEL_TOKEN) as simulator:
            pipeline = self._pipeline = self._load(simulator)
            await operations.create_all(pipeline)
            await self._work(pipeline, world)
            topics = {
                topic.name: topic.records or 0 for topic in await operations.list_topics(pipeline)
            }
            submissions = len(simulator.submissions)
        tables = {name: await asyncio.to_thread(self._rows, name) for name in pipeline.tables}
        dead = sum(count for name, count in topics.items() if name.endswith((".dlq", ".errors")))
        return {
            "events": self.events,
            "tables": tables,
            "topics": topics,
            "dlq": dead,
            "files": await asyncio.to_thread(_files, self.data_dir / "files"),
            "itel": {"submissions": submissions},
            "seconds": round(time.monotonic() - began, 1),
        }

    def answers(self) -> list[tuple[NamedQuery, pa.Table]]:
        """Return the named queries that need no parameter, each with its answer."""
        pipeline = self._pipeline
        asked = [query for query in pipeline.queries.values() if not query.parameters]
        return [
            (named, operations.named_query(pipeline, named.name)) for named in asked[:QUERIES_SHOWN]
        ]

    def _load(self, simulator: SimulatorServer) -> Pipeline:
        """Write the demo's settings and read them as any settings are read.

        The environment is left out: the demo never calls a real service.
        """
        folder = self.data_dir.resolve()
        text = SETTINGS.format(
            mark=MARK,
            broker=_quoted(self.broker_url or f"sqlite:///{folder / 'broker.db'}"),
            prefix=_quoted(self._prefix),
            api=simulator.api_url,
            api_token=API_TOKEN,
            tables=_quoted(str(folder / "tables")),
            files=_quoted(str(folder / "files")),
            cache=_quoted(str(folder / "cache")),
            media_host=_quoted(urlsplit(simulator.api_url).netloc),
            partial=_quoted(str(folder / "partial")),
        )
        text += ITEL_SETTINGS.format(itel=simulator.itel_url, itel_token=ITEL_TOKEN)
        config = self.data_dir / "claimx.yaml"
        config.write_text(text)
        return Pipeline.load(config, environ={})

    async def _work(self, pipeline: Pipeline, world: World) -> None:
        """Run all workers while the events are published part by part."""
        note(f"running {', '.join(pipeline.workers)}")
        async with operations.running(pipeline, *pipeline.workers, signals=True) as run:
            for wave in _waves(world.events(self.events)):
                await self._wave(pipeline, world, wave, run)
                if run.stopping:
                    break

    async def _wave(
        self, pipeline: Pipeline, world: World, wave: Sequence[WorldEvent], run: Running
    ) -> None:
        """Let one part of the events happen and wait until all of it is in the tables."""
        world.set_clock(wave[-1].at)
        events = [event.value for event in wave]
        keys = [event.key for event in wave]
        await operations.publish(pipeline, DomainTopics(BRAND).events_raw.name, events, keys=keys)
        first, last = f"{wave[0].at:%d %b %H:%M}", f"{wave[-1].at:%d %b %H:%M}"
        note(f"{first} to {last}: {len(wave)} events published")
        ticking = asyncio.create_task(_tick(pipeline, run)) if sys.stderr.isatty() else None
        try:
            await run.until_idle()
        finally:
            if ticking is not None:
                ticking.cancel()
                await asyncio.gather(ticking, return_exceptions=True)

    def _rows(self, table: str) -> int:
        counted = operations.query(self._pipeline, f"SELECT count(*) AS n FROM {table}")  # noqa: S608 - a declared name
        return int(counted.column("n")[0].as_py())


def _waves(events: Sequence[WorldEvent]) -> Iterator[Sequence[WorldEvent]]:
    size = -(-len(events) // WAVES)
    for start in range(0, len(events), size):
        yield events[start : start + size]


async def _tick(pipeline: Pipeline, run: Running) -> None:
    """Show on a terminal how much each worker has left."""
    while True:
        now = await run.progress()
        left = ", ".join(f"{name} {lag}" for name, lag in now.lag.items() if lag)
        sys.stderr.write(f"\r\x1b[K  left: {left}" if left else "\r\x1b[K")
        sys.stderr.flush()
        await pipeline.clock.sleep(0.3)


def _files(folder: Path) -> dict[str, int]:
    """Return how many files lie below *folder*, and their bytes."""
    sizes = [file.stat().st_size for file in folder.rglob("*") if file.is_file()]
    return {"count": len(sizes), "bytes": sum(sizes)}


def _quoted(text: str) -> str:
    return msgspec.json.encode(text).decode()
