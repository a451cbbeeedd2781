"""What plugins are told of files, and how they ask for some."""

import types
from datetime import UTC, datetime

import pluggy
import pytest
from prometheus_client import CollectorRegistry

from claimx_pipeline import (
    EnrichmentContext,
    EntityRows,
    Event,
    FileContext,
    PluginResult,
    SystemClock,
    hookimpl,
    hookspecs,
)
from claimx_pipeline.media import CachedFile, DownloadTask
from claimx_pipeline.plugins.host.dispatch import Dispatcher
from claimx_pipeline.plugins.host.info import PluginInfo
from claimx_pipeline.plugins.host.loading import PluginSet
from claimx_pipeline.plugins.host.results import PublishRules
from claimx_pipeline.stages import Item
from claimx_pipeline.telemetry.plugin_metrics import PluginMetrics
from tests.rigs.file_records import decode_download_task

AT = datetime(2026, 1, 12, 9, tzinfo=UTC)
FILE = CachedFile(
    media_id="1",
    project_id="7001",
    event_id="e",
    download_url="https://files.example.com/x",
    blob_path="a/b",
    cache_path="c",
    bytes_downloaded=1,
    checksum="abc",
    content_type="image/jpeg",
    downloaded_at=AT,
)
ASKED = {
    "owner": "scanner",
    "media_id": "500001",
    "download_url": "https://files.example.com/x?sig=1",
    "blob_path": "scans/500001.jpg",
    "owner_ref": "assignment 7",
}


def dispatcher(**plugins) -> Dispatcher:
    """Make a dispatcher of plugins given as mappings of hook to implementation."""
    manager = pluggy.PluginManager(hookspecs.PROJECT)
    manager.add_hookspecs(hookspecs)
    loaded = PluginSet(manager)
    for name, hooks in plugins.items():
        made = types.SimpleNamespace()
        for hook, function in hooks.items():
            function.__name__ = hook
            setattr(made, hook, hookimpl(function))
        manager.register(made, name=name)
        loaded.infos[name] = PluginInfo(name, "here", "loaded", 100)
    manager.check_pending()
    rules = PublishRules(core_topics=frozenset({"claimx.downloads.results"}))
    return Dispatcher.of(
        loaded, rules=rules, clock=SystemClock(), metrics=PluginMetrics(CollectorRegistry())
    )


@pytest.fixture
def context() -> EnrichmentContext:
    return EnrichmentContext(Event("e1", "PROJECT_FILE_ADDED", "7001", AT), EntityRows())


async def test_each_stage_of_a_file_has_listeners_of_its_own():
    told = []

    async def fetched(context):
        told.append((context.stage, context.file.checksum))
        return PluginResult.publish("scans.pending", {"sha256": context.file.checksum})

    def stored(context):
        told.append((context.stage, context.project_id))

    calls = dispatcher(
        a={"claimx_download_complete": fetched}, b={"claimx_upload_complete": stored}
    )
    done = await calls.file_complete(FileContext(FILE, "download_complete"))
    assert [record.topic for record in done.publish] == ["scans.pending"]
    assert (await calls.file_complete(FileContext(FILE, "upload_complete"))).publish == []
    assert told == [("download_complete", "abc"), ("upload_complete", "7001")]


async def test_what_is_published_of_a_file_has_an_id_of_its_own_and_keeps_it():
    def tell(context):
        return PluginResult.publish("told", {})

    calls = dispatcher(a={"claimx_download_complete": tell, "claimx_upload_complete": tell})

    async def identity(stage, media_id="1"):
        from attrs import evolve

        file = evolve(FILE, media_id=media_id)
        done = await calls.file_complete(FileContext(file, stage))
        return dict(done.publish[0].headers)["claimx-id"]

    first = await identity("download_complete")
    assert first == await identity("download_complete")
    assert (
        len({first, await identity("upload_complete"), await identity("download_complete", "2")})
        == 3
    )


async def test_a_plugin_that_fails_on_a_file_is_noted_and_the_others_are_asked():
    def broken(context):
        raise ZeroDivisionError

    def fine(context):
        return PluginResult.publish("told", {})

    calls = dispatcher(a={"claimx_upload_complete": broken}, b={"claimx_upload_complete": fine})
    done = await calls.file_complete(FileContext(FILE, "upload_complete"))
    assert [name for name, _ in done.failed] == ["a"]
    assert len(done.publish) == 1
    only = await calls.file_complete(FileContext(FILE, "upload_complete"), "a")
    assert only.publish == []


async def test_a_plugin_asks_for_a_file_under_its_own_name(context):
    def ask(context):
        context.request_download(**ASKED)

    done = await dispatcher(a={"claimx_enrichment_complete": ask}).enrichment_complete(context)
    [record] = done.publish
    assert (record.topic, record.key) == ("claimx.downloads.pending", b"scanner:500001")
    task = decode_download_task(record.value)
    assert dict(record.headers)["claimx-id"] == task.identity.encode()
    assert (task.owner_ref, task.event_id, task.project_id) == ("assignment 7", "e1", "7001")


async def test_what_a_failing_plugin_asked_for_is_not_done(context):
    def ask(context):
        context.request_download(**ASKED)
        raise ZeroDivisionError

    done = await dispatcher(a={"claimx_enrichment_complete": ask}).enrichment_complete(context)
    assert done.publish == []
    assert [name for name, _ in done.failed] == ["a"]


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"owner": "claimx"}, "the pipeline itself"),
        ({"owner": ""}, "owner of a file"),
        ({"owner": "x" * 101}, "at most 100"),
        ({"media_id": ""}, "media_id of a file"),
        ({"download_url": ""}, "download_url of a file"),
        ({"blob_path": "../../evil"}, "is not a valid path of a file"),
        ({"blob_path": "/evil"}, "is not a valid path of a file"),
    ],
)
@pytest.mark.incident("LAT-16")
def test_what_cannot_be_asked_for_is_refused(context, changes, told):
    with pytest.raises(ValueError, match=told):
        context.request_download(**{**ASKED, **changes})
    assert context.downloads == []


def test_a_stage_asks_for_a_file_as_well():
    item = Item(record=None, message={}, data={})
    task = DownloadTask(**ASKED, project_id="7001", event_id="e", created_at=AT)
    item.request_download(task)
    assert [record.topic for record in item.publish] == ["claimx.downloads.pending"]
    with pytest.raises(ValueError, match="the pipeline itself"):
        item.request_download(
            DownloadTask(
                **{**ASKED, "owner": "claimx"}, project_id="7", event_id="e", created_at=AT
            )
        )
