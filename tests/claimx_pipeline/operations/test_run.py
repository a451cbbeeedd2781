"""Workers in this process: until idle, until stopped, until one fails."""

import asyncio
import os
import signal
import urllib.request

import pytest

from claimx_pipeline import Pipeline, UsageError, operations
from claimx_pipeline.errors import BrokerError, ClaimxError, SettingsError
from claimx_pipeline.operations import WorkerRun, publish, run_until_idle, run_workers

RAW = "claimx.events.raw"


def events(*numbers):
    return [
        {"eventId": f"e{n}", "eventType": "PROJECT_CREATED", "projectId": str(n)} for n in numbers
    ]


def keys(*numbers):
    return [str(n) for n in numbers]


async def test_a_run_until_idle_says_what_each_worker_did(ready):
    await operations.publish(ready, RAW, events(1, 2, 3))
    done = await operations.run_until_idle(ready, "ingest", "events")
    assert sorted(done, key=lambda each: each.worker) == [
        WorkerRun("events", 3),
        WorkerRun("ingest", 3),
    ]
    assert operations.query(ready, "SELECT event_id FROM claimx_events").num_rows == 3
    assert await operations.run_until_idle(ready, "ingest") == [WorkerRun("ingest", 0)]


async def test_several_members_of_a_worker_count_together(ready):
    await operations.publish(ready, RAW, events(*range(20)), keys=keys(*range(20)))
    done = await operations.run_workers(ready, "ingest", instances=3, until_idle=True)
    assert done == [WorkerRun("ingest", 20)]


async def test_workers_take_what_is_published_while_they_run(ready):
    async with operations.running(ready, "events") as run:
        for number in range(3):
            await operations.publish(ready, RAW, events(number))
            await run.until_idle()
            counted = await asyncio.to_thread(
                operations.query, ready, "SELECT count(*) AS n FROM claimx_events"
            )
            assert counted.to_pylist() == [{"n": number + 1}]
            assert (await run.progress()).lag == {"events": 0}
        assert not run.stopping
    assert run.stopping
    assert run.done() == [WorkerRun("events", 3)]


async def test_the_callers_event_ends_a_run(ready):
    stop = asyncio.Event()
    service = asyncio.create_task(operations.run_workers(ready, "ingest", stop=stop))
    await operations.publish(ready, RAW, events(1))
    async with asyncio.timeout(30):
        while not await operations.read_topic(ready, "claimx.enrichment.pending"):
            assert not service.done()
        stop.set()
        assert await service == [WorkerRun("ingest", 1)]


async def test_stopping_from_inside_ends_both_kinds_of_waiting(ready):
    async with operations.running(ready, "ingest") as run, asyncio.timeout(30):
        run.stop()
        await run.until_ended()
        await run.until_idle()


async def test_a_signal_ends_a_run_that_asked_for_signals(ready):
    before = signal.getsignal(signal.SIGTERM)
    async with asyncio.timeout(30):
        async with operations.running(ready, "ingest", signals=True) as run:
            os.kill(os.getpid(), signal.SIGTERM)
            await run.until_ended()
    assert signal.getsignal(signal.SIGTERM) == before


async def test_a_worker_that_fails_ends_the_run_with_its_error(ready, load, tmp_path):
    await operations.publish(ready, RAW, events(1))
    await operations.run_until_idle(ready, "events")
    (tmp_path / "claimx-data" / "broker.db").unlink()
    pipeline = load()
    await operations.create_topics(pipeline)
    async with asyncio.timeout(60):
        with pytest.raises(ClaimxError, match="recreated"):
            await operations.run_workers(pipeline, "events", "ingest")
        with pytest.raises(ClaimxError, match="recreated"):
            await operations.run_until_idle(pipeline, "events")


async def test_an_error_of_the_caller_stops_the_workers_and_comes_through(ready):
    with pytest.raises(LookupError):
        async with operations.running(ready, "ingest") as run:
            raise LookupError
    assert run.stopping
    assert len(asyncio.all_tasks()) == 1


async def test_probes_and_metrics_are_served_only_if_asked_for(load):
    pipeline = load()
    await operations.create_all(pipeline)
    async with operations.running(pipeline, "ingest") as run:
        assert run.health_port == 0
    async with operations.running(pipeline, "ingest", health_server=True) as run:
        url = f"http://127.0.0.1:{run.health_port}/metrics"
        text = await asyncio.to_thread(lambda: urllib.request.urlopen(url).read().decode())
    assert "claimx" in text


async def test_what_is_missing_is_named_before_anything_starts(ready):
    with pytest.raises(UsageError, match="there is no worker 'ingesd'; did you mean 'ingest'"):
        await operations.run_until_idle(ready, "ingesd")
    with pytest.raises(SettingsError, match="CLAIMX_API_URL"):
        await operations.run_until_idle(ready, "enrichment")


async def test_without_topics_the_run_ends_with_what_to_do(pipeline):
    async with asyncio.timeout(60):
        with pytest.raises(BrokerError, match="claimx-run topics create"):
            await operations.run_until_idle(pipeline, "ingest")


@pytest.mark.incident("STR-64")
@pytest.mark.parametrize(
    ("names", "said"),
    [
        ((), r"no worker is named; name workers \(ingest, .*\) or sets of them \(.*claimx.*\)"),
        ((["ingest"],), "named one by one"),
        ((None,), "named one by one"),
        (("nothing",), "there is no worker 'nothing'"),
    ],
)
async def test_a_call_without_workers_is_a_sentence(tmp_path, names, said):
    pipeline = Pipeline.load(environ={}, cwd=tmp_path)
    for call in (run_until_idle, run_workers):
        with pytest.raises(UsageError, match=said) as raised:
            await call(pipeline, *names)
        assert "\n" not in str(raised.value)
    with pytest.raises(UsageError, match="instances is 0"):
        await run_workers(pipeline, "events", instances=0)


@pytest.mark.incident("STR-64")
async def test_a_single_message_or_too_few_keys_are_a_sentence(tmp_path):
    pipeline = Pipeline.load(environ={}, cwd=tmp_path)
    for single in (b"{}", "{}", {"a": 1}):
        with pytest.raises(UsageError, match="a single message; give a list"):
            await publish(pipeline, "t", single)
    with pytest.raises(UsageError, match="1 keys for 2 messages"):
        await publish(pipeline, "t", [{}, {}], keys=["a"])
