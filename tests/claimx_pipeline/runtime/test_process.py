"""Several workers in one process: what ends one of them ends no other."""

import asyncio
import logging
from contextlib import asynccontextmanager

import pytest

from claimx_pipeline import DONE, RecordError
from claimx_pipeline.errors import TableError
from claimx_pipeline.runtime.delivery.batch import RecordFailedError
from claimx_pipeline.runtime.outcome import Dead
from claimx_pipeline.runtime.process import WorkerProcess
from claimx_pipeline.telemetry.health import Health
from claimx_pipeline.telemetry.metrics import Metrics
from tests.rigs.until import until
from tests.rigs.worker import DEAD, Rig, Scripted


@pytest.fixture
async def rig(tmp_path) -> Rig:
    return await Rig.make(tmp_path)


class Panic(BaseException):
    """What a Rust library raises."""


def worker(rig: Rig, name: str, act=lambda _: DONE, **changes):
    return rig.spec(Scripted(act), name=name, group=name, **changes)


def process(rig: Rig, *specs, instances: int = 1) -> WorkerProcess:
    metrics, health = Metrics(), Health(rig.pipeline.clock)
    resources = rig.pipeline.resources(rig.broker(), health, metrics)
    return WorkerProcess(specs, resources, metrics, instances)


@asynccontextmanager
async def at_work(process: WorkerProcess):
    running = asyncio.create_task(process.run())
    try:
        yield running
    finally:
        process.stop.set()
        await asyncio.gather(running, return_exceptions=True)


def fails(error: BaseException):
    def act(_: str):
        raise error

    return act


BROKEN = {
    "a record without a dead letter topic": {"act": lambda _: Dead(RecordError("refused"))},
    "a table that is missing": {"tables": ("claimx_events",), "dead_letters": DEAD},
    "a panic": {"act": fails(Panic("panicked"))},
    "a defect": {"act": fails(KeyError("forgotten"))},
}


@pytest.mark.incident("STR-15")
@pytest.mark.parametrize("broken", BROKEN.values(), ids=BROKEN)
@pytest.mark.parametrize("instances", [1, 2])
async def test_a_worker_that_ends_leaves_the_others_working(rig, caplog, broken, instances):
    fine = worker(rig, "fine")
    going = process(rig, worker(rig, "broken", **broken), fine, instances=instances)
    await rig.publish("a")
    async with at_work(going) as running:
        await until(lambda: "broken" in going.failures, running)
        before = going.counters["fine"].records
        await rig.publish("b", "c")
        await until(lambda: going.counters["fine"].records >= max(before, 1) + 2, running)
        ready, told = going.resources.health.ready()
        assert not ready
        assert told["workers"]["broken"].startswith("failed: ")
        assert told["workers"]["fine"] == "ready"
        assert not running.done()
        going.stop.set()
        with pytest.raises(type(going.failures["broken"])):
            await running
    told = [each.getMessage() for each in caplog.records if "has ended" in each.message]
    assert told[0].startswith("worker broken has ended, 1 others go on: ")


async def test_a_process_ends_once_its_last_worker_has_and_raises_the_first_failure(rig, caplog):
    caplog.set_level(logging.ERROR)
    dead = {"act": lambda _: Dead(RecordError("refused"))}
    missing = {"tables": ("claimx_events",), "dead_letters": DEAD}
    going = process(rig, worker(rig, "first", **missing), worker(rig, "second", **dead))
    running = asyncio.create_task(going.run())
    await until(lambda: "first" in going.failures)
    await rig.publish("a")
    async with asyncio.timeout(30):
        with pytest.raises(TableError, match="tables create"):
            await running
    assert going.failures.keys() == {"first", "second"}
    assert "worker second has ended, 0 others go on" in caplog.text


async def test_one_worker_alone_ends_with_its_sentence_which_is_not_logged_as_well(rig, caplog):
    caplog.set_level(logging.ERROR)
    await rig.publish("a")
    going = process(rig, worker(rig, "only", lambda _: Dead(RecordError("refused"))))
    async with asyncio.timeout(30):
        with pytest.raises(RecordFailedError, match="refused"):
            await going.run()
    assert caplog.text == ""
