"""What is checked at the start is checked while a worker runs."""

import asyncio
import shutil
import sqlite3
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from claimx_pipeline import DONE, Done, OutRecord
from claimx_pipeline.broker.protocol import NewTopic
from claimx_pipeline.delta.querying.query import run_query
from claimx_pipeline.runtime.offsets import running_checks
from claimx_pipeline.runtime.offsets.repair import WorkerOffsets
from claimx_pipeline.runtime.offsets.start_checks import StartRefusedError
from claimx_pipeline.tables import TableRow
from tests.rigs.topics import admin_of, publish
from tests.rigs.until import until
from tests.rigs.worker import DEAD, IN, Rig, Scripted

TABLE = "claimx_events"


@pytest.fixture(autouse=True)
def _soon(monkeypatch):
    """What is looked at every few seconds is looked at at once."""
    monkeypatch.setattr(running_checks, "LOOK_SECONDS", 0.2)
    monkeypatch.setattr(running_checks, "AGAIN_SECONDS", 0.2)
    monkeypatch.setattr(running_checks, "TABLES_SECONDS", 0.2)
    monkeypatch.setattr("claimx_pipeline.runtime.standstill.LOOK_SECONDS", 0.2)


@pytest.fixture
async def rig(tmp_path):
    rig = await Rig.make(tmp_path)
    rig.pipeline.table_store.create(TABLE)
    return rig


def row(text: str) -> Done:
    values = {
        "event_id": text,
        "event_type": "T",
        "project_id": "1",
        "ingested_at": "2026-01-12T08:00:00Z",
        "event_date": "2026-01-12",
    }
    return Done(rows=(TableRow(TABLE, values),))


def rows_in(rig: Rig) -> list[str]:
    found = run_query(rig.pipeline.table_store, f"SELECT event_id FROM {TABLE} ORDER BY 1")
    return found.column("event_id").to_pylist()


async def add(rig: Rig, *texts: str) -> None:
    await publish(rig.broker(), [OutRecord(IN.name, text.encode(), bucket=0) for text in texts])


def spec(rig: Rig, **changes):
    act = row if changes.get("tables", True) else lambda _: DONE
    return rig.spec(Scripted(act), **{"tables": (TABLE,), "dead_letters": DEAD, **changes})


@asynccontextmanager
async def at_work(rig: Rig, worker):
    """A member that has settled one record, and the task that runs it."""
    await add(rig, "a")
    member = rig.loop(worker, asyncio.Event())
    running = asyncio.create_task(member.run())
    try:
        await until(lambda: member.metrics.records >= 1, running)
        yield member, running
    finally:
        member.stop.set()
        await asyncio.gather(running, return_exceptions=True)


def moved(rig: Rig, count: int, *, deleted: bool) -> None:
    """Let *count* offsets pass that nobody could read: deleted, or left out by compaction."""
    file = Path(rig.broker().url.removeprefix("sqlite:///"))
    with sqlite3.connect(file) as connection:
        connection.execute(
            f"UPDATE partition SET next = next + {count}"
            + (f", begin = next + {count}" if deleted else "")
            + " WHERE topic = ? AND number = 0",
            (IN.name,),
        )
    connection.close()


def state(member) -> str:
    return member.resources.health.ready()[1]["workers"]["scripted"]


def lost(rig: Rig) -> float:
    value = rig.metrics.registry.get_sample_value(
        "claimx_records_overtaken_total", {"worker": "scripted"}
    )
    return value or 0.0


async def rewound(rig: Rig, worker) -> None:
    async with admin_of(rig.broker()) as admin:
        offsets = WorkerOffsets(worker, rig.pipeline.topology, rig.pipeline.table_store, admin)
        await offsets.rewind(await offsets.earliest())


