"""Records that come back for the rest, and reports of what was tried meanwhile."""

import asyncio

import pytest

from claimx_pipeline import Category, Dead, Done, Held, OutRecord, RecordError, Retry
from claimx_pipeline.runtime.failure_policy import FailurePolicy
from claimx_pipeline.runtime.headers import ATTEMPTS, DUE, GROUP, header
from claimx_pipeline.runtime.retry_ladder import RetryLadder
from claimx_pipeline.tables import TableRow
from tests.rigs.worker import IN, OUT, Rig, Scripted

AWAY = RecordError("the service is away", Category.CIRCUIT_OPEN, outage=True)
ROW = TableRow("t", {"a": 1})


@pytest.fixture
async def rig(tmp_path):
    return await Rig.make(tmp_path)


def reported(text: str) -> tuple[OutRecord, ...]:
    return (OutRecord(OUT.name, f"tried {text}".encode()),)


async def test_reports_are_published_whatever_becomes_of_the_record(rig):
    outcomes = {
        "good": Done(reports=reported("good")),
        "bad": Dead(RecordError("bad"), reports=reported("bad")),
        "again": Retry(RecordError("again", Category.TRANSIENT), reports=reported("again")),
        "held": Held(AWAY, reports=reported("held")),
        "behind": Done(publish=(OutRecord(OUT.name, b"its output"),), reports=reported("behind")),
    }
    scripted = Scripted(outcomes.__getitem__)
    await rig.publish(*outcomes)
    found: list[str] = []

    async def watch() -> None:
        while len(found) < len(outcomes):
            found[:] = await rig.published()

    watching = asyncio.create_task(watch())
    loop = rig.loop(rig.failing(scripted), asyncio.Event())
    await rig.run_until(watching.done, loop)
    assert sorted(found[:5]) == sorted(f"tried {text}" for text in outcomes)
    # What is behind a held record is not published: it is worked on again.
    assert "its output" not in found
    assert await rig.committed() == 3


def policy(outage: str = "wait", ladder: bool = True) -> FailurePolicy:
    class Same:
        def logical(self, name: str) -> str:
            return name

    from tests.fakes.virtual_clock import VirtualClock

    return FailurePolicy(
        worker="w",
        group="g",
        ladder=RetryLadder("test", (1.0, 2.0)) if ladder else None,
        dead_letters="dead",
        outage=outage,
        topology=Same(),
        clock=VirtualClock(),
    )


async def record(rig, **headers: str):
    await rig.publish("a")
    (found,) = await rig.records(IN)
    from attrs import evolve

    return evolve(found, headers=tuple((k, v.encode()) for k, v in headers.items()))


async def test_an_outage_uses_up_no_try_of_a_record_that_does_not_wait_here(rig):
    given = await record(rig, **{ATTEMPTS: "2"})
    way = policy().decide(given, AWAY, detour=True)
    assert isinstance(way, OutRecord)
    assert way.topic == "test.retry.1s"
    assert header(way.headers, ATTEMPTS) == "2"
    assert header(way.headers, GROUP) == "g"
    assert header(way.headers, DUE)


async def test_without_a_ladder_even_such_a_record_waits_here(rig):
    given = await record(rig)
    assert policy(ladder=False).decide(given, AWAY, detour=True) == Held(AWAY)
    assert policy().decide(given, AWAY) == Held(AWAY)


async def test_a_record_that_is_not_waited_for_climbs_to_its_end(rig):
    given = await record(rig, **{ATTEMPTS: "2"})
    assert policy("dead_letter").decide(given, AWAY, detour=True) == Dead(AWAY)
