"""R3: what one append commit of 100 rows costs, and whether it stays that way."""

from __future__ import annotations

import asyncio
import statistics
import tempfile
import time
from pathlib import Path
from typing import Any

import msgspec
import sample_events
from attrs import evolve, frozen
from bare_delta import BareTable, append
from harness import Conditions, Measured, Result, Stopwatch, compare, single

from claimx_pipeline.broker.protocol import TopicPartition
from claimx_pipeline.claimx.events import decode_event
from claimx_pipeline.claimx.tables import EVENTS
from claimx_pipeline.clock import SystemClock
from claimx_pipeline.delta.rows import TableRow
from claimx_pipeline.delta.spec import TableSpec
from claimx_pipeline.delta.store import TableStore
from claimx_pipeline.delta.writing.sink import TableSink
from claimx_pipeline.settings.tree.tables import TablesSettings

ROWS = 100
FLAT_COMMITS = 1000
FLAT_EDGE = 50


def rows(start: int) -> list[TableRow]:
    """Return 100 new rows as the events worker makes them."""
    made = []
    for number in range(start, start + ROWS):
        value = sample_events.value(number)
        event = decode_event(value, 0)
        values: dict[str, Any] = {
            "event_id": event.event_id,
            "event_type": event.event_type,
            "project_id": event.project_id,
            "media_id": event.media_id,
            "task_assignment_id": event.task_assignment_id,
            "master_file_name": event.master_file_name,
            "ingested_at": event.ingested_at,
            "created_at": event.ingested_at,
            "event_date": event.ingested_at.date(),
            "raw_data": value.decode(),
        }
        made.append(TableRow(EVENTS.name, values, time_in_key=event.id_has_time))
    return made


def store(folder: Path, spec: TableSpec) -> TableStore:
    """Return a store in *folder* with the table created."""
    made = TableStore(TablesSettings(root=str(folder)), {spec.name: spec}, SystemClock())
    made.create(spec.name)
    return made


@frozen
class Source:
    """Where a row's record lies."""

    offset: int
    topic: str = "bench"
    partition: int = 0


PLACE = TopicPartition("bench", 0)


async def opened(folder: Path, spec: TableSpec) -> TableSink:
    """Return the product's sink, owning the one partition."""
    sink = store(folder, spec).sink(spec.name, "bench")
    await sink.open()
    await sink.acquire([PLACE])
    return sink


async def write(sink: TableSink, number: int, batch: list[TableRow]) -> None:
    """Write batch *number*."""
    start = number * ROWS
    sources: Any = [Source(start + at) for at in range(len(batch))]
    await sink.write(batch, sources, {PLACE: start + len(batch)})


async def product(folder: Path, spec: TableSpec, commits: int) -> Measured:
    """Append through the product's sink."""
    sink = await opened(folder, spec)
    batches = [rows(number * ROWS) for number in range(commits)]
    watch = Stopwatch()
    with watch.running():
        for number, batch in enumerate(batches):
            await write(sink, number, batch)
    await sink.close()
    return watch.measured(commits)


async def bare(folder: Path, commits: int) -> Measured:
    """Append through a bare handle, from rows to table as the product does."""
    values = [
        [sample_events.value(number) for number in range(start, start + ROWS)]
        for start in range(0, commits * ROWS, ROWS)
    ]
    decoded = [[msgspec.json.decode(value) for value in batch] for batch in values]
    table, watch = BareTable(folder / "bare"), Stopwatch()
    with watch.running():
        for events, raw in zip(decoded, values, strict=True):
            await asyncio.to_thread(append, table, events, raw)
    return watch.measured(commits)


async def flatness(commits: int) -> list[Result]:
    """Return how much slower late commits of one long-lived sink are.

    Than its first ones, and than a bare handle's at the same version: each beside the other.
    """
    with tempfile.TemporaryDirectory() as folder:
        sink = await opened(Path(folder) / "product", EVENTS)
        table = BareTable(Path(folder) / "bare")
        seconds, others = [], []
        for number in range(commits):
            batch = rows(number * ROWS)
            raw = [sample_events.value(at) for at in range(number * ROWS, (number + 1) * ROWS)]
            events = [msgspec.json.decode(value) for value in raw]
            began = time.perf_counter()
            await write(sink, number, batch)
            seconds.append(time.perf_counter() - began)
            began = time.perf_counter()
            await asyncio.to_thread(append, table, events, raw)
            others.append(time.perf_counter() - began)
        await sink.close()
    last, first = statistics.median(seconds[-FLAT_EDGE:]), statistics.median(seconds[:FLAT_EDGE])
    bare_last = statistics.median(others[-FLAT_EDGE:])
    which = f"commits {commits - FLAT_EDGE + 1}-{commits}"
    return [
        single(
            "R3b",
            f"{which}; a bare handle's at the same version",
            value=last * 1000,
            bare=bare_last * 1000,
            unit="ms",
            at_most=1.25,
        ),
        single(
            "R3f",
            f"{which}; commits 1-{FLAT_EDGE}",
            value=last * 1000,
            bare=first * 1000,
            unit="ms",
            at_most=2.0,
        ),
    ]


async def measure(*, rounds: int, commits: int, flat_commits: int) -> list[Result]:
    """Measure *commits* commits a round, and the flatness over *flat_commits*."""
    results = []
    for id_, what, spec in (
        ("R3", "append commits of 100 rows, deduped; against a bare handle", EVENTS),
        ("R3-", "the same with dedupe off", evolve(EVENTS, dedupe=False)),
    ):

        async def one(spec: TableSpec = spec) -> Measured:
            with tempfile.TemporaryDirectory() as folder:
                return await product(Path(folder), spec, commits)

        async def other() -> Measured:
            with tempfile.TemporaryDirectory() as folder:
                return await bare(Path(folder), commits)

        results.append(
            await compare(
                id_, what, product=one, bare=other, unit="commits/s", at_least=0.8, rounds=rounds
            )
        )
    results += await flatness(flat_commits)
    return results


async def bench(run: Conditions) -> list[Result]:
    """Measure."""
    return await measure(rounds=run.rounds, commits=run.of(20, 60), flat_commits=run.of(150, 1000))