@pytest.mark.incident("STR-05")
@pytest.mark.parametrize("tables", [(TABLE,), ()])
async def test_a_worker_that_retention_overtook_stops_until_a_person_decides(rig, tables):
    worker = spec(rig, tables=tables)
    async with at_work(rig, worker) as (member, running):
        moved(rig, 3, deleted=True)
        await add(rig, "e")
        await until(lambda: state(member) != "ready", running)
        await until(lambda: "deleted 3 records that were never read" in state(member), running)
        assert "'claimx-run offsets rewind scripted --to-earliest'" in state(member)
        assert await rig.committed() == 1
        moved(rig, 5, deleted=True)  # retention goes on: "e" is lost as well now
        await until(lambda: "deleted 9 records that were never read" in state(member), running)
        await rewound(rig, worker)  # the member has left its group, so this is possible
        await add(rig, "f")
        await until(lambda: member.metrics.records >= 2, running)
        await until(lambda: state(member) == "ready", running)
    if tables:
        assert rows_in(rig) == ["a", "f"]


@pytest.mark.incident("STR-05")
@pytest.mark.parametrize("then", [["e"], []])
async def test_a_worker_that_is_to_continue_counts_and_reports_what_it_passed(rig, caplog, then):
    rig.pipeline = continuing(rig)
    async with at_work(rig, spec(rig)) as (member, running):
        moved(rig, 3, deleted=True)
        await add(rig, *then)
        await until(lambda: lost(rig) == 3, running)
        await add(rig, "f")
        await until(lambda: member.metrics.records >= 2 + len(then), running)
        assert state(member) == "ready"
        assert lost(rig) == 3
    assert rows_in(rig) == ["a", *then, "f"]
    told = [each.getMessage() for each in caplog.records if "retention deleted" in each.message]
    assert told == [
        "worker scripted: retention deleted 3 records of test.in[0] (offsets 1 to 3) "
        "before they were read"
    ]


def continuing(rig: Rig):
    from claimx_pipeline import Pipeline

    return Pipeline.load(environ={}, overrides={"offsets.on_gap": "continue"})


@pytest.mark.incident("STR-05")
async def test_a_worker_that_is_to_continue_also_starts_behind_a_gap_and_counts_it_once(rig):
    rig.pipeline = continuing(rig)
    async with at_work(rig, spec(rig)):
        pass
    moved(rig, 4, deleted=True)
    for _ in range(2):
        member = rig.loop(spec(rig), asyncio.Event())
        await rig.run_until(lambda: lost(rig) == 4, member)
    await add(rig, "f")
    member = rig.loop(spec(rig), asyncio.Event())
    await rig.run_until(lambda: member.metrics.records >= 1, member)
    assert rows_in(rig) == ["a", "f"]
    assert lost(rig) == 4


@pytest.mark.incident("STR-05")
async def test_a_gap_that_compaction_or_a_transaction_left_is_passed_in_silence(rig, caplog):
    async with at_work(rig, spec(rig)) as (member, running):
        moved(rig, 3, deleted=False)
        await add(rig, "e")
        await until(lambda: member.metrics.records >= 2, running)
        assert state(member) == "ready"
    assert rows_in(rig) == ["a", "e"]
    assert lost(rig) == 0
    assert not [each for each in caplog.records if each.levelname == "ERROR"]


@pytest.mark.incident("STR-05")
async def test_records_that_only_this_process_still_has_are_saved_before_it_stops(rig, tmp_path):
    """A table that refuses writes for longer than retention lasts."""
    log = next((tmp_path / "claimx-data").rglob(f"{TABLE}/_delta_log"))
    async with at_work(rig, spec(rig)) as (member, running):
        aside = log.rename(log.with_name("aside"))
        await add(rig, "b", "c")
        await until(lambda: "nothing at" in state(member), running)
        moved(rig, 3, deleted=True)
        await until(lambda: "retention deleted 3 records" in state(member), running)
        await add(rig, "g")
        aside.rename(log)
        await until(lambda: rows_in(rig) == ["a", "b", "c"], running)

        async def committed() -> bool:
            return await rig.committed() == 3

        await until(committed, running)
        await until(lambda: "deleted 3 records that were never read" in state(member), running)


