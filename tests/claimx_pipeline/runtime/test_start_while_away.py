"""A worker is started while something is away, and starts by itself once it is there."""

import asyncio
import sqlite3
import uuid
from pathlib import Path

import pytest

from claimx_pipeline import Done, Pipeline
from claimx_pipeline.errors import TableError, UnknownTopicError
from claimx_pipeline.tables import TableRow
from tests.rigs.until import until
from tests.rigs.worker import DEAD, Rig, Scripted

TABLE = "claimx_events"


def state(loop) -> str:
    return loop.resources.health.ready()[1]["workers"]["scripted"]


@pytest.mark.kafka
@pytest.mark.incident("REB-08")
@pytest.mark.incident("REB-04")
async def test_a_worker_started_before_its_kafka_works_once_that_is_there(tmp_path, mortal_kafka):
    rig = await Rig.make(tmp_path, mortal_kafka.url, f"t-{uuid.uuid4().hex[:8]}.")
    await rig.publish("a", "b")
    processor = Scripted()
    mortal_kafka.end()
    try:
        loop = rig.loop(rig.failing(processor), asyncio.Event())
        running = asyncio.create_task(loop.run())
        await until(lambda: "cannot be reached" in state(loop), running, seconds=90)
        assert state(loop).startswith("starting: Kafka at 127.0.0.1")
        assert loop.resources.health.live()[0]
    finally:
        mortal_kafka.launch()  # from this thread: the process dies with the one that starts it
        await asyncio.to_thread(mortal_kafka.wait)
    await until(lambda: loop.metrics.records == 2, running, seconds=90)
    assert state(loop) == "ready"
    loop.stop.set()
    await running
    assert processor.seen == ["a", "b"]


@pytest.mark.incident("REB-08")
async def test_a_worker_waits_for_a_table_whose_storage_fails(tmp_path):
    """The table's log cannot be read for a while: the disk gives back half a file."""
    rig = await Rig.make(tmp_path)
    rig.pipeline.table_store.create(TABLE)
    await rig.publish("a")
    values = {
        "event_id": "a",
        "event_type": "T",
        "project_id": "1",
        "ingested_at": "2026-01-12T08:00:00Z",
        "event_date": "2026-01-12",
        "raw_data": "{}",
    }
    processor = Scripted(lambda _: Done(rows=(TableRow(TABLE, values),)))
    spec = rig.spec(processor, tables=(TABLE,), dead_letters=DEAD)
    log = Path(rig.pipeline.table_store.location(TABLE).uri) / "_delta_log"
    first = log / f"{0:020}.json"
    whole = first.read_bytes()
    first.write_bytes(whole[: len(whole) // 2])
    loop = rig.loop(spec, asyncio.Event())
    running = asyncio.create_task(loop.run())
    await until(lambda: state(loop).startswith(f"starting: table '{TABLE}': "), running)
    assert processor.opened == 0, "nothing is begun before the tables are there"
    first.write_bytes(whole)
    await until(lambda: loop.metrics.records == 1, running)
    loop.stop.set()
    await running


@pytest.mark.incident("REB-08")
async def test_a_locked_embedded_broker_is_waited_for(tmp_path):
    rig = await Rig.make(tmp_path)
    rig.pipeline = Pipeline.load(
        environ={}, cwd=tmp_path, overrides={"broker.deadline_seconds": "0.5"}
    )
    await rig.publish("a")
    file = next(tmp_path.rglob("broker.db"))
    holder = sqlite3.connect(file, isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    loop = rig.loop(rig.failing(Scripted()), asyncio.Event())
    running = asyncio.create_task(loop.run())
    await until(lambda: state(loop).startswith("starting: the embedded broker"), running)
    holder.execute("ROLLBACK")
    holder.close()
    await until(lambda: loop.metrics.records == 1, running)
    loop.stop.set()
    await running


async def test_what_is_not_there_at_all_is_not_waited_for(tmp_path):
    rig = await Rig.make(tmp_path)
    with pytest.raises(TableError, match="tables create"):
        await rig.loop(rig.failing(Scripted(), tables=(TABLE,)), asyncio.Event()).run()
    elsewhere = Pipeline.load(environ={}, cwd=tmp_path, overrides={"broker.prefix": "other."})
    rig.pipeline = elsewhere
    with pytest.raises(UnknownTopicError):
        await rig.loop(rig.failing(Scripted()), asyncio.Event()).run()
