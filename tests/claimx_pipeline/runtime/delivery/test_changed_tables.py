"""Others change a table under a running worker: its records are judged one by one, or wait."""

import asyncio

import pytest
from deltalake import Field

from claimx_pipeline import Done
from claimx_pipeline.delta.querying.query import run_query
from claimx_pipeline.tables import TableRow
from tests.rigs.changed_tables import constrain, switch_on
from tests.rigs.until import until
from tests.rigs.worker import DEAD, Rig, Scripted

APPENDED, KEYED = "claimx_events", "claimx_projects"
TEXTS = [f"e{number}" for number in range(10)]
KEYS = {APPENDED: "event_id", KEYED: "project_id"}


def row(table: str, text: str) -> TableRow:
    values = {
        APPENDED: {
            "event_id": text,
            "event_type": "T",
            "project_id": "1",
            "ingested_at": "2026-01-12T08:00:00Z",
            "event_date": "2026-01-12",
        },
        KEYED: {"project_id": text},
    }
    return TableRow(table, values[table])


def rows_in(rig: Rig, table: str) -> list[str]:
    sql = f"SELECT {KEYS[table]} AS k FROM {table} ORDER BY 1"
    return run_query(rig.pipeline.table_store, sql).column("k").to_pylist()


def worker(rig: Rig, table: str):
    """Return a member that writes a row per record, not yet running."""
    processor = Scripted(lambda text: Done(rows=(row(table, text),)))
    spec = rig.spec(processor, tables=(table,), dead_letters=DEAD)
    return rig.loop(spec, asyncio.Event())


@pytest.fixture
async def rig(tmp_path) -> Rig:
    rig = await Rig.make(tmp_path)
    for table in KEYS:
        rig.pipeline.table_store.create(table)
    return rig


@pytest.mark.incident("STR-10")
@pytest.mark.parametrize("table", KEYS)
async def test_nine_rows_are_stored_and_one_record_is_dead(rig, table):
    constrain(rig.pipeline.table_store, table, other=f"{KEYS[table]} <> 'e4'")
    await rig.publish(*TEXTS)
    loop = worker(rig, table)
    await rig.run_until(lambda: loop.metrics.records == len(TEXTS), loop)
    assert rows_in(rig, table) == [text for text in TEXTS if text != "e4"]
    (dead,) = await rig.records(DEAD)
    assert dead.value == b"e4"
    assert b"constraint 'other'" in str(dead.headers).encode()
    assert await rig.committed() == len(TEXTS)


@pytest.mark.incident("STR-11")
@pytest.mark.parametrize("table", KEYS)
async def test_a_feature_switched_on_is_named_once_until_it_is_off_again(rig, table, caplog):
    store = rig.pipeline.table_store
    loop = worker(rig, table)
    running = asyncio.create_task(loop.run())
    health = loop.resources.health
    await until(lambda: health.ready()[0] or running.done())
    switch_on(store, table, "rowTracking", "domainMetadata")
    await rig.publish(*TEXTS)
    await until(lambda: not health.ready()[0] or running.done())
    # The look at its table alone makes it not ready; the first refused rows are what it logs.
    await until(lambda: "worker scripted waits: " in caplog.text or running.done())
    assert not running.done(), running.exception()
    reason = str(health.ready()[1]["workers"])
    assert "domainMetadata, rowTracking" in reason
    assert "other writers" not in caplog.text
    switch_on(store, table)
    await until(lambda: loop.metrics.records == len(TEXTS) or running.done())
    loop.stop.set()
    await running
    assert rows_in(rig, table) == TEXTS
    assert caplog.text.count("worker scripted waits: ") == 1
    assert await rig.records(DEAD) == []


@pytest.mark.incident("STR-14")
@pytest.mark.parametrize("table", KEYS)
async def test_a_column_of_others_stops_no_worker(rig, table):
    store = rig.pipeline.table_store
    loop = worker(rig, table)
    running = asyncio.create_task(loop.run())
    await rig.publish(*TEXTS[:5])
    await until(lambda: loop.metrics.records == 5 or running.done())
    store.open(table).alter.add_columns([Field("team", "string")])
    await rig.publish(*TEXTS[5:])
    await until(lambda: loop.metrics.records == len(TEXTS) or running.done())
    loop.stop.set()
    await running
    assert rows_in(rig, table) == TEXTS
    again = worker(rig, table)
    await rig.publish("e99")
    await rig.run_until(lambda: again.metrics.records >= 1, again)
    assert "e99" in rows_in(rig, table)
