"""``Plugin``: what it is told and when it is loaded."""

import pytest

from claimx_pipeline import Plugin, Topic, WorkerSpec


def worker(name: str, *calls: str) -> WorkerSpec:
    return WorkerSpec(
        name=name, summary="", group=name, reads=(Topic("t"),), calls=calls, build=lambda _: None
    )


class Counted(Plugin):
    name = "counted"

    def __init__(self) -> None:
        super().__init__()
        self.seen: list[str] = []

    async def on_load(self) -> None:
        self.seen.append("load")

    async def on_unload(self) -> None:
        self.seen.append("unload")


class WithFiles(Counted):
    name = "with_files"

    async def claimx_download_complete(self, context):
        return None


ENRICHMENT = worker("enrichment", "claimx_enrichment_complete")
DOWNLOAD = worker("download", "claimx_download_complete")
INGEST = worker("ingest")


async def run(plugin: Plugin, *workers: WorkerSpec) -> list[str]:
    for each in workers:
        await plugin.claimx_worker_starting(worker=each, settings=None)
    for each in workers:
        await plugin.claimx_worker_stopping(worker=each)
    return plugin.seen


async def test_a_plugin_is_loaded_by_the_workers_that_call_it_and_by_no_other():
    assert await run(Counted(), INGEST, DOWNLOAD) == []
    assert await run(Counted(), INGEST, ENRICHMENT) == ["load", "unload"]
    assert await run(WithFiles(), DOWNLOAD) == ["load", "unload"]


async def test_it_is_loaded_once_however_many_workers_of_the_process_call_it():
    assert await run(WithFiles(), ENRICHMENT, DOWNLOAD) == ["load", "unload"]


def test_stages_has_no_effect_and_says_so():
    class Old(Counted):
        stages = frozenset({"download_complete"})

    with pytest.warns(DeprecationWarning, match="Old.stages has no effect; remove it"):
        plugin = Old()
    assert plugin.should_run(type("Context", (), {"event_type": "X"}))
