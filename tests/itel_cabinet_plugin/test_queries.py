"""The questions about the tracking table, asked of rows that the workers wrote."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable
from importlib import resources
from typing import Any

from claimx_pipeline.delta.querying.query import run_query
from claimx_pipeline.simulator.entities import WorldEvent
from itel_cabinet_plugin.queries import queries
from tests.rigs.command import run
from tests.rigs.itel import cabinet_events, itel_rig, publish, status_message

NAMES = (
    "newest-task-events",
    "task-history",
    "statuses-of-month",
    "slowest-tasks",
    "tasks-per-day",
    "tasks-per-user",
    "open-tasks",
    "tasks-per-project",
    "tracking-lag",
    "status-transitions",
    "tracking-growth",
    "tracking-quality",
    "tracking-partitions",
)


def test_the_file_holds_all_of_them_and_nothing_that_is_none():
    assert tuple(query.name for query in queries()) == NAMES
    file = resources.files("itel_cabinet_plugin.queries").joinpath("task_tracking.sql")
    assert file.read_text().count(";\n") == len(NAMES), "each statement is one of them"


Ask = Callable[..., list[dict[str, Any]]]


async def test_every_question_has_the_answer_that_the_events_give(tmp_path):
    async with itel_rig(tmp_path, workers=("itel-tracking", "retry")) as rig:
        rig.start()
        events = cabinet_events(rig.world, 200)
        await publish(rig, map(status_message, events))
        await rig.idle()

        def ask(name, **given):
            query = rig.pipeline.queries[name]
            return run_query(rig.pipeline.table_store, query.render(given)).to_pylist()

        about_events(ask, events)
        about_history(ask, events)
        about_tasks(ask, events)
        about_the_table(ask, events)


def done_in(events):
    return {event.assignment_id for event in events if event.type.endswith("COMPLETED")}


def about_events(ask: Ask, events: list[WorldEvent]) -> None:
    newest = max(event.at for event in events)
    answer = ask("newest-task-events")
    assert len(answer) == min(20, len(events))
    assert answer[0]["event_timestamp"] == newest
    assert len(ask("newest-task-events", most=3)) == 3

    here = {"year": newest.year, "month": newest.month}
    statuses = Counter(
        event.type.removeprefix("CUSTOM_TASK_")
        for event in events
        if (event.at.year, event.at.month) == (newest.year, newest.month)
    )
    for answer in (ask("statuses-of-month"), ask("statuses-of-month", **here)):
        assert {row["task_status"]: row["events"] for row in answer} == statuses
    assert ask("statuses-of-month", year=1999) == []

    types = Counter(event.type for event in events)
    days = ask("tasks-per-day")
    assert sum(row["assigned"] for row in days) == types["CUSTOM_TASK_ASSIGNED"]
    assert sum(row["completed"] for row in days) == types["CUSTOM_TASK_COMPLETED"]

    (step,) = ask("status-transitions")
    assert (step["from_status"], step["to_status"]) == ("ASSIGNED", "COMPLETED")
    assert 0 < step["times"] <= types["CUSTOM_TASK_COMPLETED"]


def about_history(ask: Ask, events: list[WorldEvent]) -> None:
    counts = Counter(event.assignment_id for event in events)
    twice = next(assignment for assignment, count in counts.items() if count > 1)
    history = ask("task-history", assignment_id=twice)
    times = sorted(event.at for event in events if event.assignment_id == twice)
    assert [row["event_timestamp"] for row in history] == times
    assert history[0]["minutes_since_previous"] is None
    minutes = (times[1] - times[0]).total_seconds() / 60
    assert abs(history[1]["minutes_since_previous"] - minutes) <= 1
    assert ask("task-history")[-1]["event_timestamp"] == max(event.at for event in events)


def about_tasks(ask: Ask, events: list[WorldEvent]) -> None:
    tasks, done = {event.assignment_id for event in events}, done_in(events)
    assert tasks > done > set(), "a world with tasks of both kinds"
    slowest = ask("slowest-tasks")
    assert {row["assignment_id"] for row in slowest} == done
    hours = [row["hours"] for row in slowest]
    assert hours == sorted(hours, reverse=True)
    assert all(row["completed_at"] >= row["created_at"] for row in slowest)
    assert all(abs(row["days"] - row["hours"] / 24) < 0.1 for row in slowest)

    users = ask("tasks-per-user")
    assert sum(row["assigned"] for row in users) >= len(tasks)
    assert sum(row["completed"] for row in users) == len(done)
    assert all(0 <= row["completed_percent"] <= 100 for row in users)

    waiting = ask("open-tasks")
    assert {row["assignment_id"] for row in waiting} == tasks - done
    assert all(row["days_since"] >= 0 for row in waiting)

    projects = ask("tasks-per-project")
    assert sum(row["tasks"] for row in projects) == len(tasks)
    assert sum(row["completed"] for row in projects) == len(done)
    assert sum(row["active"] for row in projects) == len(tasks - done)
    assert all(row["hours_to_complete"] >= 0 for row in projects if row["completed"])


def about_the_table(ask: Ask, events: list[WorldEvent]) -> None:
    lags = ask("tracking-lag")
    assert sum(row["events"] for row in lags) == len(events)
    assert all(row["longest_seconds"] >= row["average_seconds"] for row in lags)

    (growth,) = ask("tracking-growth")
    assert (growth["rows_now"], growth["rows_then"]) == (len(events), 0)
    (growth,) = ask("tracking-growth", days=0)
    assert growth["rows_then"] == growth["rows_now"] == len(events)

    (quality,) = ask("tracking-quality")
    assert quality.pop("events") == len(events)
    assert set(quality.values()) == {0}

    partitions = ask("tracking-partitions")
    assert sum(row["events"] for row in partitions) == len(events)
    assert len(partitions) == len({event.at.date() for event in events})


def test_the_command_line_lists_and_asks_them(tmp_path):
    created = run("tables", "create", cwd=tmp_path)
    assert created.returncode == 0, created.stderr
    listed = json.loads(run("query", "--list", "--json", cwd=tmp_path).stdout)
    assert {row["name"] for row in listed} > set(NAMES)
    (history,) = [row for row in listed if row["name"] == "task-history"]
    assert history["parameters"] == ["assignment_id"]
    asked = run("query", "--name", "task-history", "--param", "assignment_id=7", cwd=tmp_path)
    assert (asked.returncode, asked.stderr.strip()) == (0, "0 rows")
    wrong = run("query", "--name", "task-history", "--param", "task=7", cwd=tmp_path)
    assert "it has assignment_id" in wrong.stderr
