"""An event type that ClaimX does not have, added by the installed plugin of the how-to page."""

import asyncio
import importlib
import json
import re
import sys

import pytest

from claimx_pipeline import operations
from claimx_pipeline.runtime.dead_letters.dead_letter import DeadLetter
from claimx_pipeline.testing import SimulatedRoute
from tests.rigs.command import run
from tests.rigs.page_plugin import install, write_package

RAW = "claimx.events.raw"
WORKERS = ("ingest", "enrichment", "entities")
LOG = "SELECT * FROM claimx_event_log WHERE event_type = 'CLAIM_NOTE_ADDED' ORDER BY event_id"


@pytest.fixture(scope="module")
def site(tmp_path_factory):
    """A folder of installed packages with the plugin in it."""
    folder = tmp_path_factory.mktemp("claim_notes")
    return install(write_package(folder), folder / "site")


@pytest.fixture
def installed(site, monkeypatch):
    monkeypatch.syspath_prepend(str(site))
    importlib.invalidate_caches()
    yield
    sys.modules.pop("claim_notes", None)


@pytest.fixture
def notes():
    """What the simulated API says of notes, by id."""
    return {
        "7": {"text": "urgent: call back", "author": {"name": "Kim"}, "created": "2026-01-12"},
        "8": {"text": "all well", "author": {"userName": "ann@example.com"}},
    }


@pytest.fixture
def sandbox(installed, notes, claimx_sandbox):
    asked = SimulatedRoute("/notes/{note_id}", lambda said: notes.get(said["note_id"]))
    claimx_sandbox.serve(asked)
    return claimx_sandbox


def switch(sandbox, *, on: bool) -> None:
    """Go on as a process where the plugin is installed, or is not."""
    sandbox.configure(f"plugins: {{claim_notes: {{enabled: {str(on).lower()}}}}}")


def added(sandbox, project_id: str, note_id: str, **more) -> None:
    event = {"eventType": "CLAIM_NOTE_ADDED", "projectId": project_id, "noteId": note_id}
    event |= {"eventId": f"n{note_id}", **more}
    sandbox.publish(RAW, event, key=project_id)


def replayed(sandbox) -> int:
    async def replay() -> int:
        plan = await operations.plan_replay(sandbox.pipeline)
        return (await operations.replay_dead_letters(sandbox.pipeline, plan)).groups.count

    return asyncio.run(replay())


def reference(sandbox, project_id: str) -> dict:
    (row,) = sandbox.rows(f"SELECT * FROM claimx_projects WHERE project_id = '{project_id}'")
    return row


def test_an_event_type_of_a_plugin_passes_every_worker(sandbox):
    events = sandbox.happen(20)
    project_id = events[0].project_id
    added(sandbox, project_id, "7", ingestedAt="2026-02-01T00:00:00Z")
    added(sandbox, project_id, "8", ingestedAt="2026-01-20T00:00:00Z")
    sandbox.run(*WORKERS, "events")
    stored = {row["note_id"]: row for row in sandbox.rows("claim_notes")}
    assert stored.keys() == {"7", "8"}
    assert (stored["7"]["author"], stored["7"]["project_id"]) == ("Kim", project_id)
    lines = sandbox.rows(LOG)
    assert [(each["outcome"], each["notes_rows"], each["api_calls"]) for each in lines] == [
        ("enriched", 1, 1),
        ("enriched", 1, 1),
    ]
    assert sandbox.messages("claim_notes.urgent") == [{"project_id": project_id, "note_id": "7"}]
    project = reference(sandbox, project_id)
    assert project["claim_notes_last"] == "7", "by the time of the events, not by their order"
    assert project["claim_notes_reference"] == f"ext-{project_id}"
    raw = sandbox.rows("SELECT * FROM claimx_events WHERE event_type = 'CLAIM_NOTE_ADDED'")
    assert len(raw) == 2
    assert sandbox.dead_letters() == []


def test_what_is_asked_by_the_plugin_shares_the_domains_client(sandbox):
    project_id = sandbox.happen(1)[0].project_id
    added(sandbox, project_id, "8")
    sandbox.run("ingest", "enrichment")
    (asked,) = [each for each in sandbox.simulator.requests.find() if "/notes/" in each.path]
    assert asked.status == 200, "with the credential of the API"


def test_a_note_that_is_not_there_is_a_dead_letter_and_is_stored_by_a_replay(sandbox, notes):
    project_id = sandbox.happen(1)[0].project_id
    added(sandbox, project_id, "9")
    sandbox.run(*WORKERS)
    (record,) = sandbox.dead_letters()
    letter = DeadLetter.read(record)
    assert (letter.worker, letter.category) == ("enrichment", "permanent")
    assert "/notes/9: answered 404" in letter.error
    (line,) = sandbox.rows(LOG)
    assert (line["outcome"], line["category"]) == ("dead", "permanent")
    notes["9"] = {"text": "late"}
    assert replayed(sandbox) == 1
    sandbox.run(*WORKERS)
    assert [row["note_text"] for row in sandbox.rows("claim_notes")] == ["late"]
    (line,) = sandbox.rows(LOG)
    assert (line["outcome"], line["notes_rows"]) == ("enriched", 1)


