"""Answers that do not come, tables that cannot be written: nothing is lost or passed over."""

import asyncio
import contextlib
import gc
import time
from pathlib import Path

import pytest

from claimx_pipeline import Category, ClaimxError, Done, OutRecord, RecordError
from claimx_pipeline.delta.querying.query import run_query
from claimx_pipeline.delta.writing.append import AppendWriter
from claimx_pipeline.delta.writing.merge import MergeWriter
from claimx_pipeline.runtime.outcome import Dead, Retry
from claimx_pipeline.tables import TableRow
from tests.fakes.hasty_clock import HastyClock
from tests.fakes.unsteady_broker import UnsteadyBroker
from tests.rigs.until import until
from tests.rigs.worker import DEAD, OUT, Rig, Scripted

T0 = "2026-01-12T08:00:00Z"


@pytest.fixture
async def rig(tmp_path) -> Rig:
    return await Rig.make(tmp_path, clock=HastyClock())


def echo(text: str) -> Done:
    return Done(publish=(OutRecord(OUT.name, text.encode(), b"k"),))


async def killed(running: asyncio.Task) -> None:
    """End a member as a kill does, as far as one process can: nothing is finished or flushed."""
    running.cancel()
    with contextlib.suppress(asyncio.CancelledError):
        await running


def ids(rig: Rig, table: str, column: str) -> list[str]:
    found = run_query(rig.pipeline.table_store, f"SELECT {column} FROM {table} ORDER BY 1")
    return found.column(column).to_pylist()


@pytest.mark.incident("OFF-03")
async def test_no_offset_is_committed_while_an_acknowledgement_is_missing(rig):
    """The answer for one of 20 never comes and the worker dies: that one is published later."""
    texts = [f"m{number:02}" for number in range(20)]
    await rig.publish(*texts)
    broker = UnsteadyBroker(rig.broker(), held=lambda record: record.value == b"m07")
    loop = rig.loop(rig.failing(Scripted(echo)), asyncio.Event(), broker)
    running = asyncio.create_task(loop.run())
    async with asyncio.timeout(30):
        await broker.holding.wait()
    assert await rig.committed() <= 7
    await killed(running)
    assert await rig.committed() <= 7
    assert "m07" not in await rig.published()
    second = Scripted(echo)
    again = rig.loop(rig.failing(second), asyncio.Event())
    await rig.run_until(lambda: "m19" in second.seen, again)
    assert set(await rig.published()) == set(texts)
    assert await rig.committed() == 20


@pytest.mark.incident("OFF-05")
async def test_a_poison_record_is_not_passed_while_its_dead_letter_cannot_be_published(rig):
    dead = rig.pipeline.topology.physical(DEAD.name)
    away = True
    broker = UnsteadyBroker(rig.broker(), refused=lambda record: away and record.topic == dead)
    await rig.publish("good", "bad", "good")
    poison = Dead(RecordError("never works"))
    processor = Scripted(lambda text: poison if text == "bad" else echo(text))
    loop = rig.loop(rig.failing(processor), asyncio.Event(), broker)
    running = asyncio.create_task(loop.run())
    await until(lambda: broker.refusals >= 5, running)
    assert await rig.committed() <= 1
    assert await rig.records(DEAD) == []
    away = False
    await until(lambda: loop.metrics.records == 3, running)
    loop.stop.set()
    await running
    assert [letter.value for letter in await rig.records(DEAD)] == [b"bad"]
    assert await rig.committed() == 3


@pytest.mark.incident("LAT-02")
async def test_a_record_that_fails_twice_in_passing_is_handled_three_times(rig):
    """No restart: it climbs two rungs; what goes past it has been acknowledged elsewhere."""
    tries = 0

    def act(text: str):
        nonlocal tries
        if text != "flaky":
            return echo(text)
        tries += 1
        return Retry(RecordError("not now", Category.TRANSIENT)) if tries < 3 else echo(text)

    await rig.publish("a", "flaky", "b")
    stop = asyncio.Event()
    worker, retry = rig.loop(rig.failing(Scripted(act)), stop), rig.retrying(stop)
    ticking = asyncio.create_task(ticks(rig.pipeline.clock))
    await rig.run_until(lambda: tries == 3 and worker.metrics.records == 5, worker, retry)
    await killed(ticking)
    assert sorted(await rig.published()) == ["a", "b", "flaky"]
    assert await rig.records(DEAD) == []


