"""The files of ClaimX and of a second domain, in one process."""

import contextlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from urllib.parse import urlsplit

from attrs import define

from claimx_pipeline import Pipeline
from claimx_pipeline.broker.protocol import Record
from claimx_pipeline.delta.querying.query import run_query
from claimx_pipeline.media import DownloadTask, FileCodec
from claimx_pipeline.simulator.server import SimulatorServer
from claimx_pipeline.simulator.world import World
from tests.fakes.http_service import Asked, HttpService, Reply, http_service
from tests.rigs import topics
from tests.rigs.download import EVENTS, SETTINGS, DownloadRig
from tests.rigs.media import jpeg
from tests.rigs.second_domain import FILES, FILES_TABLE, NAME, AcmeEvent
from tests.rigs.worker import Rig

AT = datetime(2026, 1, 12, 9, tzinfo=UTC)
CODEC = FileCodec("job_id", NAME)

PLUGIN = """\
from claimx_pipeline import hookimpl
from tests.rigs import second_files
from tests.rigs.second_domain import AcmePlugin


class Acme(AcmePlugin):
    @hookimpl
    def claimx_download_complete(self, context):
        second_files.SEEN.append((context.domain, context.key))
"""


SEEN: list[tuple[str, str]] = []
"""Domain and key of the files that the plugin of the second domain was called with."""


@define
class TwoDomains:
    """ClaimX against its simulator, and the second domain against a server of the test's."""

    claimx: DownloadRig
    server: HttpService
    down: bool = False
    """Whether the server refuses what is the second domain's."""

    @property
    def pipeline(self) -> Pipeline:
        return self.claimx.rig.pipeline

    def job(self, job_id: str, *links: str) -> list[DownloadTask]:
        """Return the tasks of a job's event, as the domain's enrichment makes them."""
        event = AcmeEvent(f"event-{job_id}", "OPENED", job_id, AT, links=links)
        return FILES.tasks(event, None, self.pipeline.settings, AT)

    def link(self, path: str) -> str:
        return f"{self.server.url}/{path}"

    async def publish(self, *more: DownloadTask) -> None:
        records = [CODEC.task_record(task) for task in more]
        await topics.publish(self.claimx.rig.broker(), records)

    async def work(self, condition, *names: str) -> None:
        """Run ClaimX's ``download`` and the workers *names* until *condition* holds."""
        await self.claimx.run_until(condition, *names)

    async def committed(self, group: str, topic: str) -> int:
        return await topics.committed(self.claimx.rig.broker(), group, topic)

    async def records(self, topic: str) -> list[Record]:
        return await topics.records(self.claimx.rig.broker(), topic)

    def rows(self, table: str) -> list[dict]:
        sql = f"SELECT * FROM {table} ORDER BY media_id"
        return run_query(self.pipeline.table_store, sql).to_pylist()


@contextlib.asynccontextmanager
async def two_domains(folder: Path) -> AsyncIterator[TwoDomains]:
    """Set up both domains in one process, on the embedded broker."""
    SEEN.clear()
    write_plugin(folder)
    world = World(seed=7)
    world.set_clock(world.end(EVENTS))
    found: list[TwoDomains] = []

    def answer(asked: Asked) -> Reply:
        if found[0].down and "/claimx/" not in asked.path:
            return Reply(status=503)
        return Reply(jpeg(2000), headers={"content-type": "image/jpeg"})

    async with SimulatorServer(world) as simulator, http_service(answer) as server:
        config = folder / "claimx.yaml"
        config.write_text(settings_text(folder, simulator, server))
        pipeline = Pipeline.load(config, environ={}, cwd=folder)
        await topics.create_topics(pipeline)
        for table in ("claimx_attachments", FILES_TABLE.name):
            pipeline.table_store.create(table)
        found.append(TwoDomains(DownloadRig(folder, simulator, Rig(pipeline)), server))
        yield found[0]


def write_plugin(folder: Path) -> None:
    place = folder / "plugins" / NAME
    place.mkdir(parents=True)
    (place / "config.yaml").write_text(f"name: {NAME}\nmodule: plugin\nclass: Acme\n")
    (place / "plugin.py").write_text(PLUGIN)


def settings_text(folder: Path, simulator: SimulatorServer, server: HttpService) -> str:
    hosts = '", "'.join(urlsplit(each.url).netloc for each in (simulator, server))
    breaker = "  breaker_failures: 1\n  breaker_open_seconds: 0.2\n  max_retries: 0\n"
    text = SETTINGS.format(
        folder=folder, api=simulator.api_url, host=hosts, media=breaker, work_dir="partial"
    )
    text = text.replace('plugins: {dir: ""}', f'plugins: {{dir: "{folder}/plugins"}}')
    return (
        f"{text}tables: {{root: {folder}/tables}}\n"
        "workers: {results: {linger_seconds: 0}, acme-results: {linger_seconds: 0}}\n"
        f"acme: {{files: {{root: {folder}/acme-files}}}}\n"
    )
