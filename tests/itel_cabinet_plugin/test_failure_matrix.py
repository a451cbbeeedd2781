"""What fails, and whom it hurts: each row of the matrix with the real fault."""

from __future__ import annotations

import asyncio
import logging
import sqlite3
from pathlib import Path

import pytest

from claimx_pipeline.runtime.delivery import paused
from claimx_pipeline.simulator.faults import Fault
from tests.rigs.itel import (
    WORKERS,
    cabinet_events,
    count,
    itel_rig,
    publish,
    status_message,
)
from tests.rigs.whole_pipeline import SETTINGS, WholePipeline

pytestmark = pytest.mark.plugin

EVENTS = 200
TRACKING = "itel_cabinet_task_tracking"
FORMS = "claimx_itel_forms"
SUBMISSIONS = "itel_cabinet_submissions"
TRACKING_ERRORS = "itel.cabinet.task.tracking.errors"
API_ERRORS = "itel.cabinet.api.errors"


@pytest.fixture(autouse=True)
def _looks_again_soon(monkeypatch: pytest.MonkeyPatch) -> None:
    """What waits for a service looks every second; usually the pauses grow to half a minute."""
    monkeypatch.setattr(paused, "LONGEST_PAUSE_SECONDS", 1.0)


@pytest.fixture
async def rig(tmp_path: Path):
    async with itel_rig(tmp_path) as running:
        yield running


def messages(rig: WholePipeline) -> list[dict]:
    return [status_message(event) for event in cabinet_events(rig.world, EVENTS)]


def pairs(rig: WholePipeline) -> set[tuple[int, str]]:
    return rig.world.expected_submissions(EVENTS)


def state(rig: WholePipeline, worker: str) -> str:
    """Return what a worker is, without the reasons of one that is degraded."""
    found = rig.health.ready()[1]["workers"][worker]
    return found.partition(":")[0] if found.startswith("degraded") else found


async def working(rig: WholePipeline) -> None:
    """Start the workers and wait until each takes records."""
    rig.start()
    await rig.until(
        lambda: (
            {*rig.health.ready()[1]["workers"].values()} == {"ready"}
            and len(rig.health.workers) == len(WORKERS)
        )
    )


async def assert_complete(rig: WholePipeline, sent: list[dict]) -> None:
    """Each event has one row, each assignment one form, each completed form one submission."""
    await rig.idle()
    assert count(rig, TRACKING) == len(sent)
    rows = rig.rows(f"SELECT assignment_id, form_response_id, status FROM {FORMS}")
    assert len(rows) == len({each["assignment_id"] for each in sent})
    completed = {
        (row["assignment_id"], row["form_response_id"])
        for row in rows
        if row["status"] == "COMPLETED"
    }
    assert completed == pairs(rig)
    assert set(rig.simulator.submissions.pairs()) == pairs(rig)
    assert len(rig.simulator.submissions) == len(pairs(rig))
    assert rig.health.ready()[0]


async def test_with_nothing_wrong_everything_is_there_and_told_of(rig):
    sent = messages(rig)
    rig.start()
    await publish(rig, sent)
    await assert_complete(rig, sent)
    assert await rig.dead() == {}
    told = await rig.records("itel.cabinet.task.tracking.success")
    assert len(told) == len(sent)
    accepted = await rig.records("itel.cabinet.api.success")
    assert len(accepted) >= len(pairs(rig))
    assert {row["outcome"] for row in rig.rows(f"SELECT outcome FROM {SUBMISSIONS}")} == {
        "accepted"
    }


@pytest.mark.incident("LAT-11")
async def test_claimx_down_delays_forms_and_no_status(tmp_path, caplog):
    """Longer than the ladder is: an outage uses no try up, and no status row comes twice."""
    async with itel_rig(tmp_path, delays=(0.1, 0.2, 0.3, 0.4)) as rig:
        rig.simulator.faults.add(Fault(kind="error", path="/service"))
        sent = messages(rig)
        rig.start()
        with caplog.at_level(logging.WARNING):
            await publish(rig, sent)
            await rig.until(lambda: count(rig, TRACKING) == len(sent))
            await comes_back(rig, 6 * len(sent))
        assert "lookups failed, the records go on without" in caplog.text
        assert count(rig, TRACKING, "claimx_task_full IS NULL") == len(sent)
        assert count(rig, TRACKING, "assigned_to_user_id = 77") == len(sent)
        assert (count(rig, FORMS), len(rig.simulator.requests.find("/itel"))) == (0, 0)
        assert "waiting" in state(rig, "itel-api")
        assert state(rig, "itel-tracking") == "degraded"
        rig.simulator.faults.clear()
        await assert_complete(rig, sent)
        assert await rig.dead() == {}
        assert count(rig, "claimx_itel_attachments") > 0


