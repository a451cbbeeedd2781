"""A rate is held on average, without bursts."""

import pytest

from claimx_pipeline.sources.pace import Pace


@pytest.mark.parametrize(("rate", "step"), [(500, 0.07), (500, 0.31), (3, 0.5), (0.5, 0.5)])
def test_the_average_is_the_rate(rate, step):
    pace, sent = Pace(rate), 0
    turns = int(200 / step)
    for turn in range(turns):
        count = pace.allowed(turn * step, 1000)
        pace.take(count)
        sent += count
    assert sent / (turns * step) == pytest.approx(rate, rel=0.02)


def test_a_long_wait_is_not_made_up_for():
    pace = Pace(100)
    pace.allowed(0.0, 10_000)
    assert pace.allowed(3600.0, 10_000) == 500


def test_no_rate_is_no_limit():
    assert Pace(None).allowed(0.0, 700) == 700
