import asyncio
import json
import subprocess
import sys
from pathlib import Path

import pytest
from attrs import field, frozen
from typer.testing import CliRunner

from claimx_pipeline import Pipeline
from claimx_pipeline.assembly import Sources
from claimx_pipeline.cli.config import app
from claimx_pipeline.operations import publish
from claimx_pipeline.settings.loader import LoadedSettings
from claimx_pipeline.settings.tree.settings import SettingsSection
from tests.rigs.command import run as command
from tests.rigs.plugin_folder import write_plugin
from tests.rigs.settings_text import load_text

GIVEN = {
    "CLAIMX_API_URL": "https://claimx.invalid",
    "CLAIMX_API_TOKEN": "t",
    "ITEL_CABINET_API_BASE_URL": "https://itel.invalid",
    "ITEL_CABINET_API_TOKEN": "t",
}
"""What every worker needs; without these there are warnings."""


@frozen(kw_only=True)
class Extra:
    task: int = 5


@frozen
class LoadedPipeline:
    loaded: LoadedSettings


@frozen
class FileCommandLine:
    """The command line of a folder, without plugins: the settings are read for real."""

    folder: object
    text: str
    environ: dict = field(factory=dict)

    def pipeline(self):
        section = SettingsSection(name="extra", kind=Extra)
        return LoadedPipeline(load_text(self.folder, self.text, self.environ, sections=[section]))


def run(command_line, *arguments):
    return CliRunner().invoke(app, list(arguments), obj=command_line)


@frozen
class Folder:
    """The command line of a folder, with every plugin that is installed."""

    folder: Path
    text: str
    environ: dict = field(factory=dict)

    def sources(self):
        (self.folder / "claimx.yaml").write_text(self.text)
        return Sources(None, {**GIVEN, **self.environ}, {}, self.folder)


def test_check_is_content_with_good_settings(tmp_path):
    result = run(Folder(tmp_path, ""), "check")
    assert (result.exit_code, result.stdout) == (0, "")
    assert result.stderr == "the settings can be used\n"
    assert [each.name for each in tmp_path.iterdir()] == ["claimx.yaml"], "a check makes no file"


def test_check_warns_of_variables_without_value_and_exits_0(tmp_path):
    command_line = Folder(tmp_path, "tables:\n  root: ${LAKE}", {"CLAIMX_API_TOKN": "x"})
    result = run(command_line, "check")
    assert result.exit_code == 0
    assert "warning: claimx.yaml:2: tables.root: LAKE is not set" in result.stdout
    assert "warning: environment CLAIMX_API_TOKN: no setting reads this variable" in result.stdout
    assert result.stderr.startswith(
        "the settings are valid, 2 warnings; workers that lack something"
    )
    assert "cannot start: events, entities, results" in result.stderr


@pytest.mark.parametrize("words", [["events"], ["ingest", "claimx"], ["--all"]])
def test_what_is_missing_is_a_problem_for_workers_that_are_named(tmp_path, words):
    result = run(Folder(tmp_path, "tables:\n  root: ${LAKE}"), "check", *words)
    assert result.exit_code == 2
    assert "problem: claimx.yaml:2: tables.root: LAKE is not set" in result.stdout
    assert "warning" not in result.stdout, "the same is not reported twice"
    assert run(Folder(tmp_path, "tables:\n  root: ${LAKE}"), "check", "ingest").exit_code == 0


def test_a_worker_that_is_named_hears_nothing_of_what_is_missing_for_others(tmp_path):
    checked = run(Folder(tmp_path, ""), "check", "ingest", "--json")
    assert json.loads(checked.stdout) == {"problems": [], "warnings": []}


def test_check_names_every_problem_and_exits_2(tmp_path):
    result = run(Folder(tmp_path, "tables:\n  rot: x\nbroker: 5"), "check")
    assert result.exit_code == 2
    assert result.stdout.splitlines() == [
        "problem: claimx.yaml:2: tables.rot: unknown key 'rot'; did you mean 'root'?",
        "problem: claimx.yaml:3: broker: expected a mapping of settings, got the number 5",
    ]
    assert result.stderr == "the settings cannot be used: 2 problems\n"


