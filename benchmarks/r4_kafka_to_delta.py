"""R4: events from Kafka into a Delta table, batch by batch, commit by commit."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path

import orjson
from attrs import evolve
from bare_delta import BareTable, append
from harness import Conditions, Measured, Result, Stopwatch, compare
from kafka_topics import FilledTopic, fill
from product_loop import garbage_as_in_production, pipeline_in, run_worker

from claimx_pipeline.claimx.domain import CLAIMX
from claimx_pipeline.claimx.tables import EVENTS
from claimx_pipeline.workers import events as events_step


async def product(topic: FilledTopic, size: int, *, dedupe: bool) -> Measured:
    """Run the ``events`` worker over the topic into a new table."""
    with tempfile.TemporaryDirectory() as folder:
        pipeline = pipeline_in(Path(folder), topic)
        pipeline.tables[EVENTS.name] = evolve(EVENTS, dedupe=dedupe)
        pipeline.table_store.create(EVENTS.name)
        spec = evolve(events_step.worker(CLAIMX), batch_size=size, linger_seconds=1.0)
        with garbage_as_in_production():
            return await run_worker(topic, spec, pipeline)


async def bare(topic: FilledTopic, size: int) -> Measured:
    """Poll, decode, make columns, append on a reused handle, commit; no check at all."""
    with tempfile.TemporaryDirectory() as folder:
        table = BareTable(Path(folder) / "bare")
        consumer, watch, seen = await topic.bare_consumer(), Stopwatch(), 0
        batch: list[bytes] = []
        while seen < topic.count:
            polled = await consumer.getmany(timeout_ms=500, max_records=size - len(batch))
            if not watch.wall and not seen and not batch and polled:
                watch.start()
            batch += [record.value for records in polled.values() for record in records]
            if len(batch) < size and seen + len(batch) < topic.count:
                continue
            events = [orjson.loads(value) for value in batch]
            await asyncio.to_thread(append, table, events, batch)
            await consumer.commit()
            seen, batch = seen + len(batch), []
        watch.stop()
        await consumer.stop()
    return watch.measured(topic.count)


async def measure(url: str, *, rounds: int, events: int) -> list[Result]:
    """Measure at batches of 1,000 and 5,000, without and with dedupe."""
    topic = await fill(url, events)
    results = []
    for id_, size, dedupe, at_least in (
        ("R4", 1000, False, 0.7),
        ("R4", 5000, False, 0.7),
        ("R4d", 1000, True, 0.5),
        ("R4d", 5000, True, 0.5),
    ):

        async def one(size: int = size, dedupe: bool = dedupe) -> Measured:
            return await product(topic, size, dedupe=dedupe)

        async def other(size: int = size) -> Measured:
            return await bare(topic, size)

        what = f"Kafka to Delta, batch {size:,}, dedupe {'on' if dedupe else 'off'}; bare loop"
        results.append(
            await compare(
                id_,
                what,
                product=one,
                bare=other,
                unit="events/s",
                at_least=at_least,
                rounds=rounds,
            )
        )
    return results


async def bench(run: Conditions) -> list[Result]:
    """Measure."""
    return await measure(run.url, rounds=run.rounds, events=run.of(10_000, 40_000))
