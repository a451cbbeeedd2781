"""Whole pipelines on Kafka under attack: afterwards everything is as if nothing had happened.

Workers are killed at any moment, frozen until others have their partitions, join and leave;
Kafka itself is killed and started again; the services that are asked fail in every way.
``nox -s faults -- --seeds 50`` runs as many schedules as asked for, one line about each.
"""

import pytest

from tests.faults.form import FORM
from tests.faults.plan import FaultPlan
from tests.faults.run import assert_unharmed, disturbed


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