async def comes_back(rig: WholePipeline, times: int) -> None:
    """Wait until that many records have waited on the ladder."""
    admin = rig.pipeline.broker().admin()
    rungs = [topic for topic in rig.pipeline.topology.topics if "itel.cabinet.retry" in topic]
    async with asyncio.timeout(30):
        while sum([sum((await admin.end_offsets(rung)).values()) for rung in rungs]) < times:
            await asyncio.sleep(0.1)
    await admin.close()


async def test_a_task_that_claimx_does_not_know_has_its_status_row_and_a_dead_letter(rig):
    (sent, *_) = messages(rig)
    rig.start()
    await publish(rig, [{**sent, "assignment_id": 999_999_999}])
    await rig.idle()
    assert count(rig, TRACKING, "claimx_task_full IS NULL") == 1
    assert await rig.dead() == {TRACKING_ERRORS: 1, API_ERRORS: 1}


async def test_tables_that_cannot_be_written_hold_the_tracking_worker_alone(rig, tmp_path):
    sent = messages(rig)
    await working(rig)
    # Root may write anywhere, but not a folder where a file is.
    years = {each["timestamp"][:4] for each in sent}
    files = [tmp_path / "tables" / TRACKING / f"year={year}" for year in years]
    for file in files:
        file.touch()
    await publish(rig, sent)
    await rig.until(lambda: len(rig.simulator.submissions) == len(pairs(rig)))
    await rig.until(lambda: "waiting" in state(rig, "itel-tracking"))
    assert state(rig, "itel-api") == "ready"
    for file in files:
        file.unlink()
    await assert_complete(rig, sent)
    assert await rig.dead() == {}


@pytest.mark.incident("STR-15")
async def test_a_table_that_is_moved_away_holds_the_tracking_worker_alone(rig, tmp_path):
    """Two workers in one process: one says why it waits, the other goes on."""
    sent = messages(rig)
    await working(rig)
    table = tmp_path / "tables" / TRACKING
    aside = table.rename(tmp_path / "aside")
    await publish(rig, sent)
    await rig.until(lambda: len(rig.simulator.submissions) == len(pairs(rig)))
    await rig.until(lambda: f"nothing at {table}" in state(rig, "itel-tracking"))
    assert state(rig, "itel-api") == "ready"
    assert not table.exists()
    aside.rename(table)
    await rig.until(lambda: rig.health.ready()[0])
    await assert_complete(rig, sent)
    assert await rig.dead() == {}


EXTRA = "itel_cabinet: {extra_columns: {rooms: {path: task.rooms, type: long}}}\n"


async def test_a_row_that_the_table_refuses_is_dead_alone_and_submitted_all_the_same(tmp_path):
    async with itel_rig(
        tmp_path, settings=SETTINGS + EXTRA.replace("{", "{{").replace("}", "}}")
    ) as rig:
        sent = messages(rig)
        done = next(each for each in sent if each["task_status"] == "COMPLETED")
        bad = {**done, "task": {**done["task"], "rooms": "three"}, "event_id": "evt-bad"}
        rig.start()
        await publish(rig, [bad, *(each for each in sent if each is not done)])
        await rig.idle()
        assert await rig.dead() == {TRACKING_ERRORS: 1}
        (letter,) = await rig.records(TRACKING_ERRORS)
        assert b"evt-bad" in letter.value
        assert b"rooms" in dict(letter.headers)["claimx-dlq-error"]
        assert count(rig, TRACKING) == len(sent) - 1
        assert set(rig.simulator.submissions.pairs()) == pairs(rig)


async def test_a_task_of_another_template_is_a_dead_letter_of_both_workers(rig):
    sent = messages(rig)
    rig.start()
    await publish(rig, [{**sent[0], "task_id": 24454}, {**sent[0], "task_id": "32513"}])
    await rig.idle()
    assert await rig.dead() == {TRACKING_ERRORS: 1, API_ERRORS: 1}
    (dead,) = await rig.records(API_ERRORS)
    assert b"'task_id' is 24454, must be one of 32513" in dict(dead.headers)["claimx-dlq-error"]
    assert count(rig, TRACKING) == 1


