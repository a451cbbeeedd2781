"""A second domain's files: own hosts, path rule, store and table; nothing renews a link."""

import contextlib
from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

from attrs import define, field, frozen

from claimx_pipeline import Pipeline, SettingsSection
from claimx_pipeline.broker.protocol import Record
from claimx_pipeline.delta.querying.query import run_query
from claimx_pipeline.domain.files import DomainFiles
from claimx_pipeline.media import DownloadResult, DownloadTask, FileCodec
from claimx_pipeline.media.topics import FileTopics
from claimx_pipeline.runtime.worker import WorkerSpec
from claimx_pipeline.settings.tree.storage import FilesSettings
from claimx_pipeline.simulator.server import SimulatorServer
from claimx_pipeline.simulator.world import World
from claimx_pipeline.tables import STRING, Column, TableSpec
from claimx_pipeline.workers import download, results, upload
from tests.fakes.http_service import Asked, HttpService, Reply, http_service
from tests.rigs import topics
from tests.rigs.download import EVENTS, SETTINGS, DownloadRig
from tests.rigs.media import jpeg
from tests.rigs.worker import Rig

NAME = "second"
AT = datetime(2026, 1, 12, 9, tzinfo=UTC)
TOPICS = FileTopics.of(NAME)


@frozen(kw_only=True)
class SecondSettings:
    hosts: tuple[str, ...] = ("files.second.example",)
    files: FilesSettings = field(factory=FilesSettings)


@frozen
class Case:
    """An event: its files are in it, as links."""

    case_id: str
    links: tuple[str, ...]


def section(settings) -> SecondSettings:
    return settings.section(NAME, SecondSettings)


def tasks(event: Case, rows: Any, settings: Any, now: datetime) -> list[DownloadTask]:
    made = []
    for number, link in enumerate(event.links):
        name = urlsplit(link).path.rpartition("/")[2]
        made.append(
            DownloadTask(
                media_id=f"{event.case_id}-{number}",
                key=event.case_id,
                key_name="case_id",
                event_id=f"event-{event.case_id}",
                download_url=link,
                blob_path=f"cases/{event.case_id}/{number}_{name}",
                file_name=name,
                created_at=now,
            )
        )
    return made


def row(result: DownloadResult, now: datetime) -> dict[str, Any]:
    return {
        "media_id": result.media_id,
        "case_id": result.case_id,
        "status": result.status,
        "error": result.error_message,
    }


TABLE = TableSpec(
    name="second_files",
    summary="",
    mode="merge",
    key=("media_id",),
    columns=(
        Column("media_id", STRING, nullable=False),
        *(Column(name, STRING) for name in ("case_id", "status", "error")),
    ),
)

FILES = DomainFiles(
    key_name="case_id",
    tasks=tasks,
    hosts=lambda settings: section(settings).hosts,
    table=TABLE,
    row=row,
    settings=(NAME,),
    store=lambda settings: section(settings).files,
)
CODEC = FileCodec("case_id", NAME)

PLUGIN = """\
from claimx_pipeline import Plugin, hookimpl
from tests.rigs import second_files


class Second(Plugin):
    name = "second"

    @hookimpl
    def claimx_register_settings(self):
        return second_files.SECTION

    @hookimpl
    def claimx_register_workers(self):
        return second_files.workers()

    @hookimpl
    def claimx_register_tables(self):
        return [second_files.TABLE]

    @hookimpl
    def claimx_download_complete(self, context):
        second_files.SEEN.append((context.domain, context.key))
"""

SECTION = SettingsSection(name=NAME, kind=SecondSettings)


def workers() -> list[WorkerSpec]:
    return [each.worker(NAME, "second-", TOPICS, FILES) for each in (download, upload, results)]


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

    def case(self, case_id: str, *links: str) -> list[DownloadTask]:
        """Return the tasks of a case, as the domain's enrichment makes them."""
        return tasks(Case(case_id, links), None, self.pipeline.settings, AT)

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
        for table in ("claimx_attachments", TABLE.name):
            pipeline.table_store.create(table)
        found.append(TwoDomains(DownloadRig(folder, simulator, Rig(pipeline)), server))
        yield found[0]


def write_plugin(folder: Path) -> None:
    place = folder / "plugins" / NAME
    place.mkdir(parents=True)
    (place / "config.yaml").write_text(f"name: {NAME}\nmodule: plugin\nclass: Second\n")
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
        "workers: {results: {linger_seconds: 0}, second-results: {linger_seconds: 0}}\n"
        f"second: {{files: {{root: {folder}/second-files}}}}\n"
    )
