"""Status events in any order, an iTel that fails a fifth of all calls, workers that are killed.

``nox -s faults -- --long`` takes a thousand events; both forms print what the run found.
"""

import asyncio
import random
import signal
from datetime import UTC, datetime
from pathlib import Path

import pytest

from claimx_pipeline.runtime.idle import progress, wait_until_idle
from claimx_pipeline.simulator.faults import Fault, FaultKind
from claimx_pipeline.simulator.world import World
from tests.faults.form import FORM
from tests.rigs.command import Running, stop_all
from tests.rigs.itel import WORKERS, cabinet_events, itel_rig, publish, status_message
from tests.rigs.whole_pipeline import WholePipeline

pytestmark = pytest.mark.plugin

EVENTS = FORM.itel_events
SEED = 7
KILLED_AT = (0.2, 0.6)
"""Shares of the submissions after which the workers are killed."""
TROUBLES: tuple[FaultKind, ...] = ("error", "throttle", "black_hole", "half_body")
CONNECTION = "max_retries: 2, backoff_seconds: 0.05, timeout_seconds: 1, breaker_open_seconds: 1"
PATIENCE_SECONDS = 120 + EVENTS / 4


def events_of_world() -> int:
    """Return how many events must happen for ``EVENTS`` of them to be of cabinet tasks."""
    happened = 200
    while len(cabinet_events(World(SEED), happened)) < EVENTS:
        happened += 200
    return happened


def shuffled(rig: WholePipeline, happened: int) -> tuple[list[dict], set[str]]:
    """Return the messages in random order, some of them twice; and the ids of the events."""
    messages = [status_message(event) for event in cabinet_events(rig.world, happened)]
    chance = random.Random(SEED)
    published = messages + chance.sample(messages, len(messages) // 5)
    chance.shuffle(published)
    return published, {each["event_id"] for each in messages}


async def idle(rig: WholePipeline, running: Running) -> None:
    """Wait until nothing is left to do; a process that has ended by itself is a failure."""
    admin = rig.pipeline.broker().admin()
    workers = rig.pipeline.select(WORKERS)
    waiting = asyncio.create_task(
        wait_until_idle(admin, rig.pipeline.topology, workers, rig.pipeline.clock)
    )
    try:
        async with asyncio.timeout(PATIENCE_SECONDS):
            while not waiting.done():
                assert running.process.poll() is None, running.lines[-5:]
                await asyncio.sleep(0.1)
    except TimeoutError:
        found = await progress(admin, rig.pipeline.topology, workers)
        raise AssertionError("\n".join([f"not idle: {found.lag}", *running.lines[-20:]])) from None
    await waiting
    await admin.close()


async def killed_twice(rig: WholePipeline, folder: Path, forms: int) -> datetime:
    """Run the workers, kill them twice amid their work, let them finish; when was the last?"""
    running = Running.start("worker", *WORKERS, cwd=folder)
    try:
        for share in KILLED_AT:
            async with asyncio.timeout(PATIENCE_SECONDS):
                while len(rig.simulator.submissions) < share * forms:
                    assert running.process.poll() is None, running.lines[-5:]
                    await asyncio.sleep(0.01)
            running.process.send_signal(signal.SIGKILL)
            stop_all([running])
            running = Running.start("worker", *WORKERS, cwd=folder)
            # What the dead one had sent may still lie in the simulator's sockets; the new
            # one sends nothing before it has told what it runs.
            await asyncio.to_thread(running.wait_for, "worker  itel-api", PATIENCE_SECONDS)
            last = datetime.now(UTC)
        await idle(rig, running)
        assert await asyncio.to_thread(running.stop, timeout=60) == 0, running.lines[-5:]
    finally:
        stop_all([running])
    return last


@pytest.mark.incident("LAT-02")
@pytest.mark.incident("LAT-13")
async def test_each_event_is_kept_once_and_each_form_is_submitted_and_answered_for(tmp_path):
    happened = events_of_world()
    delays = (0.2, 0.3, 0.4, 0.5, 0.6, 0.7)
    async with itel_rig(tmp_path, seed=SEED, itel_options=CONNECTION, delays=delays) as rig:
        for kind in TROUBLES:
            fault = Fault(kind=kind, path="/itel", rate=0.05, seconds=0, status=500)
            rig.simulator.faults.add(fault)
        messages, ids = shuffled(rig, happened)
        forms = rig.world.expected_submissions(happened)
        await publish(rig, messages)
        last_kill = await killed_twice(rig, tmp_path, len(forms))
        assert await rig.dead() == {}
        assert_tracked(rig, ids, forms)
        assert_answered_for(rig, forms, last_kill)


def assert_tracked(rig: WholePipeline, ids: set[str], forms: set[tuple[int, str]]) -> None:
    """Each event has one row; each form is as it is in the end."""
    tracked = [
        row["event_id"] for row in rig.rows("SELECT event_id FROM itel_cabinet_task_tracking")
    ]
    assert len(tracked) == len(ids)
    assert set(tracked) == ids
    rows = rig.rows("SELECT assignment_id, form_response_id, status FROM claimx_itel_forms")
    found = {
        (r["assignment_id"], r["form_response_id"]) for r in rows if r["status"] == "COMPLETED"
    }
    assert found == forms
    assert len(rows) == len({row["assignment_id"] for row in rows})


def assert_answered_for(
    rig: WholePipeline, forms: set[tuple[int, str]], last_kill: datetime
) -> None:
    """What the table says of each form is what iTel has seen."""
    keys = {f"itel/{assignment}/{response}" for assignment, response in forms}
    rows = rig.rows("SELECT idempotency_key, attempt_id, status_code FROM itel_cabinet_submissions")
    told = {row["attempt_id"]: row for row in rows}
    assert len(told) == len(rows)
    requests = {
        request.headers["x-attempt-id"]: request
        for request in rig.simulator.requests.find("/itel", method="POST")
    }
    # One that never reached iTel, timed out while it connected say, has no answer either.
    assert [name for name in told.keys() - requests.keys() if told[name]["status_code"]] == []
    assert {request.idempotency_key for request in requests.values()} == keys
    assert {s.idempotency_key for s in rig.simulator.submissions.accepted} == keys
    assert {row["idempotency_key"] for row in rows if row["status_code"] == 200} == keys
    wrong = [
        row
        for row in rows
        # An answer that was cut off is none for the caller.
        if row["status_code"] is not None
        and row["status_code"] != requests[row["attempt_id"]].status
    ]
    assert wrong == []
    untold = [request for name, request in requests.items() if name not in told]
    print(
        f"{len(forms)} forms, {len(requests)} requests, "
        f"{len(untold)} of them left without a row by {len(KILLED_AT)} kills"
    )
    assert [request for request in untold if request.at > last_kill] == []
