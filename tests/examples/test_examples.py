"""Every example, installed and run as its README says."""

import ast
import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import msgspec
import pytest

from claimx_pipeline.testing import Sandbox
from tests.pages.public_api import MODULES, public_names
from tests.rigs.command import CLEAN, PROGRAM
from tests.rigs.notebook import executed

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.mark.parametrize("file", sorted(EXAMPLES.rglob("*.py")), ids=lambda file: file.stem)
def test_an_example_imports_only_what_is_public(file):
    public = {*public_names(), *(f"claimx_pipeline.{module}" for module in MODULES)}
    found = {
        f"{node.module}.{alias.name}"
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("claimx_pipeline")
        for alias in node.names
    }
    assert found <= public


def done(folder, *arguments, env=None):
    """Run a command that has to succeed; return what it printed."""
    finished = subprocess.run(
        arguments, cwd=folder, env={**CLEAN, **(env or {})}, capture_output=True, text=True
    )
    assert finished.returncode == 0, finished.stdout + finished.stderr
    return finished.stdout


@pytest.fixture
def copy(tmp_path):
    """A copy of the checkout's examples: what they write must not end up in it."""
    shutil.copytree(EXAMPLES, tmp_path / "examples")
    shutil.copy(EXAMPLES.parent / "pyproject.toml", tmp_path)
    return tmp_path / "examples"


@pytest.mark.parametrize(
    ("name", "plugin"),
    [
        ("geofence-alerts", "geofence_alerts"),
        ("enriched-topics", "enriched_topics"),
        ("packed-broker", "packed_broker"),
        ("xact-domain", "xact"),
    ],
)
def test_the_distribution_installs_and_passes_its_own_tests(copy, tmp_path, name, plugin):
    site = tmp_path / "site"
    pip = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--no-build-isolation"]
    done(copy, *pip, "--target", str(site), f"./{name}")
    env = {"PYTHONPATH": str(site)}
    assert "passed" in done(copy, sys.executable, "-m", "pytest", "-q", name, env=env)
    listed = json.loads(done(copy, *PROGRAM, "plugins", "list", "--json", env=env))
    assert (plugin, "loaded") in {(each["name"], each["state"]) for each in listed}


def test_the_source_for_kusto_installs_and_passes_its_own_tests(copy, tmp_path):
    """Its client is no dependency of the tests: ``nox -s examples`` installs it."""
    pytest.importorskip("azure.kusto.data")
    site = tmp_path / "site"
    pip = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--no-build-isolation"]
    done(copy, *pip, "--target", str(site), "./eventhouse-source")
    env = {"PYTHONPATH": str(site)}
    told = done(copy, sys.executable, "-m", "pytest", "-q", "eventhouse-source", env=env)
    assert "passed" in told


def test_a_folder_is_a_plugin_with_a_worker_and_a_connection(copy, tmp_path):
    with Sandbox(tmp_path / "data") as sandbox:
        sandbox.configure((copy / "directory-plugin" / "claimx.yaml").read_text())
        sandbox.install(copy / "directory-plugin" / "plugins")
        sandbox.environ["DESK_URL"] = f"file://{tmp_path}/desk"
        events = sandbox.happen(60)
        sandbox.run("ingest", "enrichment", "big-claims")
        told = [each["enriched_data"] for each in sandbox.messages("big_claims.told")]
        created = {e.project_id for e in events if e.event_type == "PROJECT_CREATED"}
        assert told
        assert {each["project_id"] for each in told} <= created
        assert {each["desk"] for each in told} == {"large losses"}
        requests = [
            msgspec.json.decode(f.read_bytes()) for f in (tmp_path / "desk").rglob("*.json")
        ]
        assert len(requests) == len(told)
        assert sandbox.dead_letters() == []


def test_the_library_runs_without_the_command_line(copy, tmp_path):
    with Sandbox(tmp_path / "data") as sandbox:
        world = sandbox.simulator.world
        events = [msgspec.json.encode(event.value) for event in world.events(60)]
        world.set_clock(world.end(60))
        (tmp_path / "events.jsonl").write_bytes(b"\n".join(events))
        env = {
            "CLAIMX_API_URL": sandbox.simulator.api_url,
            "CLAIMX_API_TOKEN": "demo-token",
            "PATH": os.environ["PATH"],
        }
        script = str(copy / "library" / "project_report.py")
        printed = done(tmp_path, sys.executable, script, "events.jsonl", env=env)
    assert printed.startswith("60 events\n")
    assert len(printed.splitlines()) > 1


def test_the_first_look_runs_with_nothing_but_the_package(copy, tmp_path):
    env = {"PATH": os.environ["PATH"]}
    printed = done(tmp_path, sys.executable, str(copy / "library" / "first_look.py"), env=env)
    assert printed.splitlines() == [
        "2 published; line 3 is refused",
        "2 records",
        "  events: 2 done",
        "",
        "  event_id  project_id",
        "  ────────  ──────────",
        "  e-1       700100",
        "  e-2       700101",
        "2 rows",
    ]


def test_the_notebook_prints_what_it_shows(copy):
    notebook = msgspec.json.decode((copy / "library" / "notebook.ipynb").read_bytes())
    shown = [cell["outputs"] for cell in notebook["cells"] if cell["cell_type"] == "code"]
    assert executed(notebook) == shown, "run: python -m tests.rigs.notebook FILE"