def test_check_asks_the_plugins(tmp_path):
    body = """
from claimx_pipeline import hookimpl
@hookimpl
def claimx_check_settings(self, settings):
    from claimx_pipeline import Problem
    yield Problem("extra.task", "is not a task of ours")
"""
    write_plugin(tmp_path, "mine", body)
    result = run(Folder(tmp_path, "plugins: {dir: plugins}"), "check", "--json")
    assert result.exit_code == 2
    assert json.loads(result.stdout) == {
        "problems": [{"where": "extra.task", "what": "is not a task of ours"}],
        "warnings": [],
    }


@pytest.mark.incident("CFG-04")
def test_show_prints_every_value_masked_with_its_origin(tmp_path):
    command_line = FileCommandLine(
        tmp_path, "broker:\n  prefix: dev.", {"CLAIMX_API_TOKEN": "hunter2"}
    )
    result = run(command_line, "show", "--sources")
    lines = dict(line.split("\t", 1) for line in result.stdout.splitlines())
    assert lines["broker.prefix"] == "dev.\tclaimx.yaml:2"
    assert lines["claimx.api.token"] == "********\tenvironment CLAIMX_API_TOKEN"
    assert lines["extra.task"] == "5\tdefault"
    assert "hunter2" not in result.output


def test_show_speaks_json(tmp_path):
    command_line = FileCommandLine(
        tmp_path, "tables: {root: '${LAKE}'}\nplugins: {p: {config: {a: [1]}}}"
    )
    shown = json.loads(run(command_line, "show", "--json").stdout)
    assert (shown["tables.root"], shown["plugins.p.config.a"]) == ("<unresolved: LAKE>", [1])
    sourced = json.loads(run(command_line, "show", "--json", "--sources").stdout)
    assert sourced["tables.root"] == {"value": "<unresolved: LAKE>", "origin": "claimx.yaml:1"}


def test_schema_knows_the_sections_of_plugins(tmp_path):
    schema = json.loads(run(FileCommandLine(tmp_path, ""), "schema").stdout)
    assert "extra" in schema["properties"]


@pytest.mark.parametrize("module", ["config", "init"])
def test_the_commands_are_listed_without_slow_imports(module):
    script = (
        f"import sys, claimx_pipeline.cli.{module}\n"
        "print(sorted({'cattrs', 'yaml', 'msgspec', 'deltalake'} & set(sys.modules)))"
    )
    ran = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True, check=True)
    assert "cattrs" not in ran.stdout
    assert "yaml" not in ran.stdout


@pytest.mark.incident("STR-60")
def test_check_tells_what_waits_where_no_delay_is_any_more(tmp_path):
    """In the embedded broker, which is a file; Kafka is asked with --broker only."""
    settings = tmp_path / "claimx.yaml"
    settings.write_text("retry: {delays_seconds: [300, 600]}\n")
    assert command("config", "check", cwd=tmp_path, env=GIVEN).stdout == ""
    assert not (tmp_path / "claimx-data").exists(), "a check makes no file"
    assert command("topics", "create", cwd=tmp_path, env=GIVEN).returncode == 0
    pipeline = Pipeline.load(environ={}, cwd=tmp_path)
    asyncio.run(publish(pipeline, "claimx.enrichment.retry.5m", [b"1", b"2"]))
    assert command("config", "check", cwd=tmp_path, env=GIVEN).stdout == ""

    settings.write_text("retry: {delays_seconds: [7, 9]}\n")
    checked = command("config", "check", cwd=tmp_path, env=GIVEN)
    assert checked.returncode == 0
    told = (
        "warning: retry: no delay has retry topic 'claimx.enrichment.retry.5m' any more, in which"
    )
    assert checked.stdout.startswith(f"{told} 2 records wait")
    (warning,) = json.loads(command("config", "check", "--json", cwd=tmp_path, env=GIVEN).stdout)[
        "warnings"
    ]
    assert warning["where"] == "retry"
    assert "brought back" in command("topics", "list", cwd=tmp_path, env=GIVEN).stdout
    assert "retired" in command("offsets", "show", "retry", cwd=tmp_path, env=GIVEN).stdout


def test_check_asks_kafka_only_if_it_is_asked_to(tmp_path):
    (tmp_path / "claimx.yaml").write_text("broker: {url: 'kafka://127.0.0.1:1'}\n")
    assert command("config", "check", cwd=tmp_path, env=GIVEN).stdout == ""
    asked = command("config", "check", "--broker", cwd=tmp_path, env=GIVEN)
    assert asked.returncode == 0
    assert asked.stdout.startswith(
        "warning: broker: what waits there is not known: Kafka at 127.0.0.1:1"
    )
