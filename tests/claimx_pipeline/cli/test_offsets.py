"""``claimx-run offsets``, as a person uses it after something was reset or put back."""

import asyncio
import json
import sqlite3

import pytest

from claimx_pipeline import OutRecord, Pipeline
from claimx_pipeline.delta.querying.query import run_query
from tests.rigs.command import run

EVENTS = [
    {
        "eventId": f"e{number}",
        "eventType": "PROJECT_CREATED",
        "projectId": str(number),
        "ingestedAt": "2026-01-12T08:00:00Z",
    }
    for number in range(6)
]


@pytest.fixture
def folder(tmp_path):
    """Six events in one partition, written to the table."""
    create(tmp_path)
    publish(tmp_path, EVENTS)
    work(tmp_path)
    return tmp_path


@pytest.fixture
def quiet(tmp_path):
    """Topics and table, and nothing in them."""
    create(tmp_path)
    return tmp_path


def create(folder):
    async def topics():
        admin = pipeline.broker().admin()
        await admin.create_topics(pipeline.topology.new_topics())
        await admin.close()

    pipeline = Pipeline.load(environ={}, cwd=folder)
    pipeline.table_store.create("claimx_events")
    asyncio.run(topics())


def publish(folder, events):
    async def send():
        pipeline = Pipeline.load(environ={}, cwd=folder)
        producer = pipeline.broker().producer()
        await producer.start()
        raw = [json.dumps(event).encode() for event in events]
        await producer.publish([OutRecord("claimx.events.raw", each, bucket=0) for each in raw])
        await producer.close()

    asyncio.run(send())


def work(folder):
    done = run("worker", "events", "--until-idle", cwd=folder)
    assert done.returncode == 0, done.stderr


def rows(folder):
    store = Pipeline.load(environ={}, cwd=folder).table_store
    return run_query(store, "SELECT event_id FROM claimx_events").num_rows


def shown(folder, *arguments):
    done = run("offsets", "show", "events", "--json", cwd=folder)
    assert done.returncode == 0, done.stderr
    return next(row for row in json.loads(done.stdout) if row["partition"] == 0)


def forget_group(folder):
    with sqlite3.connect(folder / "claimx-data" / "broker.db") as connection:
        connection.execute("DELETE FROM ownership")
    connection.close()


def test_show_puts_table_group_and_topic_side_by_side(folder):
    found = shown(folder)
    numbers = [found[name] for name in ("stored", "group", "begin", "end")]
    assert (found["table"], numbers, found["state"]) == ("claimx_events", [6, 6, 0, 6], "ok")
    everything = run("offsets", "show", cwd=folder)
    assert everything.returncode == 0
    assert "enrichment\t\tclaimx.enrichment.pending\t0" in everything.stdout


def test_a_refused_start_names_the_command_that_repairs_it(folder):
    forget_group(folder)
    refused = run("worker", "events", "--until-idle", cwd=folder)
    assert refused.returncode == 1
    assert "'claimx-run offsets rewind events --to-table'" in refused.stderr
    assert "Traceback" not in refused.stderr
    assert shown(folder)["state"] == "the group has no offset"
    repaired = run("offsets", "rewind", "events", "--to-table", "--json", cwd=folder)
    moved = [each for each in json.loads(repaired.stdout) if each["partition"] == 0]
    assert [(each["before"], each["after"]) for each in moved] == [(None, 6)]
    work(folder)
    assert rows(folder) == 6
    assert shown(folder)["state"] == "ok"


def test_adopting_goes_on_with_a_topic_that_was_made_anew(folder):
    (folder / "claimx-data" / "broker.db").unlink()
    create(folder)
    publish(folder, [{**EVENTS[0], "eventId": f"new{number}"} for number in range(2)])
    assert "recreated" in run("worker", "events", "--until-idle", cwd=folder).stderr
    asked = run("offsets", "adopt", "events", cwd=folder)
    assert (asked.returncode, "add --yes" in asked.stderr) == (2, True)
    assert run("offsets", "adopt", "events", "--yes", cwd=folder).returncode == 0
    work(folder)
    assert rows(folder) == 8


def test_rewinding_to_an_offset_reads_again_and_doubles_nothing(folder):
    for to in ("0:2", "1"):
        found = run("offsets", "rewind", "events", "--to", to, cwd=folder)
        if to == "1":  # the other partitions are empty
            assert found.returncode == 2
            assert "has offsets from 0 to 0, so it cannot go on at 1" in found.stderr
        else:
            assert found.returncode == 0, found.stderr
    assert [shown(folder)[name] for name in ("stored", "group")] == [2, 2]
    work(folder)
    assert rows(folder) == 6
    assert run("offsets", "rewind", "events", "--to-earliest", cwd=folder).returncode == 0
    work(folder)
    assert (rows(folder), shown(folder)["group"]) == (6, 6)


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["rewind", "events"], "say where to"),
        (["rewind", "events", "--to-table", "--to-earliest"], "say where to"),
        (["rewind", "events", "--to", "x"], "--to 'x' is neither OFFSET nor PARTITION:OFFSET"),
        (["rewind", "events", "--to", "99:1"], "there is no partition 99"),
        (["rewind", "events", "--to", "0:1", "--topic", "y"], "does not read topic 'y'"),
        (["rewind", "claimx", "--to-table"], "'claimx' is a set of workers; name one of them"),
        (
            ["rewind", "ingest", "--to-table"],
            "writes no append table, so no table knows the offsets",
        ),
        (["adopt", "eventz", "--yes"], "there is no worker 'eventz'; did you mean 'events'"),
    ],
)
def test_a_mistake_is_told_in_one_sentence(quiet, arguments, told):
    found = run("offsets", *arguments, cwd=quiet)
    assert found.returncode == 2
    assert told in found.stderr
    assert found.stderr.count("\n") <= 2
