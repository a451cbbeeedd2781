"""What a command suggests can be typed as it is printed, and fits the terminal."""

import asyncio
import json

import pytest

from claimx_pipeline import Pipeline, operations
from claimx_pipeline.cli.program import typed
from tests.rigs.command import run
from tests.rigs.terminal import on_terminal

PROJECT = 700101
EVENTS = [
    {
        "eventId": f"an-event-of-a-project-{number}",
        "eventType": "PROJECT_CREATED",
        "projectId": PROJECT,
        "ingestedAt": "2026-01-12T08:00:00Z",
    }
    for number in range(3)
]


@pytest.fixture
def folder(tmp_path):
    """Three events of one project, of which the worker ``ingest`` has made tasks."""
    (tmp_path / "own.yaml").write_text("health: {port: 0}\n")
    pipeline = Pipeline.load(tmp_path / "own.yaml", environ={}, cwd=tmp_path)

    async def make():
        await operations.create_all(pipeline)
        await operations.publish_events(pipeline, [json.dumps(each).encode() for each in EVENTS])
        await operations.run_until_idle(pipeline, "ingest")

    asyncio.run(make())
    return tmp_path


def test_a_suggestion_names_the_settings_that_were_given(folder):
    for command in (("trace", EVENTS[0]["eventId"]), ("doctor",)):
        said = " ".join(run("--config", "own.yaml", *command, cwd=folder).stdout.split())
        assert "-m claimx_pipeline --config own.yaml " in said
        assert "'claimx-run worker" not in said
    failed = run("--config", "own.yaml", "query", "SELECT * FROM claimx_evnts", cwd=folder)
    assert "'claimx-run " not in failed.stderr


@pytest.mark.parametrize("name", ["demo", "init", "completion bash", "COMMAND --help"])
def test_a_command_that_reads_no_settings_is_suggested_without_them(name, tmp_path):
    text = f"try 'claimx-run {name}'"
    assert typed(text, tmp_path / "own.yaml") == text
    assert typed("'claimx-run demonstrate'", tmp_path / "own.yaml") != "'claimx-run demonstrate'"


def test_doctor_begins_with_what_is_wrong_and_counts_in_words(folder):
    (folder / "own.yaml").write_text(
        'claimx: {api: {base_url: "http://127.0.0.1:1", token: some-token}}\nhealth: {port: 0}\n'
    )
    said = run("--config", "own.yaml", "doctor", cwd=folder)
    levels = [line.split()[0] for line in said.stdout.splitlines() if line[:1] != " "]
    assert levels == sorted(levels, key=["WRONG", "WARNING"].index)
    assert "127.0.0.1:1 cannot be connected to: connection refused" in " ".join(said.stdout.split())
    assert "(--all shows them)" in said.stderr


def test_trace_of_several_events_has_an_entry_of_each_and_fits(folder):
    shown = on_terminal("--config", "own.yaml", "trace", str(PROJECT), cwd=folder, width=60)
    lines = shown.splitlines()
    for event in EVENTS:
        assert f"    {event['eventId']}" in lines, "alone in its line, to be copied"
    assert sum("PROJECT_CREATED of 700101" in line for line in lines) == len(EVENTS)
    assert not [line for line in lines if len(line) > 60]
    every = run("--config", "own.yaml", "trace", str(PROJECT), "--all", cwd=folder)
    assert sum("raw event" in line for line in every.stdout.splitlines()) >= len(EVENTS)


def test_offsets_fold_what_is_read_on_a_terminal_only(folder):
    shown = on_terminal("--config", "own.yaml", "offsets", "show", "ingest", cwd=folder, width=80)
    assert "6 partitions are read to the end (--all shows them)" in shown
    assert "claimx.events.raw" not in shown
    (folder / "more.jsonl").write_text(json.dumps({**EVENTS[0], "eventId": "one-more"}))
    run("--config", "own.yaml", "publish", "more.jsonl", cwd=folder)
    behind = on_terminal("--config", "own.yaml", "offsets", "show", "ingest", cwd=folder, width=80)
    assert "5 partitions are read to the end" in behind
    assert behind.count("claimx.events.raw") == 1
    every = run("--config", "own.yaml", "offsets", "show", "ingest", cwd=folder)
    assert every.stdout.count("claimx.events.raw") == 6
