"""R7 and R10: event in to row visible at light load, and restart to the first new commit."""

from __future__ import annotations

import asyncio
import statistics
import tempfile
import time
import uuid
from collections.abc import AsyncIterator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from pathlib import Path

import orjson
import sample_events
from aiokafka import AIOKafkaConsumer
from attrs import evolve
from bare_delta import BareTable, append
from deltalake import DeltaTable
from harness import Conditions, Result, single
from kafka_topics import FilledTopic, fill
from product_loop import pipeline_in

from claimx_pipeline.broker.protocol import OutRecord
from claimx_pipeline.claimx.domain import CLAIMX
from claimx_pipeline.claimx.tables import EVENTS
from claimx_pipeline.runtime.loop import WorkerLoop
from claimx_pipeline.telemetry.health import Health
from claimx_pipeline.telemetry.metrics import Metrics
from claimx_pipeline.topics import Topic
from claimx_pipeline.workers import events as events_step

GAP = 0.1

Began = Callable[[], None]
Way = Callable[..., AbstractAsyncContextManager[Path]]


@asynccontextmanager
async def product(
    topic: FilledTopic, folder: Path, group: str, began: Began = lambda: None
) -> AsyncIterator[Path]:
    """Run the ``events`` worker without a linger; give the table's place.

    *began* is called once settings and plugins are loaded and the table exists.
    """
    pipeline = pipeline_in(folder, topic)
    pipeline.table_store.create(EVENTS.name)
    began()
    spec = evolve(
        events_step.worker(CLAIMX), group=group, reads=(Topic(topic.name),), linger_seconds=0.0
    )
    stop, health = asyncio.Event(), Health(pipeline.clock)
    health.expect(spec.name)
    resources = pipeline.resources(topic.broker(), health)
    loop = WorkerLoop(spec, resources, Metrics().worker(spec.name, health), stop)
    working = asyncio.create_task(loop.run())
    try:
        yield Path(pipeline.table_store.location(EVENTS.name).uri)
    finally:
        stop.set()
        await working
        await resources.connections.close()


@asynccontextmanager
async def bare(
    topic: FilledTopic, folder: Path, group: str, began: Began = lambda: None
) -> AsyncIterator[Path]:
    """Poll, decode, append, commit; nothing else."""
    place = folder / "bare"
    began()
    table = BareTable(place)
    consumer = AIOKafkaConsumer(
        topic.name,
        bootstrap_servers=topic.url.removeprefix("kafka://"),
        group_id=group,
        auto_offset_reset="earliest",
        enable_auto_commit=False,
    )
    await consumer.start()

    async def work() -> None:
        while True:
            polled = await consumer.getmany(timeout_ms=500, max_records=1000)
            raw = [record.value for records in polled.values() for record in records]
            if raw:
                await asyncio.to_thread(append, table, [orjson.loads(each) for each in raw], raw)
                await consumer.commit()

    working = asyncio.create_task(work())
    try:
        yield place
    finally:
        working.cancel()
        await asyncio.gather(working, return_exceptions=True)
        await consumer.stop()


async def until_rows(place: Path, count: int) -> None:
    """Wait until the table holds *count* rows; its log is looked at every millisecond."""
    seen = -1
    while True:
        files = len(list((place / "_delta_log").glob("*.json")))
        if files != seen:
            seen = files
            table = await asyncio.to_thread(DeltaTable, str(place))
            if (await asyncio.to_thread(table.count)) >= count:
                return
        await asyncio.sleep(0.001)


async def latency(way: Way, url: str, events: int) -> float:
    """Return the median seconds from publishing an event to its row."""
    topic = await fill(url, 0)
    producer, seconds = topic.broker().producer(), []
    await producer.start()
    with tempfile.TemporaryDirectory() as folder:
        async with way(topic, Path(folder), f"bench-{uuid.uuid4().hex}") as place:
            for number in range(events + 3):
                began = time.perf_counter()
                value, key = sample_events.value(number), sample_events.key(number)
                await producer.publish([OutRecord(topic.name, value, key)])
                await until_rows(place, number + 1)
                seconds.append(time.perf_counter() - began)
                await asyncio.sleep(GAP)
    await producer.close()
    return statistics.median(seconds[3:])


async def restart(way: Way, url: str, rounds: int) -> float:
    """Return the median seconds from the start of a stopped worker to its first new row.

    Counted on both sides from the moment at which the code is there to run: the product's
    settings and plugins are loaded before, as the bare loop has none to load.
    """
    topic = await fill(url, 1)
    producer, seconds = topic.broker().producer(), []
    await producer.start()
    group = f"bench-{uuid.uuid4().hex}"
    with tempfile.TemporaryDirectory() as folder:
        for number in range(1, rounds + 2):
            starts: list[float] = []

            def began(starts: list[float] = starts) -> None:
                starts.append(time.perf_counter())

            async with way(topic, Path(folder), group, began) as place:
                await until_rows(place, number)
                seconds.append(time.perf_counter() - starts[0])
                await asyncio.sleep(GAP)
            value = sample_events.value(number)
            await producer.publish([OutRecord(topic.name, value, sample_events.key(number))])
    await producer.close()
    return statistics.median(seconds[1:])


async def bench(run: Conditions) -> list[Result]:
    """Measure both."""
    results = []
    events, rounds = run.of(15, 60), run.of(3, 8)
    slow, fast = await latency(bare, run.url, events), await latency(product, run.url, events)
    what = "event in to row visible, no linger; bare loop"
    results.append(single("R7", what, value=fast * 1000, bare=slow * 1000, unit="ms", at_most=1.5))
    slow, fast = await restart(bare, run.url, rounds), await restart(product, run.url, rounds)
    what = "restart to first new row, loaded; bare open + group join"
    results.append(single("R10", what, value=fast * 1000, bare=slow * 1000, unit="ms", at_most=1.5))
    return results
