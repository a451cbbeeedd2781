"""Workers as operators run them: a process each, shared partitions, ended by a signal."""

import asyncio
import json
import signal
import urllib.request
import uuid

import pytest

from claimx_pipeline import Pipeline
from claimx_pipeline.runtime.idle import wait_until_idle
from claimx_pipeline.simulator.server import SimulatorServer
from claimx_pipeline.simulator.world import World
from tests.rigs.command import Running, run, stop_all

CORE_WORKERS = ("ingest", "events", "enrichment", "entities")
ITEL_WORKERS = ("itel-tracking", "itel-api")
EVENTS, SEED = 200, 7


@pytest.fixture
def started():
    running: list[Running] = []
    yield running
    stop_all(running)


async def published(pipeline: Pipeline, world: World) -> None:
    """Create what is missing and publish the world's events."""
    from claimx_pipeline import OutRecord

    admin = pipeline.broker().admin()
    await admin.create_topics(pipeline.topology.new_topics())
    await admin.close()
    for table in pipeline.tables:
        await asyncio.to_thread(pipeline.table_store.create, table)
    producer = pipeline.broker().producer()
    await producer.start()
    topic = pipeline.topology.physical("claimx.events.raw")
    await producer.publish(
        [
            OutRecord(topic, json.dumps(event.value).encode(), str(event.project_id).encode())
            for event in world.events(EVENTS)
        ]
    )
    await producer.close()


async def idle(pipeline: Pipeline, names) -> None:
    admin = pipeline.broker().admin()
    async with asyncio.timeout(60):
        await wait_until_idle(admin, pipeline.topology, pipeline.select(names), pipeline.clock)
    await admin.close()


def environment(sim: SimulatorServer) -> dict[str, str]:
    return {
        "CLAIMX_API_URL": sim.api_url,
        "CLAIMX_API_TOKEN": "demo-token",
        "ITEL_CABINET_API_BASE_URL": sim.itel_url,
        "ITEL_CABINET_API_TOKEN": "demo-itel-token",
    }


@pytest.mark.kafka
@pytest.mark.plugin
async def test_each_worker_runs_alone_and_two_instances_share_the_partitions(
    tmp_path, kafka_url, started
):
    config = tmp_path / "claimx.yaml"
    config.write_text(
        f"broker: {{url: '{kafka_url}', prefix: 't-{uuid.uuid4().hex[:8]}.'}}\n"
        "workers: {events: {linger_seconds: 0.2}, entities: {linger_seconds: 0.2}}\n"
    )
    world = World(SEED)
    world.set_clock(world.end(EVENTS))
    async with SimulatorServer(world) as sim:
        env = environment(sim)
        pipeline = Pipeline.load(config, environ=env, cwd=tmp_path)
        await published(pipeline, world)
        names = (*CORE_WORKERS, *ITEL_WORKERS)
        for name in (*names, "enrichment"):
            started.append(Running.start("worker", name, cwd=tmp_path, env=env))
        for running in started:
            await asyncio.to_thread(running.wait_for, "owns ")
        await idle(pipeline, names)
        codes = [await asyncio.to_thread(running.stop, signal.SIGTERM, 10) for running in started]
        assert codes == [0] * len(started), [running.lines[-5:] for running in started]
        completed = {assignment for assignment, _ in world.expected_submissions(EVENTS)}
        assert len(sim.submissions) == len(completed)
    from claimx_pipeline.delta.querying.query import run_query

    counted = run_query(pipeline.table_store, "SELECT count(*) AS n FROM claimx_event_log")
    assert counted.to_pylist() == [{"n": EVENTS}]


@pytest.mark.incident("SHD-01")
@pytest.mark.incident("CFG-02")
async def test_every_worker_starts_reports_ready_and_ends_on_a_signal(tmp_path, started):
    """On the embedded broker; the health port is chosen and printed."""
    world = World(SEED)
    async with SimulatorServer(world) as sim:
        env = environment(sim)
        for command in (["topics", "create"], ["tables", "create"]):
            result = await asyncio.to_thread(run, *command, cwd=tmp_path, env=env)
            assert result.returncode == 0, result.stderr
        names = list(Pipeline.load(environ=env, cwd=tmp_path).workers)
        for name in names:
            started.append(Running.start("worker", name, cwd=tmp_path, env=env))
        for running in started:
            line = await asyncio.to_thread(running.wait_for, "health ")
            url = next(word for word in line.split() if word.startswith("http"))
            await asyncio.to_thread(running.wait_until, lambda url=url: answers_ready(url))
        for running in started:
            assert await asyncio.to_thread(running.stop, signal.SIGTERM, 10) == 0, running.lines


def answers_ready(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return json.load(answer)["status"] == "ready"
    except OSError:
        return False


@pytest.mark.incident("OFF-05")
async def test_a_record_that_is_no_event_is_a_dead_letter_and_the_worker_goes_on(tmp_path):
    from claimx_pipeline import OutRecord

    assert (await asyncio.to_thread(run, "topics", "create", cwd=tmp_path)).returncode == 0
    good = json.dumps({"eventType": "PROJECT_CREATED", "projectId": 1}).encode()
    pipeline = Pipeline.load(environ={}, cwd=tmp_path)
    producer = pipeline.broker().producer()
    await producer.start()
    topic = "claimx.events.raw"
    await producer.publish([OutRecord(topic, value, b"k") for value in (good, b"no event", good)])
    await producer.close()
    result = await asyncio.to_thread(run, "worker", "ingest", "--until-idle", cwd=tmp_path)
    assert result.returncode == 0, result.stderr
    assert "Traceback" not in result.stderr
    listed = await asyncio.to_thread(run, "topics", "list", "--json", cwd=tmp_path)
    records = {row["topic"]: row["records"] for row in json.loads(listed.stdout)}
    assert records["claimx.enrichment.pending"] == 2
    assert records["claimx.events.dlq"] == 1
