"""R4: events from Kafka into a Delta table, batch by batch, commit by commit."""

from __future__ import annotations

import asyncio
import statistics
import tempfile
from datetime import timedelta
from pathlib import Path

import orjson
import pyarrow as pa
import sample_events
from attrs import evolve
from bare_delta import BareTable, append
from deltalake import DeltaTable, write_deltalake
from harness import Conditions, Measured, Result, Stopwatch, compare, single
from kafka_topics import FilledTopic, fill
from product_loop import pipeline_in, run_worker

from claimx_pipeline.claimx.domain import CLAIMX
from claimx_pipeline.claimx.tables import EVENTS
from claimx_pipeline.workers import events as events_step

STORED_BY_FILE = 100_000
STORED_APART = timedelta(milliseconds=3)
"""Between two events that are stored already: 10⁶ of them are 50 minutes."""


def store_rows(table: DeltaTable, rows: int) -> None:
    """Append *rows* events that came before those of the topic."""
    raw, schema = sample_events.value(0).decode(), EVENTS.schema()
    for start in range(0, rows, STORED_BY_FILE):
        numbers = range(start, min(start + STORED_BY_FILE, rows))
        times = [sample_events.START - (rows - number) * STORED_APART for number in numbers]
        made = {
            "event_id": [f"{number:064x}" for number in numbers],
            "event_type": ["PROJECT_FILE_ADDED"] * len(numbers),
            "project_id": [str(100_000 + number % 997) for number in numbers],
            "ingested_at": times,
            "created_at": times,
            "event_date": [time.date() for time in times],
            "raw_data": [raw] * len(numbers),
        }
        nothing = [None] * len(numbers)
        columns = {name: made.get(name, nothing) for name in schema.names}
        write_deltalake(table, pa.table(columns, schema=schema), mode="append")


async def product(topic: FilledTopic, size: int, *, dedupe: bool, stored: int = 0) -> Measured:
    """Run the ``events`` worker over the topic into a table with so many rows."""
    with tempfile.TemporaryDirectory() as folder:
        pipeline = pipeline_in(Path(folder), topic)
        pipeline.tables[EVENTS.name] = evolve(EVENTS, dedupe=dedupe)
        pipeline.table_store.create(EVENTS.name)
        store_rows(pipeline.table_store.open(EVENTS.name), stored)
        spec = evolve(events_step.worker(CLAIMX), batch_size=size, linger_seconds=1.0)
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


async def into_large_table(topic: FilledTopic, rows: int, rounds: int) -> list[Result]:
    """Measure with dedupe into a table with *rows* rows of the hour before."""
    firsts: list[float] = []

    async def one() -> Measured:
        measured = await product(topic, 5000, dedupe=True, stored=rows)
        firsts.append(measured.first_commit)
        return measured

    what = f"the same, 5,000, into {rows:,} rows of the hour before"
    rate = await compare(
        "R4m",
        what,
        product=one,
        bare=lambda: bare(topic, 5000),
        unit="events/s",
        at_least=0.5,
        rounds=rounds,
    )
    first = statistics.median(firsts)
    what = f"first batch of 5,000 to its commit in {rows:,} rows, s"
    return [rate, single("R4f", what, value=first, unit="s", at_most=0.5)]


async def measure(url: str, *, rounds: int, events: int, stored: int) -> list[Result]:
    """Measure at batches of 1,000 and 5,000, without and with dedupe; then into a large table."""
    topic = await fill(url, events)
    results = []
    for id_, size, dedupe, at_least in (
        ("R4", 1000, False, 0.7),
        ("R4", 5000, False, 0.7),
        ("R4d", 1000, True, 0.7),
        ("R4d", 5000, True, 0.7),
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
    return results + await into_large_table(topic, stored, rounds)


async def bench(run: Conditions) -> list[Result]:
    """Measure."""
    return await measure(
        run.url,
        rounds=run.rounds,
        events=run.of(10_000, 40_000),
        stored=run.of(100_000, 1_000_000),
    )
