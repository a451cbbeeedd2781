"""Everything at once in one process: simulator, embedded broker, tables, every worker."""

import asyncio
import contextlib
import json
from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from attrs import define, field

from claimx_pipeline import OutRecord, Pipeline
from claimx_pipeline.broker.protocol import Record
from claimx_pipeline.delta.contents import Contents, contents
from claimx_pipeline.delta.querying.query import run_query
from claimx_pipeline.runtime.process import WorkerProcess
from claimx_pipeline.simulator.server import SimulatorServer
from claimx_pipeline.simulator.world import World
from claimx_pipeline.telemetry.health import Health
from claimx_pipeline.telemetry.metrics import Metrics
from tests.rigs import members, topics
from tests.rigs.until import until

SETTINGS = """\
broker: {{url: "{url}", prefix: "{prefix}", kafka: {{session_timeout_seconds: 6}}}}
claimx: {{api: {{base_url: {api}, token: demo-token, max_retries: 0, breaker_open_seconds: 1}}}}
connections:
  itel_cabinet_api: {{base_url: {itel}, auth_token: demo-itel-token, {itel_options}}}
  {connections}
tables: {{root: {folder}/tables}}
storage: {{files: {{root: {folder}/files}}, cache: {{root: {folder}/cache}}}}
media: {{development_hosts: ["{media_host}"], work_dir: {folder}/partial}}
plugins: {plugins}
retry: {{delays_seconds: {delays}}}
health: {{port: 0}}
workers: {{events: {{linger_seconds: 0.1}}, entities: {{linger_seconds: 0.1}}, results: {{linger_seconds: 0.1}}}}
"""


@define
class WholePipeline:
    """A running pipeline and the world it looks at."""

    pipeline: Pipeline
    simulator: SimulatorServer
    world: World
    health: Health
    process: WorkerProcess
    _running: asyncio.Task[None] | None = field(default=None, init=False)

    def start(self) -> None:
        self._running = asyncio.create_task(self.process.run())

    async def publish(self, count: int) -> None:
        """Let the first *count* events happen and put them on the topic of raw events."""
        self.world.set_clock(self.world.end(count))
        topic = self.pipeline.topology.physical("claimx.events.raw")
        records = [
            OutRecord(topic, json.dumps(event.value).encode(), str(event.project_id).encode())
            for event in self.world.events(count)
        ]
        await topics.publish(self.pipeline.broker(), records)

    async def records(self, topic: str) -> list[Record]:
        """Return every record of a topic, by its logical name."""
        return await topics.records(self.pipeline.broker(), self.pipeline.topology.physical(topic))

    async def contents(self) -> dict[str, Contents]:
        """Return every table as a multiset of what it says about the claims."""
        return await contents_of(self.pipeline, self.pipeline.tables)

    async def idle(self, seconds: float = 60) -> None:
        """Wait until every worker that runs has dealt with everything."""
        workers = list(self.process.specs)
        await members.idle(self.pipeline, workers, self._started(), seconds=seconds)

    async def until(self, condition: Callable[[], Any], seconds: float = 30) -> None:
        """Wait until *condition* holds, which takes workers that run."""
        await until(condition, self._started(), seconds=seconds)

    def _started(self) -> asyncio.Task[None]:
        assert self._running is not None, "the workers are not started"
        return self._running

    def keys(self, kind: str) -> list[tuple[Any, ...]]:
        """Return the keys in the table of an entity kind."""
        from claimx_pipeline.claimx.tables import ENTITY_TABLES

        spec = ENTITY_TABLES[kind]
        sql = f"SELECT {', '.join(spec.key)} FROM {spec.name}"
        return [
            tuple(row.values()) for row in run_query(self.pipeline.table_store, sql).to_pylist()
        ]

    def rows(self, sql: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = run_query(self.pipeline.table_store, sql).to_pylist()
        return found

    async def dead(self) -> dict[str, int]:
        """Return how many dead letters lie in each topic that has any."""
        topology = self.pipeline.topology
        found = {}
        async with topics.admin_of(self.pipeline.broker()) as admin:
            for worker in self.pipeline.workers.values():
                if worker.dead_letters:
                    name = topology.physical(worker.dead_letters.name)
                    found[worker.dead_letters.name] = sum((await admin.end_offsets(name)).values())
        return {name: count for name, count in found.items() if count}

    async def stop(self) -> None:
        self.process.stop.set()
        if self._running is not None:
            await self._running


async def contents_of(pipeline: Pipeline, tables: Iterable[str]) -> dict[str, Contents]:
    """Return *tables* as multisets of what they say about the claims."""
    store = pipeline.table_store

    def contents_in(name: str) -> Contents:
        return contents(store.open(name), store.spec(name))

    return {name: await asyncio.to_thread(contents_in, name) for name in tables}


@contextlib.asynccontextmanager
async def whole_pipeline(
    folder: Path,
    *,
    seed: int = 7,
    url: str = "",
    prefix: str = "",
    plugins: str = '{dir: ""}',
    connections: str = "",
    settings: str = SETTINGS,
    workers: Sequence[str] = (),
    api: str = "",
    itel_options: str = "max_retries: 0, breaker_open_seconds: 1",
    delays: Sequence[float] = (0.5, 1, 2, 4),
    overrides: Mapping[str, str] | None = None,
    server: Callable[[World], SimulatorServer] = SimulatorServer,
) -> AsyncIterator[WholePipeline]:
    """Set everything up; the workers start with ``start``.

    Args:
        folder: Where all of it lies.
        seed: Of the world.
        url: Broker; the embedded one if not given.
        prefix: Of topics and groups.
        workers: Names of the workers to run; all if none is given.
        api: Base URL of the ClaimX API; the simulator's if not given.
        itel_options: Further options of the connection to iTel.
        delays: Rungs of the retry ladder, seconds.
        overrides: Dotted path of a setting to its text.
        plugins: The section of that name; ``{simulator}`` in it is where the simulator is.
        connections: Further ones, in the same way.
        settings: Template of all settings.
        server: Makes the simulator of a world.
    """
    world = World(seed)
    async with server(world) as simulator:
        config = folder / "claimx.yaml"
        config.write_text(
            settings.format(
                url=url or f"sqlite:///{folder}/broker.db",
                prefix=prefix,
                api=api or simulator.api_url,
                media_host=urlsplit(simulator.api_url).netloc,
                itel=simulator.itel_url,
                itel_options=itel_options,
                delays=list(delays),
                folder=folder,
                plugins=plugins.replace("{simulator}", simulator.url),
                connections=connections.replace("{simulator}", simulator.url),
            )
        )
        pipeline = Pipeline.load(config, environ={}, cwd=folder, overrides=overrides)
        broker = pipeline.broker()
        await topics.create_topics(pipeline)
        for table in pipeline.tables:
            await asyncio.to_thread(pipeline.table_store.create, table)
        chosen = pipeline.select(workers) if workers else list(pipeline.workers.values())
        health = Health(pipeline.clock)
        metrics = Metrics()
        process = WorkerProcess(chosen, pipeline.resources(broker, health, metrics), metrics)
        running = WholePipeline(pipeline, simulator, world, health, process)
        try:
            yield running
        finally:
            await running.stop()
