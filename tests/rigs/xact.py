"""ClaimX and the example's domain in one folder: simulator, server of files, both pipelines."""

import contextlib
import os
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import obstore
from attrs import define, field
from obstore.store import LocalStore

from claimx_pipeline import Pipeline, operations
from claimx_pipeline.delta.contents import Contents
from claimx_pipeline.simulator.server import SimulatorServer
from claimx_pipeline.simulator.world import World
from tests.rigs.command import Running, stop_all
from tests.rigs.until import until
from tests.rigs.whole_pipeline import contents_of

SOURCE = Path(__file__).parents[2] / "examples" / "xact-domain" / "src"

SETTINGS = """\
broker: {{url: "sqlite:///{folder}/broker.db"}}
claimx: {{api: {{base_url: {api}, token: demo-token, max_retries: 0, breaker_open_seconds: 0.5}}}}
connections: {{itel_cabinet_api: {{base_url: {itel}, auth_token: demo-itel-token}}}}
tables: {{root: {folder}/tables}}
storage: {{files: {{root: {folder}/files}}, cache: {{root: {folder}/cache}}}}
media:
  development_hosts: ["{claimx_host}"]
  work_dir: {folder}/partial
  max_retries: 0
  breaker_open_seconds: 0.5
plugins: {{dir: {folder}/plugins, xact: {{required: true}}}}
retry: {{delays_seconds: {delays}}}
health: {{port: 0}}
workers:
  events: {{linger_seconds: 0.1}}
  entities: {{linger_seconds: 0.1}}
  results: {{linger_seconds: 0.1}}
  xact-events: {{linger_seconds: 0.1}}
  xact-entities: {{linger_seconds: 0.1}}
  xact-results: {{linger_seconds: 0.1}}
"""


def importable() -> None:
    """Make the example's package importable here, as it is where it is installed."""
    if str(SOURCE) not in sys.path:
        sys.path.append(str(SOURCE))


@define
class Both:
    """Both domains in a folder, and what they ask."""

    folder: Path
    pipeline: Pipeline
    simulator: SimulatorServer
    files: object
    _started: list[Running] = field(factory=list)

    async def publish(self, count: int) -> None:
        """Publish *count* events of each domain."""
        from xact_domain.demonstration import world

        happened = self.simulator.world.events(count)
        self.simulator.world.set_clock(self.simulator.world.end(count))
        await operations.publish(
            self.pipeline,
            "claimx.events.raw",
            [event.value for event in happened],
            keys=[event.key for event in happened],
        )
        events = world(7, count, f"http://{self.files.host}")
        keys = [event["traceId"] for event in events]
        await operations.publish(self.pipeline, "xact.events.raw", events, keys=keys)

    async def logged(self) -> dict[str, int]:
        """Return how many records of entity rows each domain has published."""
        topics = {
            each.name: each.records or 0 for each in await operations.list_topics(self.pipeline)
        }
        return {name: topics[f"{name}.entities.rows"] for name in ("claimx", "xact")}

    def start(self, *arguments: str) -> Running:
        """Start a process of ``claimx-run``."""
        running = Running.start(
            "--config",
            str(self.folder / "claimx.yaml"),
            *arguments,
            cwd=self.folder,
            env={"PYTHONPATH": os.pathsep.join([str(SOURCE), *filter(None, sys.path)])},
        )
        self._started.append(running)
        return running

    def kill(self, running: Running) -> None:
        """End a process without a word to it."""
        running.stop(signal.SIGKILL)

    async def until(self, condition, seconds: float = 60) -> None:
        """Wait until *condition* holds."""
        await until(condition, seconds=seconds)

    async def finish(self, *names: str) -> None:
        """Run workers here until they have nothing left to do."""
        await operations.run_until_idle(self.pipeline, *names)

    def rows(self, sql: str) -> list[dict]:
        return operations.query(self.pipeline, sql).to_pylist()

    async def contents(self, domain: str) -> dict[str, Contents]:
        """Return what the tables of a domain say."""
        tables = (table.name for table in self.pipeline.domains[domain].all_tables())
        return await contents_of(self.pipeline, tables)

    def stored(self) -> set[str]:
        """Return the paths of the files that are stored; a killed writer's half files are not."""
        found = obstore.list(LocalStore(self.folder / "files")).collect()
        return {str(each["path"]) for each in found}

    def close(self) -> None:
        stop_all(self._started)


async def of_folder(folder: Path, simulator, files, delays: str) -> Both:
    """Return both domains in *folder*; topics and tables exist."""
    plugin = folder / "plugins" / "xact"
    plugin.mkdir(parents=True)
    (plugin / "config.yaml").write_text(
        "name: xact\nmodule: xact_domain.plugin\nclass: XactPlugin\n"
    )
    text = SETTINGS.format(
        folder=folder,
        api=simulator.api_url,
        itel=simulator.itel_url,
        claimx_host=f'{simulator.url.removeprefix("http://")}", "{files.host}',
        delays=delays,
    )
    (folder / "claimx.yaml").write_text(text)
    pipeline = Pipeline.load(folder / "claimx.yaml", environ={}, cwd=folder)
    await operations.create_all(pipeline)
    return Both(folder, pipeline, simulator, files)


@contextlib.asynccontextmanager
async def both_domains(
    folder: Path, *more: Path, delays: str = "[0.3, 0.6, 1]"
) -> AsyncIterator[list[Both]]:
    """Set both domains up in each of the folders, around one simulator and one file server."""
    importable()
    from xact_domain.demonstration import FileServer

    files = FileServer()
    await files.start()
    found: list[Both] = []
    try:
        async with SimulatorServer(World(7)) as simulator:
            for each in (folder, *more):
                each.mkdir(exist_ok=True)
                found.append(await of_folder(each, simulator, files, delays))
            yield found
    finally:
        for both in found:
            both.close()
        await files.close()