@pytest.mark.incident("STR-05")
async def test_a_run_that_ends_when_idle_ends_with_the_sentence_instead_of_waiting(rig):
    await add(rig, "a")
    member = rig.loop(spec(rig), asyncio.Event())
    member.ends_if_refused = lambda: True
    running = asyncio.create_task(member.run())
    await until(lambda: member.metrics.records >= 1, running)
    moved(rig, 3, deleted=True)
    await add(rig, "e")
    async with asyncio.timeout(30):
        with pytest.raises(StartRefusedError, match=r"3 records of test.in\[0\] \(offsets 1 to 3"):
            await running


@pytest.mark.incident("STR-06")
@pytest.mark.incident("STR-67")
async def test_a_broker_file_that_is_deleted_and_made_again_stops_the_worker(rig):
    worker = spec(rig, tables=(), dead_letters=None)
    async with at_work(rig, worker) as (member, running):
        for file in Path("claimx-data").glob("broker.db*"):
            file.unlink()
        await until(lambda: "topic 'test.in' does not exist" in state(member), running)
        broker = Rig(rig.pipeline).broker()
        async with admin_of(broker) as admin:
            await admin.create_topics([NewTopic(IN.name, 2)])
        await add(rig, "x", "y", "z")
        await until(lambda: "if the topic was recreated" in state(member), running)
        assert "'claimx-run offsets adopt scripted'" in state(member)
        async with admin_of(broker) as admin:
            store, topology = rig.pipeline.table_store, rig.pipeline.topology
            await WorkerOffsets(worker, topology, store, admin).adopt()
        await until(lambda: member.metrics.records >= 4, running)
        await until(lambda: state(member) == "ready", running)


@pytest.mark.incident("STR-67")
async def test_a_worker_whose_data_folder_is_deleted_is_not_ready_and_says_why(rig):
    async with at_work(rig, spec(rig)) as (member, running):
        shutil.rmtree("claimx-data")
        await until(lambda: state(member) != "ready", running)
        await until(lambda: "does not exist" in state(member), running)
    assert "does not exist" in str(running.exception()), "its end says it as well"


@pytest.mark.incident("STR-15")
async def test_an_idle_worker_whose_table_is_moved_away_waits_until_it_is_back(rig, tmp_path):
    table = next((tmp_path / "claimx-data").rglob(f"{TABLE}/_delta_log")).parent
    async with at_work(rig, spec(rig)) as (member, running):
        aside = table.rename(table.with_name("aside"))
        await until(lambda: f"nothing at {table}" in state(member), running)
        await add(rig, "b")
        assert not table.exists(), "a commit would have made it again"
        aside.rename(table)
        await until(lambda: member.metrics.records >= 2, running)
        await until(lambda: state(member) == "ready", running)
    assert rows_in(rig) == ["a", "b"]


@pytest.mark.incident("STR-15")
async def test_a_table_that_was_replaced_by_an_empty_one_stops_its_worker(rig, tmp_path):
    table = next((tmp_path / "claimx-data").rglob(f"{TABLE}/_delta_log")).parent
    async with at_work(rig, spec(rig)) as (member, running):
        await asyncio.sleep(0.5)  # it has looked at the table
        shutil.rmtree(table)
        rig.pipeline.table_store.create(TABLE)
        await until(lambda: "was replaced by another one" in state(member), running)
        assert "'claimx-run offsets rewind scripted --to-earliest'" in state(member)


@pytest.mark.incident("STR-05")
async def test_the_features_of_a_table_are_looked_at_while_a_worker_runs(rig, tmp_path):
    log = next((tmp_path / "claimx-data").rglob(f"{TABLE}/_delta_log"))
    async with at_work(rig, spec(rig)) as (member, running):
        (log / f"{2:020}.json").write_text(
            '{"commitInfo":{"timestamp":1}}\n'
            '{"protocol":{"minReaderVersion":1,"minWriterVersion":7,'
            '"writerFeatures":["appendOnly","invariants","rowTracking","clustering"]}}\n'
        )
        await until(lambda: "switched on clustering, rowTracking" in state(member), running)
