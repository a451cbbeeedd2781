"""Plugins as their authors write them: classes with any hook, without execute, that exit."""

from __future__ import annotations

import asyncio
import subprocess
import sys
from importlib import metadata
from pathlib import Path
from textwrap import dedent

import pytest
from prometheus_client import CollectorRegistry

from claimx_pipeline import FileContext, SystemClock, hookspecs
from claimx_pipeline import builtin as core
from claimx_pipeline.errors import HookFailedError, PluginLoadError
from claimx_pipeline.plugins.host.dispatch import Dispatcher
from claimx_pipeline.plugins.host.loading import PluginSet, load_plugins
from claimx_pipeline.plugins.host.results import PublishRules
from claimx_pipeline.settings.tree.plugins import PluginSettings, PluginsSettings
from claimx_pipeline.telemetry.plugin_metrics import PluginMetrics
from claimx_pipeline.testing import make_event
from tests.claimx_pipeline.plugins.host.test_files import FILE
from tests.rigs.plugin_folder import write_plugin

HOOKS = ("claimx_download_complete", "claimx_upload_complete")
HOOK = """
    from claimx_pipeline import hookimpl
    @hookimpl
    {form} {hook}(self, context):
        {body}
"""


def loaded(folder: Path, *names: str, required: bool = True) -> PluginSet:
    named = {name: PluginSettings(required=required) for name in names}
    # Those that happen to be installed are not what is tested.
    off = {
        point.name: PluginSettings(enabled=False)
        for point in metadata.entry_points(group=hookspecs.PROJECT)
    }
    return load_plugins(PluginsSettings(named={**off, **named}), core=core, directory=folder)


def dispatcher(plugins: PluginSet) -> Dispatcher:
    rules = PublishRules(core_topics=frozenset())
    metrics = PluginMetrics(CollectorRegistry())
    return Dispatcher.of(plugins, rules=rules, clock=SystemClock(), metrics=metrics)


def context():
    from claimx_pipeline import EnrichmentContext, EntityRows

    return EnrichmentContext(make_event(), EntityRows())


@pytest.mark.incident("STR-40")
@pytest.mark.parametrize("hook", HOOKS)
@pytest.mark.parametrize("form", ["def", "async def"])
async def test_a_plugin_class_hears_of_files(tmp_path, hook, form):
    body = HOOK.format(hook=hook, form=form, body='return PluginResult.publish("told", {})')
    calls = dispatcher(loaded(write_plugin(tmp_path, "mine", dedent(body)), "mine"))
    stage = hook.removeprefix("claimx_")
    done = await calls.file_complete(FileContext(FILE, stage))
    assert [record.topic for record in done.publish] == ["told"]
    assert (await calls.enrichment_complete(context())).failed == []
    calls.close()


@pytest.mark.incident("STR-40")
async def test_one_plugin_class_may_implement_every_hook(tmp_path):
    body = dedent("""
        def execute(self, context):
            return PluginResult.publish("told", {})
    """) + "".join(
        dedent(HOOK.format(hook=hook, form="def", body='return PluginResult.publish("told", {})'))
        for hook in HOOKS
    )
    plugins = loaded(write_plugin(tmp_path, "mine", body), "mine")
    assert {*HOOKS, "claimx_enrichment_complete"} <= set(plugins.infos["mine"].hooks)
    calls = dispatcher(plugins)
    for stage in ("download_complete", "upload_complete"):
        assert len((await calls.file_complete(FileContext(FILE, stage))).publish) == 1
    assert len((await calls.enrichment_complete(context())).publish) == 1
    calls.close()


@pytest.mark.incident("STR-42")
async def test_a_plugin_without_execute_is_not_called_for_events(tmp_path):
    body = HOOK.format(hook="claimx_upload_complete", form="def", body="return None")
    plugins = loaded(write_plugin(tmp_path, "mine", dedent(body)), "mine")
    assert "claimx_enrichment_complete" not in plugins.infos["mine"].hooks
    calls = dispatcher(plugins)
    listening = calls.listeners["claimx_enrichment_complete"]
    assert "mine" not in [each.plugin for each in listening]
    assert (await calls.enrichment_complete(context())).failed == []
    calls.close()


@pytest.mark.incident("STR-42")
@pytest.mark.parametrize(
    ("body", "told"),
    [
        ("pass", "has no method 'execute' and implements no other hook"),
        ("event_types = frozenset({'A'})", "has no method 'execute'"),
        ("def excute(self, context): return None", "has no method 'execute'"),
        ("execute = None", "execute must be a method, not NoneType"),
        (
            "async def should_run(self, context): return True\ndef execute(self, context): ...",
            "should_run must not be async",
        ),
    ],
)
def test_a_plugin_that_could_only_fail_is_refused_when_it_is_loaded(tmp_path, body, told):
    folder = write_plugin(tmp_path, "mine", body)
    with pytest.raises(PluginLoadError, match=told):
        loaded(folder, "mine")


@pytest.mark.incident("STR-42")
@pytest.mark.parametrize(
    "body",
    [
        "async def on_load(self): ...",
        "def topics(self): return ()",
        "def execute(self, context): return None",
        "def claimx_enrichment_complete(self, context): return None",
    ],
)
def test_a_plugin_that_does_anything_is_loaded(tmp_path, body):
    if body.startswith("def claimx"):
        body = f"from claimx_pipeline import hookimpl\n@hookimpl\n{body}"
    assert loaded(write_plugin(tmp_path, "mine", body), "mine").infos["mine"].state == "loaded"


