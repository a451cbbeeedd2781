"""No credential of the settings shows anywhere, though every service repeats what it was sent.

Logs at DEBUG on the terminal and in files, metrics, health, topics, tables, ``config show``.
Queries of signed links are data: they are in the messages and the columns of links, and nowhere
else.
"""

import asyncio
import json
import logging
from pathlib import Path

import pytest
from prometheus_client import generate_latest

from claimx_pipeline import OutRecord
from claimx_pipeline.connections.known_secrets import redactor_of
from claimx_pipeline.delta.querying.query import run_query
from claimx_pipeline.settings.show import shown_settings
from claimx_pipeline.settings.tree.logging import LoggingSettings
from claimx_pipeline.simulator.server import SimulatorServer
from claimx_pipeline.telemetry.log import logging_of_process
from claimx_pipeline.telemetry.server import HealthServer
from tests.fakes.http_service import Asked, Reply, http_service
from tests.rigs import topics
from tests.rigs.whole_pipeline import SETTINGS, WholePipeline, whole_pipeline

pytestmark = [pytest.mark.plugin, pytest.mark.incident("SEC-01")]

MARK = "mark-"
"""Begins every credential of the settings here."""

MARKED = (
    SETTINGS.replace("demo-token,", "mark-api-token,").replace(
        "demo-itel-token,", "mark-itel-token, headers: {{X-Api-Key: mark-itel-header}},"
    )
    + """
network: {{proxy_password: mark-proxy-password}}
"""
)

PLUGIN = """
from claimx_pipeline import Plugin, PluginResult
from attrs import frozen


@frozen
class Config:
    url: str
    api_key: str


class Tell(Plugin):
    name = "tell"
    config_class = Config

    def webhook_headers(self):
        return {"own": {"X-Own-Token": self.config.api_key}}

    async def execute(self, context):
        if context.event_type == "PROJECT_CREATED":
            raise RuntimeError(f"{self.config.api_key} was refused by {self.config.url}?sig=mark-in-error")
        return PluginResult.webhook(self.config.url, headers_from="own")
"""

EVENTS = 120


def repeated(asked: Asked) -> Reply:
    """Refuse, and say all that was sent: in text, in JSON, in a URL and in a header."""
    said = {"sent": asked.headers, "error": f"bad {asked.headers} http://x/y?sig=mark-answered"}
    return Reply(said, status=422, headers={"x-said": asked.headers.get("authorization", "-")})


async def run_all(folder: Path, *, api: str, itel: str, capsys) -> tuple[WholePipeline, list[str]]:
    """Run everything on marked settings; return what there is to be looked through."""
    place = folder / "plugins" / "tell"
    place.mkdir(parents=True)
    (place / "plugin.py").write_text(PLUGIN)
    (place / "config.yaml").write_text("{name: tell, module: plugin, class: Tell}")
    # The simulator knows one token; whoever repeats what it was sent takes any.
    settings = MARKED.replace("mark-api-token", "mark-api-token" if api else "demo-token")
    settings = settings.replace("{itel}", itel) if itel else settings
    plugins = f'{{dir: plugins, tell: {{config: {{url: "{itel or api}/hook", api_key: mark-plugin-key}}}}}}'
    found: list[str] = []
    async with whole_pipeline(
        folder, settings=settings, api=api, plugins=plugins, delays=(0.2, 0.4)
    ) as whole:
        files = LoggingSettings(
            level="DEBUG", format="json", files=True, folder=str(folder / "logs")
        )
        with logging_of_process(files, redactor_of(whole.pipeline.loaded)):
            whole.start()
            await publish(whole)
            await asyncio.sleep(0)
            await whole.idle(90)
            server = HealthServer(
                whole.pipeline.settings.health,
                whole.health,
                whole.process.metrics,
                redactor_of(whole.pipeline.loaded),
            )
            found.append(repr(server.answer("/health/ready")))
        found.append(capsys.readouterr().err)
        found += [path.read_text() for path in (folder / "logs").rglob("*.log")]
        assert len(found) > 5, "files were written"
        found.append(generate_latest(whole.process.metrics.registry).decode())
        found.append(json.dumps([str(each) for each in shown_settings(whole.pipeline.loaded)]))
        for topic in whole.pipeline.topology.topics:
            for record in await whole.records(topic):
                if topic != "claimx.events.raw":
                    found.append(f"{topic} {record.value!r} {record.headers}")
        for table in whole.pipeline.tables:
            rows = run_query(whole.pipeline.table_store, f"SELECT * FROM {table}").to_pylist()
            found += [f"{table} {row}" for row in rows]
        return whole, found


async def publish(whole: WholePipeline) -> None:
    whole.world.set_clock(whole.world.end(EVENTS))
    raw = whole.pipeline.topology.physical("claimx.events.raw")
    records = [
        OutRecord(raw, json.dumps(each.value).encode(), str(each.project_id).encode())
        for each in whole.world.events(EVENTS)
    ]
    await topics.publish(whole.pipeline.broker(), records)


def shows(found: list[str]) -> list[str]:
    return [each[max(0, at - 200) : at + 100] for each in found if (at := each.find(MARK)) >= 0]


async def test_an_api_that_repeats_what_it_was_sent(tmp_path, capsys):
    async with http_service(repeated) as service:
        whole, found = await run_all(tmp_path, api=service.url, itel="", capsys=capsys)
        assert any("mark-api-token" in str(each.headers) for each in service.asked)
    assert shows(found) == []
    assert any("claimx.enrichment.dlq" in each for each in found), "the answers are in dead letters"
    del whole


async def test_itel_and_webhooks_that_repeat_what_they_were_sent(tmp_path, capsys):
    async with http_service(repeated) as service:
        whole, found = await run_all(tmp_path, api="", itel=service.url, capsys=capsys)
        sent = str([each.headers for each in service.asked])
        wanted = ("mark-itel-token", "mark-itel-header", "mark-plugin-key")
        assert [each for each in wanted if each not in sent] == []
    assert shows(found) == []
    assert any("claimx.actions.dlq" in each for each in found)
    assert any("X-Amz-Signature" in each for each in found if "claimx.downloads.pending" in each)
    about = [each for each in found if each.startswith("{") or "dlq-error" in each]
    assert not [each for each in about if "X-Amz-Signature=" in each.replace("?…", "")]
    assert logging.getLogger().level != logging.DEBUG
    assert isinstance(whole.simulator, SimulatorServer)
