"""What the check accepts starts, and what it does not is refused by every way to start."""

from __future__ import annotations

import json
from textwrap import dedent

import pytest

from claimx_pipeline import Pipeline, SettingsError
from claimx_pipeline.assembly import Sources
from claimx_pipeline.operations import (
    ask_services,
    check_settings,
    create_all,
    differing_topics,
    publish,
    read_topic,
    run_until_idle,
    start,
)
from claimx_pipeline.operations.run import running
from claimx_pipeline.topics import Topic, TopicUse, Topology
from tests.rigs.broken_installations import BROKEN, GIVEN, HOOK, IDLE, WORKER, Installation, hook
from tests.rigs.command import Running, stop_all
from tests.rigs.command import run as command
from tests.rigs.plugin_folder import write_plugin

READER = """
from claimx_pipeline.stages import StageSpec, ValidationConfig
return [WorkerSpec(name='reads-rows', summary='Reads a topic of the pipeline.', group='reads-rows',
                   reads=(Topic('claimx.entities.rows'), Topic.named('mine.more')),
                   writes=(Topic('mine.out', 2, terminal=True),),
                   dead_letters=Topic('mine.dead', 1, terminal=True),
                   build=Chain.of(StageSpec('transform', TransformConfig(mappings={'a': 'b'}))))]
"""

GOOD = Installation(
    said=(),
    plugins={
        "tables": hook(
            "claimx_register_tables",
            """
            from claimx_pipeline.tables import LONG, STRING, Column, TableSpec
            return [TableSpec(name="notes", summary="", mode="merge", key=("id",),
                              columns=(Column("id", LONG, nullable=False), Column("n", STRING)))]
            """,
        ),
        "queries": hook(
            "claimx_register_queries",
            """
            from claimx_pipeline.tables import NamedQuery
            yield NamedQuery("notes", "All notes.", "SELECT * FROM notes")
            """,
        ),
        "stages": hook(
            "claimx_register_stages",
            """
            from claimx_pipeline.stages import RecordStage
            class Passes(RecordStage):
                def __init__(self, config): pass
                async def process_one(self, item): pass
            return {"passes": Passes}
            """,
        ),
        "reader": hook("claimx_register_workers", WORKER + READER),
        "publisher": IDLE
        + "def topics(self): return (Topic.named('mine.out'), Topic('mine.more'))",
        "checks": hook("claimx_check_settings", "return ()", ", settings, domains"),
        "commands": HOOK
        + dedent("""
            def claimx_register_commands(self):
                from claimx_pipeline.hooks import Command
                return [Command("weather", "Say the weather.", "weather_command:app")]
        """),
    },
    settings={
        "workers": {
            "copies": {
                "input_topic": "mine.more",
                "enrichment_handlers": [{"type": "transform", "config": {"mappings": {"a": "b"}}}],
            }
        }
    },
    files={
        "plugins/commands/weather_command.py": """
            import typer
            app = typer.Typer()
            @app.command()
            def weather(): print("it rains")
        """
    },
)


@pytest.fixture
def good(tmp_path) -> Sources:
    return Sources(None, GOOD.write(tmp_path), {}, tmp_path)


async def test_what_the_check_accepts_starts(good, tmp_path):
    checked = check_settings(good, every=True)
    assert not (*checked.problems, *checked.warnings, *checked.waiting)
    assert {each.name for each in tmp_path.iterdir()} == {*("claimx.yaml", "plugins")}
    overrides = {
        "broker.url": f"sqlite:///{tmp_path}/broker.db",
        "tables.root": str(tmp_path / "tables"),
        "storage.files.root": str(tmp_path / "files"),
        "storage.cache.root": str(tmp_path / "cache"),
    }
    pipeline = start(Sources(None, good.environ, overrides, tmp_path), every=True)
    await create_all(pipeline)
    await publish(pipeline, "mine.more", [{"b": 1}])
    done = await run_until_idle(pipeline, *pipeline.workers)
    assert {each.worker for each in done if each.records} == {"copies", "reads-rows"}
    assert await read_topic(pipeline, "copies.errors") == []


