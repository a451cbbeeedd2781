"""Enrichment asks for the files that events bring."""

import types
from datetime import UTC, datetime

import pluggy
import pytest
from attrs import evolve
from prometheus_client import CollectorRegistry

from claimx_pipeline import (
    EntityRows,
    Event,
    PluginResult,
    Received,
    SystemClock,
    hookimpl,
    hookspecs,
)
from claimx_pipeline.broker.sqlite.log import StoredRecord
from claimx_pipeline.claimx.domain import CLAIMX
from claimx_pipeline.claimx.handlers.protocol import Handled
from claimx_pipeline.media.paths import target_path
from claimx_pipeline.plugins.host.dispatch import Dispatcher
from claimx_pipeline.plugins.host.info import PluginInfo
from claimx_pipeline.plugins.host.loading import PluginSet
from claimx_pipeline.plugins.host.results import PublishRules
from claimx_pipeline.telemetry.health import Health
from claimx_pipeline.telemetry.plugin_metrics import PluginMetrics
from claimx_pipeline.workers.enrichment import EnrichmentProcessor
from tests.rigs.file_records import decode_download_task
from tests.rigs.files import SETTINGS, FileRig

AT = datetime(2026, 1, 12, 9, tzinfo=UTC)
PENDING = "claimx.downloads.pending"
EVENT = Event("e1", "FILES", "7001", AT)
LINK = "https://files.example.com/a?sig=%2F1&x=a+b"
ROW = {
    "media_id": "500001",
    "project_id": "7001",
    "full_download_link": LINK,
    "file_name": "../../photo 1.JPG",
    "file_type": "jpg",
    "expires_at": AT,
}


class Rows:
    """A handler that finds the rows that the test gives."""

    name = "rows"
    event_types = frozenset({"FILES"})
    event_prefixes = ()

    def __init__(self, rows):
        self.rows = rows

    async def handle(self, project_id, events, reader):
        return [Handled(EntityRows(media=[dict(row) for row in self.rows])) for _ in events]


def listening(function) -> Dispatcher:
    manager = pluggy.PluginManager(hookspecs.PROJECT)
    manager.add_hookspecs(hookspecs)
    loaded = PluginSet(manager)
    function.__name__ = "claimx_enrichment_complete"
    made = types.SimpleNamespace(claimx_enrichment_complete=hookimpl(function))
    manager.register(made, name="test")
    loaded.infos["test"] = PluginInfo("test", "here", "loaded", 100)
    return Dispatcher.of(
        loaded,
        rules=PublishRules(),
        clock=SystemClock(),
        metrics=PluginMetrics(CollectorRegistry()),
    )


async def published(tmp_path, rows, plugin=lambda context: None, headers=()):
    text = SETTINGS + "claimx: {{api: {{base_url: 'http://127.0.0.1:9', token: t}}}}\n"
    pipeline = (await FileRig.make(tmp_path, text)).pipeline
    health = Health(pipeline.clock)
    resources = pipeline.resources(pipeline.broker(), health, FileRig(pipeline).metrics)
    processor = EnrichmentProcessor(
        CLAIMX,
        evolve(resources, dispatcher=listening(plugin), handlers={"claimx": (Rows(rows),)}),
    )
    await processor.open()
    record = StoredRecord("t", 0, 0, None, b"", headers, 0)
    [outcome] = await processor.process([Received(record, EVENT)])
    await processor.close()
    return [decode_download_task(each.value) for each in outcome.publish if each.topic == PENDING]


async def test_a_file_with_a_link_is_asked_for_once(tmp_path):
    [task] = await published(tmp_path, [ROW])
    assert task.download_url == LINK, "byte for byte, its signature covers it"
    assert (task.owner, task.media_id, task.event_id, task.expires_at) == (
        "claimx",
        "500001",
        "e1",
        AT,
    )
    assert task.blob_path == "7001/media/500001/photo_1.JPG"


async def test_a_file_without_a_link_or_a_name(tmp_path):
    nameless = {**ROW, "media_id": "2", "file_name": None, "file_type": None}
    linkless = {**ROW, "media_id": "3", "full_download_link": None}
    [task] = await published(tmp_path, [nameless, linkless])
    assert (task.blob_path, task.file_name, task.file_type) == ("7001/media/2/media_2", "", "")


async def test_a_filtered_event_drops_its_files_and_keeps_what_plugins_asked_for(tmp_path):
    def filtering(context):
        context.request_download(
            owner="me", media_id="9", download_url=LINK, blob_path="mine/9.jpg"
        )
        return PluginResult.filter_out("a test claim")

    tasks = await published(tmp_path, [ROW], filtering)
    assert [(task.owner, task.blob_path) for task in tasks] == [("me", "mine/9.jpg")]


async def test_when_a_plugin_alone_is_asked_again_no_file_is_asked_for_again(tmp_path):
    headers = (("claimx-plugin", b"test"),)
    assert await published(tmp_path, [ROW], headers=headers) == []


@pytest.mark.incident("LAT-16")
@pytest.mark.incident("MED-07")
def test_no_two_files_share_a_path_and_none_leads_out():
    names = ["photo.jpg", "../../photo.jpg", "", "..", "a/b/photo.jpg", "photo.jpg\x00"]
    template = "{project_id}/media/{media_id}/{file_name}"
    paths = [
        target_path(template, project, media, name)
        for project in ("7001", "../7001")
        for media in ("1", "../1", "1/2")
        for name in names
    ]
    files = {path.rsplit("/", 1)[0] for path in paths}
    assert len(files) == 2 * 3
    for path in paths:
        assert not {"", ".", ".."} & set(path.split("/"))


def test_the_golden_path():
    """To change it is to move files: it needs a note on how."""
    template = "{project_id}/media/{media_id}/{file_name}"
    assert target_path(template, "7001", "500001", "IMG 0001.jpg") == (
        "7001/media/500001/IMG_0001.jpg"
    )
