"""Storage fails, hangs or is full: the worker waits, says why, and goes on by itself."""

import asyncio
import os
import resource
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from claimx_pipeline import Done
from claimx_pipeline.delta.querying.query import run_query
from claimx_pipeline.tables import TableRow
from tests.rigs.until import until
from tests.rigs.worker import DEAD, Rig, Scripted

TABLE = "claimx_events"
TEXTS = [f"e{number:03}" for number in range(60)]


def row(text: str) -> TableRow:
    values = {
        "event_id": text,
        "event_type": "T",
        "project_id": "1",
        "ingested_at": "2026-01-12T08:00:00Z",
        "event_date": "2026-01-12",
        "raw_data": os.urandom(3000).hex(),
    }
    return TableRow(TABLE, values)


class Gated(Scripted):
    """Waits before its first batch, until the test has made things go wrong."""

    def __init__(self) -> None:
        super().__init__(lambda text: Done(rows=(row(text),)))
        self.began = asyncio.Event()
        self.gate = asyncio.Event()

    async def process(self, batch):
        self.began.set()
        await self.gate.wait()
        return await Scripted.process(self, batch)


@pytest.fixture
async def rig(tmp_path) -> Rig:
    rig = await Rig.make(tmp_path)
    rig.pipeline.table_store.create(TABLE)
    await rig.publish(*TEXTS)
    return rig


def rows_in(rig: Rig) -> list[str]:
    found = run_query(rig.pipeline.table_store, f"SELECT event_id FROM {TABLE} ORDER BY 1")
    return found.column("event_id").to_pylist()


async def assert_recovers(rig: Rig, go_wrong, reason: str) -> None:
    """Let things go wrong under a worker that is about to write, and come right again."""
    processor = Gated()
    spec = rig.spec(processor, tables=(TABLE,), dead_letters=DEAD, batch_size=20)
    loop = rig.loop(spec, asyncio.Event())
    running = asyncio.create_task(loop.run())
    await processor.began.wait()
    health = loop.resources.health
    with go_wrong():
        processor.gate.set()
        await until(lambda: not health.ready()[0] or running.done())
        assert not running.done(), running.exception()
        assert reason in str(health.ready()[1]["workers"])
        assert health.live()[0]
    await until(lambda: loop.metrics.records == len(TEXTS) or running.done())
    await until(lambda: health.ready()[0] or running.done())
    loop.stop.set()
    await running
    assert rows_in(rig) == TEXTS
    assert await rig.committed() == len(TEXTS)
    assert await rig.records(DEAD) == []
    assert len(processor.seen) == len(TEXTS), "what was worked out is kept while it waits"


@pytest.mark.incident("OFF-04")
@pytest.mark.incident("DEL-09")
async def test_a_table_that_cannot_be_written_is_written_when_it_can_be_again(rig, tmp_path):
    log = next((tmp_path / "claimx-data").rglob(f"{TABLE}/_delta_log"))

    @contextmanager
    def away() -> Iterator[None]:
        aside = log.rename(log.with_name("aside"))
        log.write_text("no folder")
        yield
        log.unlink()
        aside.rename(log)

    await assert_recovers(rig, away, TABLE)


@pytest.mark.incident("REB-06")
async def test_a_table_that_hangs_is_given_up_after_its_time_limit_and_written_later(rig, tmp_path):
    """Opening a pipe waits for somebody at its other end, as a dead network disk does."""
    rig.pipeline.table_store.time_limit = 1.0
    log = next((tmp_path / "claimx-data").rglob(f"{TABLE}/_delta_log"))

    @contextmanager
    def hanging() -> Iterator[None]:
        taken, pipe = log / f"{1:020}.json", log / "_last_checkpoint"
        # The commit finds its version taken, so the table is read again, and that hangs.
        os.mkfifo(taken)
        os.mkfifo(pipe)
        yield
        other_end = os.open(pipe, os.O_WRONLY | os.O_NONBLOCK)
        taken.unlink()
        pipe.unlink()
        os.close(other_end)

    await assert_recovers(rig, hanging, "no answer within 1 s")


@pytest.mark.incident("MED-05")
async def test_a_full_disk_is_an_outage_of_broker_and_table_and_no_crash(rig):
    """No file may grow: neither the broker's nor the table's."""

    @contextmanager
    def full() -> Iterator[None]:
        before = resource.getrlimit(resource.RLIMIT_FSIZE)
        resource.setrlimit(resource.RLIMIT_FSIZE, (8_192, before[1]))
        try:
            yield
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)

    await assert_recovers(rig, full, "waiting")
