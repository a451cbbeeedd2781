"""Whole pipelines under attack: afterwards everything is as if nothing had happened.

Workers are killed at any moment, frozen until others have their partitions, join and leave;
Kafka itself is killed and started again; the services that are asked fail in every way.
``nox -s faults -- --seeds 50`` runs as many schedules as asked for, one line about each.
"""

import pytest
from fault_form import FORM
from fault_plan import FaultPlan
from fault_run import Result, disturbed, undisturbed


@pytest.fixture(scope="module")
def expected(tmp_path_factory):
    """What a world comes to in a run in which nothing goes wrong, made once."""
    known = {}

    async def of(world: int):
        if world not in known:
            known[world] = await undisturbed(tmp_path_factory.mktemp(f"world{world}"), world)
        return known[world]

    return of


def assert_unharmed(result: Result) -> None:
    print(result.line())
    assert result.differences == {}
    assert result.wrong_letters == set()
    assert result.submissions.wrong == []
    assert result.evidence.wrong == []


@pytest.mark.kafka
@pytest.mark.plugin
@pytest.mark.incident("OFF-02")
@pytest.mark.incident("OFF-05")
@pytest.mark.incident("LAT-03")
@pytest.mark.parametrize("seed", range(FORM.seeds))
async def test_nothing_is_lost_doubled_or_wrong_on_kafka(
    expected, nursery, mortal_kafka, tmp_path, seed
):
    plan = FaultPlan.of(seed, restarts=True)
    assert_unharmed(
        await disturbed(tmp_path, plan, await expected(plan.world), nursery, mortal_kafka)
    )


@pytest.mark.plugin
@pytest.mark.parametrize("seed", range(1003, 1003 + FORM.embedded_seeds))
async def test_nothing_is_lost_doubled_or_wrong_on_the_embedded_broker(
    expected, nursery, tmp_path, seed
):
    plan = FaultPlan.of(seed, restarts=False)
    assert_unharmed(await disturbed(tmp_path, plan, await expected(plan.world), nursery, None))
