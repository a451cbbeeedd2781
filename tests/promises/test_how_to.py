"""What a page of the documentation tells to type does what the page says."""

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

from claimx_pipeline import Pipeline, operations
from claimx_pipeline.media.open_store import open_files
from claimx_pipeline.stages.from_settings import stages_of
from tests.pages.public_api import MODULES, public_names
from tests.promises.how_to import Terminal, blocks, run_python
from tests.rigs.authority import Authority
from tests.rigs.command import CLEAN
from tests.rigs.kafka_server import free_port
from tests.rigs.page_plugin import install, write_package

DOCS = Path(__file__).parents[2] / "docs"
FILES_OF_TESTS = ("alerts.py", "test_suite.py", "test_sandbox.py")


@pytest.mark.incident("RET-04")
def test_dead_letters_are_seen_put_right_and_replayed_as_the_page_tells(tmp_path):
    """Break something, see it in ``dlq list``, fix it, ``dlq replay``, see the rows."""
    port = free_port()
    typed = [each.replace("8765", str(port)) for each in blocks("how-to/replay-dead-letters.md")]
    serve, publish, break_it, see, look, put_right, rows, export = typed
    terminal = Terminal(tmp_path)
    with terminal.serving(serve, port):
        assert "published 50" in terminal.type(publish)
        terminal.type(break_it)
        listed = terminal.type(see)
        assert "enrichment" in listed
        assert "auth" in listed
        shown = terminal.type(look)
        assert "answered 401 Unauthorized" in shown
        assert "check the credential" in shown
        assert "Traceback" in shown
        replayed = terminal.type(put_right)
        assert "50" in replayed
        found = terminal.type(rows)
        assert [line.split() for line in found.splitlines() if "enriched" in line] == [
            ["enriched", "50"]
        ]
        assert "no dead letters" in found
        terminal.type(export)


@pytest.mark.parametrize(
    ("page", "last"),
    [
        ("run-with-systemd", "units/claimx-ingest-worker.service"),
        ("run-on-kubernetes", "deploy/overlays/production/secrets.env"),
        ("run-with-compose", "deploy/.env"),
    ],
)
def test_the_files_of_a_deployment_are_written_as_the_page_tells(page, last, tmp_path):
    """What needs root, a cluster or a container engine is in blocks that are not typed here."""
    terminal = Terminal(tmp_path)
    for block in blocks(f"how-to/operate/{page}.md"):
        terminal.type(block)
    assert (tmp_path / last).is_file()
    text = (DOCS / "how-to" / "operate" / f"{page}.md").read_text(encoding="utf-8")
    exported = {file.name for file in tmp_path.rglob("*") if file.is_file()}
    named = re.findall(r"(?:units/|-f )(claimx[\w.-]+|log-file\.conf|prometheus[\w.-]+)", text)
    assert set(named) <= exported, "the page names a file that is not written"


def test_the_worker_of_the_page_on_stages_loads_as_written(tmp_path):
    page = (DOCS / "how-to" / "build-a-worker-from-stages.md").read_text(encoding="utf-8")
    settings = re.findall(r"```yaml\n(.*?)```", page, re.DOTALL)[0]
    (tmp_path / "claimx.yaml").write_text(settings)
    pipeline = Pipeline.load(environ={"CRM_TOKEN": "t"}, cwd=tmp_path)
    pipeline.require(pipeline.select(["copies"]))
    stages = [spec.type for spec in stages_of(pipeline.workers["copies"], pipeline.settings)]
    assert stages == ["transform", "validation", "lookup", "send"]


def test_the_domain_of_the_page_runs_as_written(tmp_path):
    page = "how-to/write-a-domain.md"
    (code,) = blocks(page, "python")
    (tmp_path / "parcels.py").write_text(code)
    set_up, run = blocks(page)
    terminal = Terminal(tmp_path)
    assert "parcels-download" in terminal.type(set_up)
    shown = terminal.type(run)
    assert "published 2 events" in shown
    assert "p1\tSENT\n" in shown
    assert "e1\tenriched\tno photo\n" in shown
    assert "http is not allowed" in shown


async def test_the_code_of_the_page_on_the_library_runs_as_written(tmp_path, monkeypatch):
    """Every operation is on the page, and every block of it runs, one after the other."""
    page, port = "how-to/use-as-a-library.md", free_port()
    (serve,) = (each.replace("8765", str(port)) for each in blocks(page))
    monkeypatch.chdir(tmp_path)
    names: dict = {}
    with Terminal(tmp_path).serving(serve, port):
        printed = [
            await run_python(block.replace("8765", str(port)), names)
            for block in blocks(page, "python")
        ]
    said = "\n".join(printed)
    assert "2 published, the event is not JSON" in said
    assert "2 records, 0 dead, 0 wait []" in said
    assert "2 {'event_id': 'e-1', 'project_id': '700100'}" in said
    assert "50 published, 0 refused" in said
    assert "enrichment 50\n" in said
    assert "[{'events': 51}]" in said
    assert "b'not an event'" in said
    assert "1 to replay, 0 refused\n1 replayed" in said
    assert "0 services refuse" in said
    assert "['ingest', 'enrichment']" in said
    assert "claimx_projects () () fits" in said
    assert "('claimx_projects', 1)" in said
    assert "Publish" in printed[-2]
    assert printed[-1].count("claimx.enrichment.") > 1
    page_text = (DOCS / page).read_text(encoding="utf-8")
    functions = [name for name in operations.__all__ if name[0].islower()]
    assert [name for name in functions if name not in page_text] == []


