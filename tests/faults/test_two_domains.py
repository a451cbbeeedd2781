"""Two domains under attack: each comes out as without faults, and as without the other."""

import pytest
from attrs import evolve

from claimx_pipeline.simulator.faults import Fault
from tests.faults.attacked_pipeline import SETTINGS, filled, undisturbed
from tests.faults.evidence import SUBMISSIONS
from tests.faults.plan import EVENTS, FaultPlan
from tests.faults.run import assert_unharmed, disturbed
from tests.faults.second import JOBS, second_domain, write_plugin
from tests.rigs import topics
from tests.rigs.second_domain import NAME
from tests.rigs.whole_pipeline import whole_pipeline

WORLD = 0
STEPS = ("join", "kill", "freeze", "join", "kill", "leave", "kill", "freeze", "kill")
SEED = 4 * 1003  # of the world


@pytest.fixture
async def second():
    async with second_domain(unsteady=True) as made:
        yield made


@pytest.fixture(scope="module")
def of_both(tmp_path_factory, expected):
    """What both domains come to when nothing goes wrong, made once."""
    known = []

    async def made():
        if not known:
            async with second_domain() as second:
                known.append(await undisturbed(tmp_path_factory.mktemp("both"), WORLD, second))
        return known[0]

    return made


async def test_a_domain_comes_to_the_same_beside_another_one(expected, of_both):
    alone, both = (await expected(WORLD)).tables, (await of_both()).tables
    assert {name for name in both.keys() - alone.keys() if both[name]} == {
        f"{NAME}_{name}" for name in ("events", "event_log", "jobs", "files")
    }
    for table in alone.keys() - {SUBMISSIONS}:
        assert both[table] == alone[table], table


async def attack(tmp_path, nursery, of_both, second, kafka, *, apart: bool) -> None:
    plan = evolve(FaultPlan.of(SEED, restarts=False), steps=STEPS)
    assert plan.world == WORLD
    result = await disturbed(tmp_path, plan, await of_both(), nursery, kafka, second, apart=apart)
    assert_unharmed(result)
    assert result.done["kills"]
    assert result.done["zombies"]


@pytest.mark.plugin
@pytest.mark.parametrize("apart", [False, True], ids=["in one process", "apart"])
async def test_two_domains_lose_double_and_mix_nothing(of_both, second, nursery, tmp_path, apart):
    await attack(tmp_path, nursery, of_both, second, None, apart=apart)


@pytest.mark.kafka
@pytest.mark.plugin
@pytest.mark.parametrize("apart", [False, True], ids=["in one process", "apart"])
async def test_two_domains_lose_double_and_mix_nothing_on_kafka(
    of_both, second, nursery, mortal_kafka, tmp_path, apart
):
    await attack(tmp_path, nursery, of_both, second, mortal_kafka, apart=apart)


@pytest.fixture
async def whole(tmp_path):
    """Both domains in one process, their services without faults."""
    async with second_domain() as second:
        write_plugin(tmp_path)
        async with whole_pipeline(
            tmp_path,
            settings=filled(second.settings(SETTINGS)),
            plugins=f"{{dir: {tmp_path}/plugins}}",
        ) as running:
            running.start()
            yield running, second


async def publish(whole, second) -> None:
    await whole.publish(EVENTS)
    await topics.publish(whole.pipeline.broker(), second.records(whole.pipeline))


def told(whole, table: str) -> int:
    return whole.rows(f"SELECT count(*) AS n FROM {table}")[0]["n"]


async def test_an_unavailable_api_leaves_the_other_domain_untouched(whole):
    running, second = whole
    running.simulator.faults.add(Fault(kind="error", path="/service"))
    await publish(running, second)
    found = []

    async def is_whole() -> bool:
        found[:] = await second.wrong(running) if told(running, "acme_files") else ["none yet"]
        return not found

    await running.until(is_whole, 120)
    assert told(running, "claimx_event_log") == 0
    workers = running.health.ready()[1]["workers"]
    assert "503" in workers["enrichment"]
    said = [workers[name] for name in workers if name.startswith(NAME)]
    assert all(each.startswith(("ready", "degraded")) for each in said), said
    running.simulator.faults.clear()
    await running.idle(120)
    assert told(running, "claimx_event_log") == EVENTS
    assert await second.wrong(running) == []


async def test_an_unavailable_host_of_files_leaves_the_other_domain_untouched(whole):
    running, second = whole
    second.down = True
    await publish(running, second)
    files = running.world.expected_files(EVENTS).keys()

    def is_whole() -> bool:
        stored = "SELECT media_id FROM claimx_attachments WHERE status = 'completed'"
        return {row["media_id"] for row in running.rows(stored)} == files

    await running.until(is_whole, 120)
    assert told(running, "acme_jobs") == JOBS
    completed = "SELECT count(*) AS n FROM acme_files WHERE status = 'completed'"
    assert running.rows(completed) == [{"n": 0}]
    second.down = False
    await running.idle(120)
    assert await second.wrong(running) == []
