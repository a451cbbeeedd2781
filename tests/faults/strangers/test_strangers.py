"""Odd records, odd answers, odd files and kills at once: every event is accounted for.

``nox -s faults -- --strangers`` makes it an hour on Kafka, ``--seconds N`` something shorter.
"""

import os

import pytest

from tests.faults.strangers.form import ASKED, SEED, SHORT, SoakForm
from tests.faults.strangers.soak import soaked

BY_NOX = pytest.mark.skipif("FAULTS" not in os.environ, reason="runs by nox -s faults")


@BY_NOX
@pytest.mark.plugin
async def test_what_strangers_send_costs_no_good_event(nursery, tmp_path):
    verdict = await soaked(tmp_path, SHORT, SEED, nursery, None)
    assert verdict.wrong == []


@pytest.mark.kafka
@pytest.mark.plugin
@BY_NOX
async def test_what_strangers_send_costs_no_good_event_on_kafka(nursery, mortal_kafka, tmp_path):
    form = SoakForm.of(float(ASKED)) if ASKED else SHORT
    verdict = await soaked(tmp_path, form, SEED, nursery, mortal_kafka)
    assert verdict.wrong == []