def test_the_plugin_of_the_page_on_tests_passes_them_as_the_page_tells(tmp_path):
    page = "how-to/test-a-plugin.md"
    code = dict(zip(FILES_OF_TESTS, blocks(page, "python"), strict=True))
    for name, text in code.items():
        (tmp_path / name).write_text(text)
    terminal = Terminal(tmp_path)
    for typed, shown in zip(blocks(page), blocks(page, "text"), strict=True):
        assert shown.strip() in terminal.type(typed)


@pytest.mark.parametrize(
    ("wrong", "right"),
    [
        ("[ALERTS]", "[]"),
        ('"PROJECT_CREATED"})', '"PROJECT_CLOSED"})'),
        ("context.project\n", "context.wait(context.reader.project(1))\n"),
    ],
    ids=["undeclared topic", "another event", "reader"],
)
def test_the_suite_says_of_a_wrong_plugin_what_the_page_lists(tmp_path, wrong, right):
    page = "how-to/test-a-plugin.md"
    plugin, suite, _ = blocks(page, "python")
    assert wrong in plugin
    (tmp_path / "alerts.py").write_text(plugin.replace(wrong, right))
    (tmp_path / "test_suite.py").write_text(suite)
    pytest_ = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider"]
    done = subprocess.run(pytest_, cwd=tmp_path, env=CLEAN, capture_output=True, text=True)
    assert done.returncode == 1, done.stdout
    listed = re.findall(
        r"^\| `([^|]+)` \|", (DOCS / page).read_text(encoding="utf-8"), re.MULTILINE
    )
    assert len([each for each in listed if each in done.stdout]) == 1, done.stdout


def test_the_plugin_of_the_page_on_event_types_installs_and_passes_its_test(tmp_path):
    """Its files as written, its commands but for where ``pip`` installs to, and its test."""
    package = write_package(tmp_path)
    site = install(package, tmp_path / "site")
    (commands,) = blocks("how-to/add-an-event-type.md")
    first, *typed = commands.splitlines()
    assert first == "pip install ./claim_notes"
    terminal = Terminal(tmp_path)
    terminal.type(f"export PYTHONPATH={site}")
    said = [terminal.type(each) for each in typed]
    assert all("claim_notes" in each for each in said)
    assert "1 passed" in terminal.type("python -m pytest -q -p no:cacheprovider claim_notes")


def test_the_plugin_of_the_page_on_event_types_imports_only_what_is_public(tmp_path):
    public = {*public_names(), *(f"claimx_pipeline.{module}" for module in MODULES)}
    files = sorted(write_package(tmp_path).rglob("*.py"))
    assert len(files) == 2
    found = {
        f"{node.module}.{alias.name}"
        for file in files
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.ImportFrom) and (node.module or "").startswith("claimx_pipeline")
        for alias in node.names
    }
    assert found
    assert found <= public


@pytest.mark.incident("API-07")
@pytest.mark.parametrize(
    "page",
    [
        "connect-to-a-secured-kafka",
        "connect-to-event-hubs",
        "proxies-and-private-authorities",
        "use-onelake",
    ],
)
def test_every_setting_on_the_pages_on_networks_passes_the_check(tmp_path, page):
    authority = Authority.make(tmp_path)
    client = authority.issue("client")
    files = {
        "/etc/ssl/company.pem": authority.file,
        "/etc/ssl/claimx.pem": client.certificate,
        "/etc/ssl/claimx.key": authority.encrypted(client.key, "p4ss"),
        "/srv/claimx": tmp_path / "srv",
    }
    text = (DOCS / "how-to" / f"{page}.md").read_text(encoding="utf-8")
    for path, real in files.items():
        text = text.replace(path, str(real))
    shown = re.findall(r"```yaml\n(.*?)```", text, re.DOTALL)
    assert shown
    for settings in shown:
        (tmp_path / "claimx.yaml").write_text(settings)
        environ = dict.fromkeys(re.findall(r"\$\{(\w+)\}", settings), "p4ss")
        environ |= {"COMPANY_AUTHORITY_PEM": authority.file.read_text().strip()}
        pipeline = Pipeline.load(environ=environ, cwd=tmp_path)
        assert pipeline.check() == []
        assert not [each for each in pipeline.loaded.unresolved if "claimx.yaml" in each.where]
        open_files(pipeline.settings.storage)
