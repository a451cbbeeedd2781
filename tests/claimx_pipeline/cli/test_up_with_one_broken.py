"""``up`` and ``worker`` as processes of which one worker is broken for good, or all are."""

import asyncio
import json
import shutil
import signal
import urllib.error
import urllib.request

import pytest

from claimx_pipeline import operations
from claimx_pipeline.pipeline import Pipeline
from tests.rigs.command import Running, run, stop_all
from tests.rigs.topics import admin_of
from tests.rigs.until import until

RAW = "claimx.events.raw"
ENVIRONMENT = {
    "CLAIMX_API_URL": "http://127.0.0.1:9/x",
    "CLAIMX_API_TOKEN": "t",
    "ITEL_CABINET_API_BASE_URL": "http://127.0.0.1:9/i",
    "ITEL_CABINET_API_TOKEN": "t",
}


def events(*numbers):
    return [
        {"eventId": f"e{n}", "eventType": "PROJECT_CREATED", "projectId": str(n)} for n in numbers
    ]


@pytest.fixture
def started():
    running: list[Running] = []
    yield running
    stop_all(running)


async def pipeline_in(folder) -> Pipeline:
    pipeline = Pipeline.load(environ=ENVIRONMENT, cwd=folder)
    await operations.create_all(pipeline)
    return pipeline


async def broken_for_good(pipeline: Pipeline, worker: str) -> None:
    """Let the group of *worker* be further than its topic is."""
    group = pipeline.topology.group(pipeline.workers[worker].group)
    async with admin_of(pipeline.broker()) as admin:
        await admin.commit_offsets(group, RAW, {0: 99})


async def up(started, folder, *command: str) -> tuple[Running, str]:
    running = Running.start(*command, cwd=folder, env=ENVIRONMENT)
    started.append(running)
    line = await asyncio.to_thread(running.wait_for, "health ")
    return running, next(word for word in line.split() if word.startswith("http"))


def answer(url: str) -> tuple[int, dict]:
    try:
        with urllib.request.urlopen(url, timeout=5) as found:
            return found.status, json.load(found)
    except urllib.error.HTTPError as error:
        return error.code, json.load(error)


async def until_says(url: str, worker: str, text: str) -> None:
    async def says() -> bool:
        status, told = await asyncio.to_thread(answer, url)
        return status == 503 and text in told["workers"][worker]

    await until(says, seconds=60)


@pytest.mark.incident("STR-15")
async def test_up_with_one_worker_broken_for_good_keeps_the_others_working(tmp_path, started):
    pipeline = await pipeline_in(tmp_path)
    await broken_for_good(pipeline, "events")
    running, url = await up(started, tmp_path, "up")
    await until_says(url, "events", "failed: worker 'events' is not started")
    await operations.publish(pipeline, RAW, events(1, 2, 3))

    async def passed_on() -> bool:
        return len(await operations.read_topic(pipeline, "claimx.enrichment.pending")) == 3

    await until(passed_on, seconds=60)
    assert await asyncio.to_thread(running.stop, signal.SIGTERM, 20) == 1
    assert "worker events failed after 0 records" in "\n".join(running.lines)
    assert "claimx-run: worker 'events' is not started" in "\n".join(running.lines)


@pytest.mark.incident("STR-15")
async def test_a_run_until_idle_leaves_out_what_has_failed_and_says_so_by_its_exit_code(tmp_path):
    pipeline = await pipeline_in(tmp_path)
    await broken_for_good(pipeline, "events")
    await operations.publish(pipeline, RAW, events(1, 2, 3))
    done = await asyncio.to_thread(
        run, "worker", "ingest", "events", "--until-idle", cwd=tmp_path, env=ENVIRONMENT
    )
    assert done.returncode == 1
    assert "worker ingest stopped after 3 records: 3 done, 0 to be retried, 0 dead" in done.stderr
    assert "claimx-run: worker 'events' is not started" in done.stderr
    assert "Traceback" not in done.stderr


@pytest.mark.incident("STR-67")
async def test_up_is_not_ready_once_its_data_folder_is_deleted(tmp_path, started):
    await pipeline_in(tmp_path)
    running, url = await up(started, tmp_path, "up")
    await asyncio.to_thread(running.wait_for, "entities", 30)
    await until(lambda: answer(url)[1]["workers"]["events"] == "ready", seconds=60)
    shutil.rmtree(tmp_path / "claimx-data")
    for worker in ("ingest", "events", "entities"):
        await until_says(url, worker, "does not exist")
    assert await asyncio.to_thread(running.stop, signal.SIGTERM, 30) == 1
    assert "Traceback" not in "\n".join(running.lines)


@pytest.mark.incident("STR-62")
async def test_the_last_line_says_what_failed_and_until_when_it_waits(tmp_path):
    pipeline = await pipeline_in(tmp_path)
    await operations.publish(pipeline, RAW, [*events(1), {"eventType": 5}, {"no": "event"}])
    done = await asyncio.to_thread(run, "worker", "ingest", "--until-idle", cwd=tmp_path)
    assert done.returncode == 0
    # Nothing but objects, so that whoever reads them need not guess.
    last = [json.loads(line) for line in done.stderr.splitlines()][-1]
    assert last["message"] == (
        "worker ingest stopped after 3 records: 1 done, 0 to be retried, 2 dead, 0 waiting"
    )
    assert "records are dead letters (permanent, the first at claimx.events.raw" in done.stderr


async def test_a_strict_run_ends_with_1_if_a_record_died_and_with_0_if_none_did(tmp_path):
    pipeline = await pipeline_in(tmp_path)
    await operations.publish(pipeline, RAW, events(1))
    command = ("worker", "ingest", "--until-idle", "--strict")
    assert (await asyncio.to_thread(run, *command, cwd=tmp_path)).returncode == 0
    await operations.publish(pipeline, RAW, [{"eventType": 5}])
    done = await asyncio.to_thread(run, *command, cwd=tmp_path)
    assert done.returncode == 1
    assert "claimx-run: not everything is done: 1 dead, 0 waiting" in done.stderr
    again = await asyncio.to_thread(run, *command, cwd=tmp_path)
    assert again.returncode == 0, "what died in an earlier run is not of this one"