async def test_both_workers_share_what_claimx_answered(rig):
    sent = messages(rig)
    rig.start()
    await publish(rig, sent)
    await rig.idle()
    asked = rig.simulator.requests.find("/service/cxedirest/customTasks")
    assert len(asked) == len({request.path for request in asked})


@pytest.mark.incident("API-06")
@pytest.mark.incident("API-03")
@pytest.mark.parametrize("trouble", ["down", "throttling", "credential"])
async def test_itel_in_trouble_holds_its_own_worker_and_nobody_else(rig, trouble):
    simulation = rig.simulator.simulation
    right = simulation.itel_token
    match trouble:
        case "down":
            rig.simulator.faults.add(Fault(kind="error", path="/itel"))
        case "throttling":
            rig.simulator.faults.add(Fault(kind="throttle", path="/itel"))
        case _:
            simulation.itel_token = "changed"
    sent = messages(rig)
    rig.start()
    await publish(rig, sent)
    await rig.until(lambda: count(rig, TRACKING) == len(sent))
    await rig.until(lambda: "waiting" in state(rig, "itel-api"))
    assert state(rig, "itel-tracking") == "ready"
    assert len(rig.simulator.submissions) == 0
    rig.simulator.faults.clear()
    simulation.itel_token = right
    await assert_complete(rig, sent)
    assert await rig.dead() == {}
    outcomes = {row["outcome"] for row in rig.rows(f"SELECT outcome FROM {SUBMISSIONS}")}
    assert outcomes == {"accepted", "failed"}


async def test_an_outage_that_is_not_waited_for_climbs_the_ladder_and_ends_among_the_errors(
    tmp_path,
):
    overrides = {
        "workers.itel-api.outage": "dead_letter",
        "connections.itel_cabinet_api.breaker_failures": "0",
    }
    async with itel_rig(tmp_path, delays=(0.1, 0.2), overrides=overrides) as rig:
        rig.simulator.simulation.itel_token = "changed"
        sent = messages(rig)
        rig.start()
        await publish(rig, sent)
        await rig.until(lambda: count(rig, TRACKING) == len(sent))
        await rig.idle()
        asked = sum(1 for each in sent if (each["assignment_id"],) in {p[:1] for p in pairs(rig)})
        assert await rig.dead() == {API_ERRORS: asked}
        # Two events of one form that fail together make one request.
        tries = rig.rows(
            f"SELECT idempotency_key, count(*) AS n FROM {SUBMISSIONS} "
            "WHERE status_code = 401 GROUP BY idempotency_key"
        )
        assert len(tries) == len(pairs(rig))
        assert all(3 <= row["n"] <= 6 for row in tries)


@pytest.mark.incident("OFF-05")
async def test_a_form_that_itel_refuses_is_dead_and_the_others_go_on(rig):
    rig.simulator.faults.add(Fault(kind="error", path="/itel", status=422, times=1))
    sent = [each for each in messages(rig) if each["task_status"] == "COMPLETED"]
    rig.start()
    await publish(rig, sent)
    await rig.idle()
    assert await rig.dead() == {API_ERRORS: 1}
    assert len(rig.simulator.submissions) == len(pairs(rig)) - 1
    (refused,) = rig.rows(
        f"SELECT status_code, error, response, itel_task_id FROM {SUBMISSIONS} "
        "WHERE outcome = 'refused'"
    )
    assert refused["status_code"] == 422
    assert "422" in refused["error"]
    assert "asked to fail" in refused["response"]
    assert refused["itel_task_id"] is None


async def test_a_broker_that_does_not_answer_is_waited_for_by_both(tmp_path, caplog):
    async with itel_rig(tmp_path, overrides={"broker.deadline_seconds": "1"}) as rig:
        rig.simulator.faults.add(Fault(kind="latency", path="/service", seconds=0.5))
        sent = messages(rig)
        await working(rig)
        await publish(rig, sent)
        await rig.until(lambda: rig.simulator.requests.in_flight > 0)
        with sqlite3.connect(tmp_path / "broker.db", isolation_level=None) as other:
            other.execute("BEGIN EXCLUSIVE")
            with caplog.at_level(logging.WARNING):
                for worker in ("itel-tracking", "itel-api"):
                    await rig.until(lambda worker=worker: f"worker {worker} waits: " in caplog.text)
            other.execute("ROLLBACK")
        other.close()
        rig.simulator.faults.clear()
        await assert_complete(rig, sent)
        assert await rig.dead() == {}
