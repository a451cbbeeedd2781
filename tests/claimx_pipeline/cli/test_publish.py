"""``publish``: good lines arrive once, bad ones are reported with their number."""

import json

import pytest

from claimx_pipeline import Pipeline
from claimx_pipeline.delta.querying.query import run_query
from claimx_pipeline.simulator.world import World
from tests.rigs.command import Running, run, stop_all

SEED = 7


def lines() -> list[str]:
    """Return a file as it comes from real life, on ids that the simulated world knows."""
    events = World(SEED).events(40)
    first = events[0]
    media = next(event for event in events if event.media_id)
    task = next(event for event in events if event.assignment_id)
    return [
        json.dumps(
            {
                "event_type": "PROJECT_CREATED",
                "project_id": str(first.project_id),
                "ingested_at": "2026-01-15T12:00:00Z",
            }
        ),
        json.dumps(
            {
                "eventType": "PROJECT_FILE_ADDED",
                "projectId": media.project_id,
                "mediaId": media.media_id,
                "ingestedAt": "2026-01-15T05:00:00.5-07:00",
            }
        ),
        json.dumps(
            {
                "eventType": "PROJECT_FILE_ADDED",
                "projectId": media.project_id,
                "mediaId": media.media_id,
                "ingestedAt": "2026-01-15T05:00:00.5-07:00",
            }
        ),
        "this is not JSON",
        json.dumps(
            {
                "eventType": "CUSTOM_TASK_REOPENED",
                "projectId": task.project_id,
                "taskAssignmentId": task.assignment_id,
                "ingestedAt": "2026-01-15T12:00:01",
            }
        ),
        json.dumps({"eventType": "PROJECT_CREATED", "ingestedAt": "2026-01-15T12:00:00Z"}),
        json.dumps(
            {
                "event_type": "SOMETHING_NEW",
                "project_id": first.project_id,
                "event_id": "given-1",
                "ingested_at": "2026-01-15T12:00:02+00:00",
            }
        ),
    ]


@pytest.fixture
def simulator(tmp_path):
    running = Running.start(
        "simulate", "--port", "0", "--seed", str(SEED), "--events", "200", cwd=tmp_path
    )
    env = {}

    def exported():
        for line in running.lines:
            if line.strip().startswith("export "):
                name, _, value = line.strip().removeprefix("export ").partition("=")
                env[name] = value.strip("'\"")
        return env if len(env) >= 4 else None

    yield running.wait_until(exported)
    stop_all([running])


def test_good_lines_arrive_once_and_each_bad_one_is_reported(tmp_path, simulator):
    (tmp_path / "events.jsonl").write_text("\n".join(lines()) + "\n")
    for command in (["topics", "create"], ["tables", "create"]):
        assert run(*command, cwd=tmp_path, env=simulator).returncode == 0
    result = run("publish", "events.jsonl", "--json", cwd=tmp_path, env=simulator)
    assert result.returncode == 1, result.stderr
    outcome = json.loads(result.stdout)
    assert outcome["published"] == 5
    assert [refused["line"] for refused in outcome["refused"]] == [4, 6]
    assert "events.jsonl:4:" in result.stderr
    assert "events.jsonl:6:" in result.stderr
    done = run("worker", "claimx", "--until-idle", cwd=tmp_path, env=simulator)
    assert done.returncode == 0, done.stderr
    store = Pipeline.load(environ=simulator, cwd=tmp_path).table_store
    events = run_query(
        store, "SELECT event_type, event_id, ingested_at FROM claimx_events ORDER BY ingested_at"
    ).to_pylist()
    assert [event["event_type"] for event in events] == [
        "PROJECT_CREATED",
        "PROJECT_FILE_ADDED",
        "CUSTOM_TASK_REOPENED",
        "SOMETHING_NEW",
    ]
    assert events[-1]["event_id"] == "given-1"
    assert [event["ingested_at"].hour for event in events] == [12] * 4, "all times are UTC"
    log = run_query(
        store, "SELECT event_type, outcome FROM claimx_event_log ORDER BY event_type"
    ).to_pylist()
    assert [tuple(row.values()) for row in log] == [
        ("CUSTOM_TASK_REOPENED", "enriched"),
        ("PROJECT_CREATED", "enriched"),
        ("PROJECT_FILE_ADDED", "enriched"),
        ("SOMETHING_NEW", "skipped"),
    ]
    tasks = run_query(store, "SELECT count(*) AS n FROM claimx_tasks").to_pylist()
    assert tasks == [{"n": 1}], "an unknown kind of task event is a task event all the same"


def test_a_file_that_is_not_there_is_a_usage_error(tmp_path):
    result = run("publish", "nothing.jsonl", cwd=tmp_path)
    assert result.returncode == 2
    assert "nothing.jsonl cannot be read" in result.stderr


def test_a_file_of_bad_lines_only_touches_no_broker(tmp_path):
    (tmp_path / "events.jsonl").write_text("[1]\n")
    result = run("publish", "events.jsonl", cwd=tmp_path)
    assert result.returncode == 1
    assert "events.jsonl:1:" in result.stderr
    assert [path.name for path in tmp_path.iterdir()] == ["events.jsonl"]