async def ticks(clock: HastyClock) -> None:
    while True:
        clock.move(0.1)
        await asyncio.sleep(0.01)


def event_row(text: str) -> TableRow:
    return TableRow(
        "claimx_events",
        {
            "event_id": text,
            "event_type": "T",
            "project_id": "1",
            "ingested_at": T0,
            "event_date": "2026-01-12",
        },
    )


@pytest.mark.incident("OFF-04")
@pytest.mark.incident("OFF-06")
@pytest.mark.incident("LAT-03")
@pytest.mark.incident("REB-03")
@pytest.mark.incident("DEL-07")
async def test_slow_and_failing_writes_lose_and_double_nothing(rig, monkeypatch):
    """1,000 records in batches of 100; every write takes its time and two of them fail.

    The loop goes on meanwhile, no offset is committed whose row is not there, and there is
    a commit per batch, not per row.
    """
    real, writes = AppendWriter.commit, 0

    def commit(self, prepared, claim):
        nonlocal writes
        writes += 1
        time.sleep(0.1)
        if writes in (1, 4):
            raise OSError("connection reset")
        return real(self, prepared, claim)

    monkeypatch.setattr(AppendWriter, "commit", commit)
    rig.pipeline.table_store.create("claimx_events")
    texts = [f"e{number:04}" for number in range(1000)]
    await rig.publish(*texts)
    processor = Scripted(lambda text: Done(rows=(event_row(text),)))
    spec = rig.failing(processor, tables=("claimx_events",), family=None)
    loop = rig.loop(spec, asyncio.Event())
    heard, watching = 0, True

    async def watch() -> None:
        nonlocal heard
        while watching:
            committed = await rig.committed()
            assert committed <= len(ids(rig, "claimx_events", "event_id"))
            heard += 1
            await asyncio.sleep(0.02)

    watcher = asyncio.create_task(watch())
    ticking = asyncio.create_task(ticks(rig.pipeline.clock))
    await rig.run_until(lambda: loop.metrics.records == 1000, loop)
    watching = False
    await watcher
    await killed(ticking)
    assert ids(rig, "claimx_events", "event_id") == texts
    assert heard >= 10, "the loop stood still while the table was written"
    assert rig.pipeline.table_store.open("claimx_events").version() <= 12
    assert await rig.records(DEAD) == []


def rows_of_two_tables(text: str) -> Done:
    return Done(
        rows=(
            TableRow("claimx_projects", {"project_id": text, "status": "Active"}),
            TableRow(
                "claimx_task_templates",
                {"task_id": int(text), "name": "Photo request"},
            ),
        )
    )


@pytest.mark.incident("LAT-04")
@pytest.mark.incident("LAT-06")
@pytest.mark.incident("LAT-07")
@pytest.mark.parametrize("restart", [False, True])
async def test_one_of_two_tables_failing_holds_its_records_until_both_are_written(
    rig, monkeypatch, restart
):
    """The other is not written twice, nothing is committed before, nothing is published."""
    real, failures = MergeWriter.commit, 0
    away = True

    def commit(self, prepared, claim):
        nonlocal failures
        if away and self.spec.name == "claimx_task_templates":
            failures += 1
            raise OSError("no space left on device")
        return real(self, prepared, claim)

    monkeypatch.setattr(MergeWriter, "commit", commit)
    tables = ("claimx_projects", "claimx_task_templates")
    for table in tables:
        rig.pipeline.table_store.create(table)
    texts = [str(number) for number in range(100, 150)]
    await rig.publish(*texts)
    spec = rig.failing(Scripted(rows_of_two_tables), tables=tables, family=None)
    loop = rig.loop(spec, asyncio.Event())
    running = asyncio.create_task(loop.run())
    ticking = asyncio.create_task(ticks(rig.pipeline.clock))
    await until(lambda: failures >= 3, running)
    assert await rig.committed() == 0
    assert ids(rig, "claimx_projects", "project_id") == texts
    if restart:
        await killed(running)
        loop = rig.loop(spec, asyncio.Event())
        running = asyncio.create_task(loop.run())
    away = False

    async def committed() -> bool:
        return await rig.committed() == 50

    await until(committed, running)
    loop.stop.set()
    await running
    await killed(ticking)
    assert ids(rig, "claimx_projects", "project_id") == texts
    assert len(ids(rig, "claimx_task_templates", "task_id")) == 50
    assert rig.pipeline.table_store.open("claimx_projects").version() == 1
    assert await rig.records(DEAD) == []
    assert await rig.published() == []