def test_a_worker_without_the_plugin_refuses_its_rows_and_loses_nothing(sandbox):
    project_id = sandbox.happen(1)[0].project_id
    added(sandbox, project_id, "7")
    sandbox.run("ingest", "enrichment")
    switch(sandbox, on=False)
    sandbox.run("entities")
    letters = [DeadLetter.read(each) for each in sandbox.records("claimx.entities.dlq")]
    assert letters
    assert all("install the plugin 'claim_notes'" in each.error for each in letters)
    (line,) = sandbox.rows(LOG)
    assert line["outcome"] == "dead"
    switch(sandbox, on=True)
    assert replayed(sandbox) == len(letters)
    sandbox.run("entities")
    assert [row["note_id"] for row in sandbox.rows("claim_notes")] == ["7"]
    assert reference(sandbox, project_id)["claim_notes_last"] == "7"
    (line,) = sandbox.rows(LOG)
    assert (line["outcome"], line["notes_rows"]) == ("enriched", 1)


def test_a_worker_without_the_plugin_keeps_its_columns_in_rows_that_it_changes(sandbox):
    project_id = sandbox.happen(1)[0].project_id
    added(sandbox, project_id, "7")
    sandbox.run(*WORKERS)
    before = reference(sandbox, project_id)
    assert before["xa_autolink_fail"] is None
    switch(sandbox, on=False)
    failed = {
        "eventType": "PROJECT_AUTO_XA_LINKING_UNSUCCESSFUL",
        "projectId": project_id,
        "eventId": "x1",
    }
    sandbox.publish(RAW, failed, key=project_id)
    sandbox.run(*WORKERS)
    after = reference(sandbox, project_id)
    assert after["xa_autolink_fail"] is True
    own = [name for name in before if name.startswith("claim_notes_")]
    assert len(own) == 3
    assert [after[name] for name in own] == [before[name] for name in own]
    assert all(before[name] is not None for name in own)
    assert sandbox.dead_letters() == []


def test_tables_that_exist_get_the_columns_when_the_plugin_is_installed(sandbox):
    switch(sandbox, on=False)
    project_id = sandbox.happen(1)[0].project_id
    added(sandbox, project_id, "7")
    sandbox.run(*WORKERS)
    assert "claim_notes_last" not in reference(sandbox, project_id)
    (line,) = sandbox.rows(LOG)
    assert (line["outcome"], line["reason"]) == (
        "skipped",
        "no handler for events CLAIM_NOTE_ADDED",
    )
    switch(sandbox, on=True)
    added(sandbox, project_id, "8")
    sandbox.run(*WORKERS)
    assert reference(sandbox, project_id)["claim_notes_last"] == "8"
    assert {row["event_id"]: row["notes_rows"] for row in sandbox.rows(LOG)} == {
        "n7": None,
        "n8": 1,
    }


@pytest.mark.parametrize("json_wanted", [True, False])
def test_the_commands_show_what_the_plugin_adds(site, tmp_path, json_wanted):
    def shown(*arguments: str) -> str:
        more = ["--json"] if json_wanted else []
        done = run(*arguments, *more, cwd=tmp_path, env={"PYTHONPATH": str(site)})
        assert done.returncode == 0, done.stderr
        return done.stdout + done.stderr

    listed = shown("plugins", "list")
    plugin = shown("plugins", "show", "claim_notes")
    projects = shown("tables", "describe", "claimx_projects")
    table = shown("tables", "describe", "claim_notes")
    if not json_wanted:
        assert "claimx: events" in listed
        assert "claimx: kind notes in claim_notes" in " ".join(plugin.split())
        assert "added by plugin claim_notes" in table
        assert re.search(r"^claim_notes_last\s.*\sclaim_notes$", projects, re.MULTILINE)
        return
    (found,) = [each for each in json.loads(listed) if each["name"] == "claim_notes"]
    adds = [
        "claimx: events CLAIM_NOTE_ADDED",
        "claimx: kind notes in claim_notes",
        "claimx: column claimx_projects.claim_notes_reference",
        "claimx: column claimx_projects.claim_notes_last",
        "claimx: column claimx_projects.claim_notes_last_at",
    ]
    assert found["adds"] == json.loads(plugin)["adds"] == adds
    of_plugin = [each for each in json.loads(projects)["columns"] if each.get("plugin")]
    assert [each["column"] for each in of_plugin] == [each.rpartition(".")[2] for each in adds[2:]]
    assert {each["plugin"] for each in of_plugin} == {"claim_notes"}
    assert json.loads(table)["plugin"] == "claim_notes"
