"""Whole pipelines on the embedded broker under attack, as those on Kafka are."""

import pytest

from tests.faults.form import FORM
from tests.faults.plan import FaultPlan
from tests.faults.run import assert_unharmed, disturbed


@pytest.mark.plugin
@pytest.mark.parametrize("seed", range(1003, 1003 + FORM.embedded_seeds))
async def test_nothing_is_lost_doubled_or_wrong_on_the_embedded_broker(
    expected, nursery, tmp_path, seed
):
    plan = FaultPlan.of(seed, restarts=False)
    assert_unharmed(await disturbed(tmp_path, plan, await expected(plan.world), nursery, None))