def test_a_topic_of_the_pipeline_is_named_without_being_declared_again(good):
    topology = check_settings(good, every=True).pipeline.topology
    rows = Pipeline.load(environ=good.environ).topology.topics["claimx.entities.rows"]
    assert topology.topics["claimx.entities.rows"] == rows
    assert rows.retention_hours is not None, "the pipeline's own, not the defaults"
    assert topology.topics["mine.out"].partitions == 2


@pytest.mark.parametrize("name", ["workers of plugins", "names and locations", "domains"])
async def test_the_library_refuses_as_the_check_does(tmp_path, name):
    environ = BROKEN[name].write(tmp_path)
    sources = Sources(None, environ, {}, tmp_path)
    problems = [str(each) for each in check_settings(sources, ["ingest"]).problems]
    pipeline = Pipeline.load(environ=environ, cwd=tmp_path)
    with pytest.raises(SettingsError) as raised:
        async with running(pipeline, "ingest"):
            pytest.fail("it started")
    assert [str(each) for each in raised.value.problems] == problems
    assert len(problems) > 2


CASES = ["plugins that cannot be loaded", "what plugins register"]


@pytest.mark.incident("STR-46")
@pytest.mark.incident("STR-66")
@pytest.mark.parametrize("name", CASES)
def test_help_list_and_check_work_with_broken_plugins(tmp_path, name):
    env = BROKEN[name].write(tmp_path)
    asked = command("--help", cwd=tmp_path, env=env)
    assert asked.returncode == 0
    assert "Check and show the settings." in asked.stdout
    listed = command("plugins", "list", cwd=tmp_path, env=env)
    assert listed.returncode == 0
    checked = command("config", "check", cwd=tmp_path, env=env)
    assert checked.returncode == 2
    said = [line.removeprefix("problem: ") for line in checked.stdout.splitlines()]
    started = command("up", cwd=tmp_path, env=env)
    assert started.returncode == 2
    problems = [each for each in said if not each.startswith("warning: ")]
    assert [each for each in problems if each not in started.stderr] == []
    for ended in (asked, listed, checked, started):
        assert "Traceback" not in ended.stderr
    if name == CASES[0]:
        rows = {line.split("\t")[0]: line for line in listed.stdout.splitlines()}
        assert "'config.yml' is not read, rename it to config.yaml" in rows["yml"]
        assert "failed" in rows["empty"]
    if name == CASES[1]:
        assert "plugin 'commands1' adds the command 'query', which the pipeline has" in asked.stderr


def test_a_missing_folder_of_plugins_is_reported_and_does_not_stop_a_start(tmp_path):
    (tmp_path / "claimx.yaml").write_text("plugins: {dir: nosuchdir}\n")
    told = f"claimx.yaml:1: plugins.dir: folder '{tmp_path}/nosuchdir' does not exist"
    checked = check_settings(Sources(None, GIVEN, {}, tmp_path), every=True)
    assert not checked.problems
    (warning,) = checked.warnings
    assert told in str(warning)
    assert told in command("plugins", "list", cwd=tmp_path, env=GIVEN).stderr
    # What starts says it as well; this one ends, as there are no topics yet.
    assert told in command("worker", "ingest", cwd=tmp_path, env=GIVEN).stderr


def test_an_empty_folder_of_plugins_is_reported_and_does_not_stop_a_start(tmp_path):
    for name in ("empty", "_notes", ".git", "shared"):
        (tmp_path / "plugins" / name).mkdir(parents=True)
    (tmp_path / "claimx.yaml").write_text("plugins: {dir: plugins}\n")
    checked = check_settings(Sources(None, GIVEN, {}, tmp_path), every=True)
    assert not checked.problems
    (warning,) = checked.warnings
    assert warning.where == "plugins.empty"
    assert "the folder has no config.yaml, so there is no plugin in it" in warning.what