@pytest.mark.incident("PRF-02")
async def test_messages_are_published_by_the_batch(rig):
    """2,000 records are not 2,000 round trips."""
    await rig.publish(*(f"m{number}" for number in range(2000)))
    broker = UnsteadyBroker(rig.broker())
    loop = rig.loop(rig.failing(Scripted(echo), batch_size=500), asyncio.Event(), broker)
    await rig.run_until(lambda: loop.metrics.records == 2000, loop)
    assert sum(broker.calls) == 2000
    assert len(broker.calls) <= 2000 / 50


class FailsAt(Scripted):
    """A processor whose opening, and whose closing, fail."""

    async def open(self) -> None:
        raise ClaimxError("cannot be opened")

    async def close(self) -> None:
        raise OSError("cannot be closed either")


DESCRIPTORS = Path("/proc/self/fd")


def open_files() -> int:
    gc.collect()
    return len(list(DESCRIPTORS.iterdir()))


@pytest.mark.skipif(not DESCRIPTORS.is_dir(), reason="descriptors are counted as Linux shows them")
@pytest.mark.incident("API-05")
@pytest.mark.incident("SHD-02")
@pytest.mark.parametrize("step", ["table", "processor", "consumer"])
async def test_a_start_that_fails_tells_its_own_error_and_leaves_nothing_open(rig, step):
    """Five times over; a closing that fails as well does not hide the error or stop the rest."""
    from claimx_pipeline import Topic

    changes, told = {
        "table": ({"tables": ("claimx_events",)}, "claimx_events"),
        "processor": ({}, "cannot be opened"),
        "consumer": ({"reads": (Topic("test.in"), Topic("missing"))}, "missing"),
    }[step]
    processor = FailsAt() if step == "processor" else Scripted()
    counts = []
    for _ in range(5):
        loop = rig.loop(rig.failing(processor, **changes), asyncio.Event())
        with pytest.raises(ClaimxError, match=told):
            await loop.run()
        counts.append(open_files())
    assert counts[-1] <= counts[0], "each failed start leaves something open"


@pytest.mark.incident("SHD-02")
@pytest.mark.incident("API-05")
async def test_a_stop_that_is_cancelled_closes_everything_else(rig):
    """The processor's closing hangs and is cancelled; consumer and producer are closed."""
    hanging = asyncio.Event()

    class Hangs(Scripted):
        async def close(self) -> None:
            hanging.set()
            await asyncio.Event().wait()

    await rig.publish("a")
    loop = rig.loop(rig.failing(Hangs(echo)), asyncio.Event())
    running = asyncio.create_task(loop.run())
    async with asyncio.timeout(30):
        while loop.metrics.records < 1:
            await asyncio.sleep(0.01)
        loop.stop.set()
        await hanging.wait()
        await killed(running)
        # Its partitions are free at once: a second member takes over without waiting for a lease.
        again = rig.loop(rig.failing(Scripted(echo)), asyncio.Event())
        await rig.publish("b")
        await rig.run_until(lambda: again.metrics.records == 1, again)
    assert await rig.committed() == 2
