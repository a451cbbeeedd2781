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
from attrs import define, evolve, field
from bare_delta import BareTable, append
from deltalake import DeltaTable
from harness import Conditions, Result, compare_times
from kafka_topics import FilledTopic, fill
from product_loop import garbage_as_in_production, pipeline_in

from claimx_pipeline.broker.protocol import OutRecord
from claimx_pipeline.claimx.domain import CLAIMX
from claimx_pipeline.claimx.tables import EVENTS
from claimx_pipeline.runtime.loop import WorkerLoop
from claimx_pipeline.telemetry.health import Health
from claimx_pipeline.telemetry.metrics import Metrics
from claimx_pipeline.topics import Topic
from claimx_pipeline.workers import events as events_step

GAP = 0.1
WARMING = 3

Began = Callable[[], None]
Way = Callable[..., AbstractAsyncContextManager[Path]]


@asynccontextmanager
async def product(
    topic: FilledTopic, folder: Path, group: str, began: Began = lambda: None
) -> AsyncIterator[Path]:
    """Run the ``events`` worker without a linger; give the table's place.

    *began* is called once settings and plugins are loaded and the table exists.
    """
    with garbage_as_in_production():
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


def newest(place: Path) -> Path | None:
    """Return the file of the table's last commit; None before the first."""
    return max((place / "_delta_log").glob("*.json"), default=None)


async def committed(place: Path, before: Path | None) -> float:
    """Wait for a commit after *before*; return when its file was written, seconds since 1970."""
    while (found := newest(place)) is None or found == before:  # noqa: ASYNC110 - a file
        await asyncio.sleep(0.001)
    return found.stat().st_mtime


async def latency(way: Way, url: str, events: int) -> float:
    """Return the median seconds from publishing an event to the file of its commit."""
    topic = await fill(url, 0)
    producer, seconds = topic.broker().producer(), []
    await producer.start()
    with tempfile.TemporaryDirectory() as folder:
        async with way(topic, Path(folder), f"bench-{uuid.uuid4().hex}") as place:
            for number in range(events + WARMING):
                value, key = sample_events.value(number), sample_events.key(number)
                before, began = newest(place), time.time()
                await producer.publish([OutRecord(topic.name, value, key)])
                seconds.append(await committed(place, before) - began)
                await asyncio.sleep(GAP)
            rows = await asyncio.to_thread(lambda: DeltaTable(str(place)).count())
            if rows != events + WARMING:
                raise RuntimeError(f"{rows} rows after {events + WARMING} events")
    await producer.close()
    return statistics.median(seconds[WARMING:])


@define
class Restarts:
    """One way's table, topic and group, started again and again."""

    way: Way
    topic: FilledTopic
    folder: Path
    group: str = field(factory=lambda: f"bench-{uuid.uuid4().hex}")
    number: int = 1

    async def once(self) -> float:
        """Return the seconds from the start of a stopped worker to the commit of its first row.

        Counted on both sides from the moment at which the code is there to run: the product's
        settings and plugins are loaded before, as the bare loop has none to load.
        """
        starts: list[float] = []
        before: list[Path | None] = []

        def began() -> None:
            before.append(newest(next(iter(self.folder.rglob("_delta_log")), self.folder).parent))
            starts.append(time.time())

        async with self.way(self.topic, self.folder, self.group, began) as place:
            known = before[0] or (newest(place) if self.number == 1 else None)
            seconds = await committed(place, known) - starts[0]
            await asyncio.sleep(GAP)
        value, key = sample_events.value(self.number), sample_events.key(self.number)
        producer = self.topic.broker().producer()
        await producer.start()
        await producer.publish([OutRecord(self.topic.name, value, key)])
        await producer.close()
        self.number += 1
        return seconds


async def bench(run: Conditions) -> list[Result]:
    """Measure both, product and bare loop in turn."""
    events, rounds = run.of(8, 15), run.rounds
    results = [
        await compare_times(
            "R7",
            "event in to the file of its commit, no linger; bare loop",
            product=lambda: latency(product, run.url, events),
            bare=lambda: latency(bare, run.url, events),
            at_most=1.2,
            rounds=rounds,
        )
    ]
    with tempfile.TemporaryDirectory() as ours, tempfile.TemporaryDirectory() as theirs:
        mine = Restarts(product, await fill(run.url, 1), Path(ours))
        other = Restarts(bare, await fill(run.url, 1), Path(theirs))
        results.append(
            await compare_times(
                "R10",
                "restart to the file of the first commit, loaded; bare open + join",
                product=mine.once,
                bare=other.once,
                at_most=1.5,
                rounds=run.of(3, 8),
            )
        )
    return results