@pytest.mark.incident("STR-47")
def test_the_command_of_a_directory_plugin_works(good, tmp_path):
    env = good.environ
    said = command("weather", cwd=tmp_path, env=env)
    assert (said.returncode, said.stdout) == (0, "it rains\n")
    assert "Say the weather." in command("--help", cwd=tmp_path, env=env).stdout


@pytest.mark.incident("STR-66")
async def test_partitions_that_differ_are_reported_by_check_and_start(tmp_path):
    write_plugin(tmp_path, "mine", IDLE)
    settings = tmp_path / "claimx.yaml"
    broker = f"broker:\n  url: sqlite:///{tmp_path}/broker.db\n"
    settings.write_text(broker)
    made = command("topics", "create", cwd=tmp_path, env=GIVEN)
    assert made.returncode == 0
    settings.write_text(f"{broker}  topics:\n    claimx.events.raw: {{partitions: 12}}\n")
    told = (
        'claimx.yaml:4: broker.topics."claimx.events.raw".partitions: topic '
        "'claimx.events.raw' has 6 partitions, the settings say 12; it stays as it is"
    )
    pipeline = Pipeline.load(environ=GIVEN, cwd=tmp_path)
    assert [str(each) for each in await differing_topics(pipeline)] == [told]
    asked = command("config", "check", "ingest", "--connect", cwd=tmp_path, env=GIVEN)
    assert f"warning: {told}" in asked.stdout
    started = Running.start("worker", "ingest", cwd=tmp_path, env=GIVEN)
    try:
        started.wait_for(json.dumps(f"warning: {told}"))
    finally:
        stop_all([started])


async def test_connecting_asks_broker_tables_and_services(tmp_path):
    settings = f"""
        broker: {{url: 'kafka://127.0.0.1:1', deadline_seconds: 1}}
        tables: {{root: {tmp_path}/tables}}
        connections:
          crm: {{base_url: 'http://127.0.0.1:1'}}
          spare: {{base_url: 'http://127.0.0.1:1'}}
        workers:
          asks:
            input_topic: a.in
            enrichment_handlers: [{{type: lookup, config: {{connection: crm, endpoint: /x}}}}]
    """
    (tmp_path / "claimx.yaml").write_text(dedent(settings))
    log = tmp_path / "tables" / "claimx_events" / "_delta_log"
    log.mkdir(parents=True)
    (log / "00000000000000000000.json").write_text("{}")
    pipeline = Pipeline.load(environ=GIVEN, cwd=tmp_path)
    asked = await ask_services(pipeline, ["asks", "events"])
    problems = {each.where: each.what for each in asked.problems}
    assert "claimx.yaml:2: broker.url" in problems
    assert "'claimx_events'" in problems["claimx.yaml:3: tables.root"]
    assert "127.0.0.1" in problems["claimx.yaml:5: connections.crm"]
    assert not any("spare" in where for where in problems), "no worker uses it"


def test_two_declarations_of_a_topic_name_both_who_made_them():
    uses = [
        TopicUse("one", (Topic("t", 2),), (), owner="first"),
        TopicUse("two", (Topic("t", 3),), (), owner="second"),
    ]
    said = r"by worker 'one' of plugin 'first' and by worker 'two' of plugin 'second' \("
    with pytest.raises(Exception, match=said):
        Topology.of(uses, None)
    plain = [uses[0], TopicUse("two", (Topic("t"),), (), owner="second")]
    with pytest.raises(Exception, match=r"name it in one by Topic\.named"):
        Topology.of(plain, None)
    named = [uses[0], TopicUse("two", (Topic.named("t"),), (), owner="second")]
    assert Topology.of(named, None).topics["t"].partitions == 2
    assert Topology.of(reversed(named), None).topics["t"].partitions == 2


def test_plugins_are_looked_at_even_if_the_settings_are_refused(tmp_path):
    environ = BROKEN["one wrong setting"].write(tmp_path)
    found = check_settings(Sources(None, environ, {}, tmp_path)).problems
    assert {each.where for each in found} == {
        "claimx.yaml:1: tables.rot",
        "plugins.mine",
        "plugins.yours",
    }, "who looks at the settings is not asked"
