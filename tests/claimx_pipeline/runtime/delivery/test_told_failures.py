"""Records that fail are told of: in the log, in the health and at the end of a run."""

import asyncio
import logging

import pytest

from claimx_pipeline import DONE, Category, Done, RecordError
from claimx_pipeline.runtime.delivery.paused import PausedPartitions
from claimx_pipeline.runtime.outcome import Dead, Held, Retry
from tests.fakes.virtual_clock import VirtualClock
from tests.rigs.until import until
from tests.rigs.worker import Rig, Scripted

OUTCOMES = {
    "flaky": lambda n: Retry(RecordError(f"request {n} timed out", Category.TRANSIENT)),
    "wrong": lambda n: Dead(RecordError(f"project {n} does not exist")),
    "plugin": lambda n: Done(failed_plugins=(("mine", ValueError(f"no {n}")),)),
    "fine": lambda _: DONE,
}


def act(text: str):
    kind, number = text.split()
    return OUTCOMES[kind](int(number))


@pytest.fixture
def clock() -> VirtualClock:
    return VirtualClock()


@pytest.fixture
async def rig(tmp_path, clock) -> Rig:
    return await Rig.make(tmp_path, clock=clock)


def told(caplog) -> list[str]:
    return [each.getMessage() for each in caplog.records if each.name.endswith("delivery.failures")]


@pytest.mark.incident("STR-62")
async def test_each_batch_and_cause_has_one_line_with_its_count_and_its_first_record(rig, caplog):
    caplog.set_level(logging.WARNING)
    texts = [f"flaky {n}" for n in range(100)] + [f"wrong {n}" for n in range(50)]
    await rig.publish(*texts, *[f"plugin {n}" for n in range(3)], "fine 1")
    member = rig.loop(rig.failing(Scripted(act), batch_size=500), asyncio.Event())
    await rig.run_until(lambda: member.metrics.records == 154, member)
    lines = [line.replace("test.in[1]", "test.in[0]") for line in told(caplog)]
    assert lines == [
        "worker scripted: 100 records wait in a retry topic, others go on (transient, the first "
        "at test.in[0] offset 0): request 0 timed out",
        "worker scripted: 50 records are dead letters (permanent, the first at test.in[0] offset "
        "100): project 0 does not exist",
        "worker scripted: 3 records are dead letters of plugin 'mine', and go on without it (bug, "
        "the first at test.in[0] offset 150): no 0",
    ]
    counted = member.metrics
    assert (counted.retried, counted.dead, counted.records) == (100, 50, 154)
    assert counted.waits_until is not None


@pytest.mark.incident("STR-62")
async def test_records_without_a_failure_are_not_told_of(rig, caplog):
    await rig.publish(*[f"fine {n}" for n in range(50)])
    member = rig.loop(rig.failing(Scripted(act)), asyncio.Event())
    await rig.run_until(lambda: member.metrics.records == 50, member)
    assert told(caplog) == []
    assert member.resources.health.workers["scripted"].recent.state(0.0) == ""


@pytest.mark.incident("STR-62")
async def test_what_still_waits_at_the_end_is_counted_with_its_time(rig, clock):
    due = clock.now().replace(year=2040)
    await rig.publish("a", "b")
    spec = rig.failing(Scripted(lambda _: Held(until=due)))
    member = rig.loop(spec, asyncio.Event())
    running = asyncio.create_task(member.run())
    await until(lambda: member._paused.count() == 2, running)
    member.stop.set()
    await running
    assert (member.metrics.waiting, member.metrics.waits_until) == (2, due)


def test_a_wait_for_a_service_has_no_time(clock):
    assert PausedPartitions(clock).until() is None
