"""``on_load`` and ``on_unload``: with what, when, and that one follows the other."""

import pytest

from claimx_pipeline import Plugin, hookimpl
from claimx_pipeline.errors import HookFailedError
from claimx_pipeline.hooks import PluginResult
from claimx_pipeline.runtime.process import WorkerProcess
from claimx_pipeline.telemetry.health import Health
from claimx_pipeline.telemetry.metrics import Metrics

CALLED: list[str] = []


class New(Plugin):
    """Takes what workers use."""

    name = "new"

    async def on_load(self, resources):
        CALLED.append(
            f"load with {resources.settings.broker.prefix!r} {resources.connections!r:.12}"
        )

    async def on_unload(self):
        CALLED.append("unload")

    def execute(self, context):
        return None


class Old(Plugin):
    """Written before there were resources, and not async."""

    name = "old"

    def on_load(self):
        CALLED.append("old load")

    def on_unload(self):
        CALLED.append("old unload")

    def execute(self, context):
        return None


class OnDeadLetters(Plugin):
    """Is called by every worker with dead letters."""

    name = "on_dead_letters"

    async def on_load(self, resources):
        CALLED.append("load")

    async def on_unload(self):
        CALLED.append("unload")

    @hookimpl
    def claimx_dead_letter(self, context):
        return PluginResult.ok()


class Broken(Plugin):
    """Cannot be loaded."""

    name = "broken"
    priority = 200

    async def on_load(self, resources):
        CALLED.append("broken load")
        raise ValueError("no licence")

    async def on_unload(self):
        CALLED.append("broken unload")

    def execute(self, context):
        return None


@pytest.fixture(autouse=True)
def _fresh():
    CALLED.clear()


async def started(sandbox, *workers):
    """Run workers as a process does until they are ready, and end them."""
    pipeline = sandbox.pipeline
    metrics = Metrics()
    resources = pipeline.resources(pipeline.broker(), Health(pipeline.clock), metrics)
    process = WorkerProcess(pipeline.select(workers), resources, metrics)
    process.stop.set()
    await process.run()


async def test_a_plugin_is_loaded_with_what_workers_use_and_unloaded_after(claimx_sandbox):
    claimx_sandbox.install(New)
    await started(claimx_sandbox, "enrichment")
    assert CALLED == ["load with '' Connections(", "unload"]


async def test_an_old_plugin_is_loaded_as_before(claimx_sandbox):
    claimx_sandbox.install(Old)
    await started(claimx_sandbox, "ingest", "enrichment")
    assert CALLED == ["old load", "old unload"]


async def test_a_plugin_is_loaded_where_it_is_called(claimx_sandbox):
    claimx_sandbox.install(OnDeadLetters)
    await started(claimx_sandbox, "ingest", "events")
    assert CALLED == ["load", "unload"], "once, with the first and the last that calls it"


async def test_if_one_cannot_be_loaded_all_that_began_are_unloaded(claimx_sandbox):
    claimx_sandbox.install(New)
    claimx_sandbox.install(Broken)
    with pytest.raises(HookFailedError, match="no licence"):
        await started(claimx_sandbox, "enrichment")
    assert [each.partition(" with")[0] for each in CALLED] == [
        "load",
        "broken load",
        "unload",
        "broken unload",
    ]


def test_the_kit_runs_it_too(claimx_sandbox):
    claimx_sandbox.install(New)
    claimx_sandbox.run("enrichment")
    assert len(CALLED) == 2