RAISED = [
    "PanicException('panicked')",
    "SystemExit(3)",
    "KeyboardInterrupt('made up')",
    "asyncio.CancelledError('made up')",
    "GeneratorExit()",
    "BaseExceptionGroup('several', [PanicException('one')])",
]
PANIC = "class PanicException(BaseException): ...\n"


@pytest.mark.incident("STR-43")
@pytest.mark.parametrize("raised", RAISED)
@pytest.mark.parametrize("form", ["def", "async def"])
@pytest.mark.parametrize("where", ["execute", "should_run", *HOOKS])
async def test_whatever_a_plugin_raises_is_its_failure(tmp_path, raised, form, where):
    body = f"{PANIC}PanicException.__qualname__\n"
    error = raised.replace("PanicException", "It.PanicException")
    if where in HOOKS:
        body += dedent(HOOK.format(hook=where, form=form, body=f"raise {error}"))
    elif where == "should_run":
        body += f"def should_run(self, context):\n    raise {error}\n"
        body += f"{form} execute(self, context):\n    return None\n"
    else:
        body += f"{form} execute(self, context):\n    raise {error}\n"
    calls = dispatcher(loaded(write_plugin(tmp_path, "mine", body), "mine"))
    if where in HOOKS:
        done = await calls.file_complete(FileContext(FILE, where.removeprefix("claimx_")))
    else:
        done = await calls.enrichment_complete(context())
    ((name, failed),) = done.failed
    assert name == "mine"
    assert isinstance(failed, HookFailedError)
    if not (raised.startswith("asyncio") and form == "async def" and where != "should_run"):
        assert raised.split("(")[0].split(".")[-1] in str(failed)
    calls.close()


@pytest.mark.incident("STR-43")
@pytest.mark.parametrize("raised", RAISED)
async def test_whatever_it_raises_at_the_start_is_named_and_at_the_end_is_logged(
    tmp_path, raised, caplog
):
    from claimx_pipeline.claimx.domain import CLAIMX
    from claimx_pipeline.workers.enrichment import worker

    error = raised.replace("PanicException", "It.PanicException")
    body = f"{PANIC}asynchronous = True\n"
    body += f"async def on_load(self):\n    raise {error}\n"
    body += f"async def on_unload(self):\n    raise {error}\n"
    calls = dispatcher(loaded(write_plugin(tmp_path, "mine", body), "mine"))
    with pytest.raises(HookFailedError, match="plugin 'mine' failed in claimx_worker_starting"):
        await calls.worker_starting(worker=worker(CLAIMX), settings=None)
    await calls.worker_stopping(worker=worker(CLAIMX))
    assert "could not stop cleanly" in caplog.text
    calls.close()


@pytest.mark.incident("STR-43")
async def test_the_cancellation_of_a_worker_passes_through_a_plugin(tmp_path):
    body = "async def execute(self, context):\n    await asyncio.Event().wait()\n"
    calls = dispatcher(loaded(write_plugin(tmp_path, "mine", body), "mine"))
    task = asyncio.create_task(calls.enrichment_complete(context()))
    while not calls.callers["mine"]._turn.locked():
        await asyncio.sleep(0)
    await asyncio.sleep(0)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    calls.close()


AT_LOAD = ["SystemExit", "SystemExit(0)", "SystemExit('bye')", "KeyboardInterrupt", "GeneratorExit"]


@pytest.mark.incident("STR-44")
@pytest.mark.parametrize("raised", [*AT_LOAD, "BaseException('odd')"])
def test_a_module_that_exits_cannot_be_loaded_and_is_named(tmp_path, raised):
    import signal

    folder = write_plugin(tmp_path, "mine", "def execute(self, context): ...")
    file = folder / "mine" / "plugin.py"
    file.write_text(f"raise {raised}\n")
    before = signal.signal(signal.SIGINT, lambda number, frame: None)
    try:
        with pytest.raises(PluginLoadError, match=r"'mine'.*cannot be loaded") as caught:
            loaded(folder, "mine")
        assert raised.split("(")[0] in str(caught.value)
        optional = loaded(folder, "mine", required=False)
    finally:
        signal.signal(signal.SIGINT, before)
    assert optional.infos["mine"].state == "failed"
    assert raised.split("(")[0] in optional.infos["mine"].problem


@pytest.mark.incident("STR-44")
def test_no_command_ends_without_a_word_because_a_plugin_exits(tmp_path):
    folder = write_plugin(tmp_path, "mine", "def execute(self, context): ...")
    (folder / "mine" / "plugin.py").write_text("import sys\nsys.exit()\n")
    settings = tmp_path / "claimx.yaml"

    def command(*words: str) -> subprocess.CompletedProcess:
        return subprocess.run(
            [sys.executable, "-m", "claimx_pipeline", *words],
            cwd=tmp_path,
            capture_output=True,
            text=True,
            timeout=60,
        )

    settings.write_text(f"plugins: {{dir: {folder}, mine: {{required: true}}}}\n")
    for words in (["worker", "events"], ["config", "check"]):
        ended = command(*words)
        assert ended.returncode == 2, ended
        said = ended.stdout if words[0] == "config" else ended.stderr
        assert "plugin 'mine'" in said
        assert "cannot be loaded: SystemExit" in said
        assert "Traceback" not in ended.stderr
    listed = command("plugins", "list")
    assert "SystemExit" in listed.stdout
    settings.write_text(f"plugins: {{dir: {folder}}}\n")
    checked = command("config", "check")
    assert checked.returncode == 0
    assert "left out: SystemExit" in checked.stdout
