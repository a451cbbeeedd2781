"""Records that fail show in the health of their worker, and stop showing when they are old."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from claimx_pipeline.telemetry.failures import ENOUGH, WINDOW_SECONDS, RecentFailures
from claimx_pipeline.telemetry.health import Health
from tests.fakes.virtual_clock import VirtualClock


def counts(done=0, retry=0, dead=0):
    return {"done": done, "skipped": 0, "retry": retry, "dead": dead}


@pytest.mark.incident("STR-62")
@pytest.mark.parametrize(
    ("noted", "kind", "ready"),
    [
        (counts(done=100), "ready", True),
        (counts(done=100, dead=1), "degraded", True),
        (counts(done=1, retry=1000), "degraded", True),
        (counts(dead=ENOUGH - 1), "degraded", True),
        (counts(dead=ENOUGH), "nothing gets through", False),
        (counts(retry=ENOUGH), "nothing gets through", False),
    ],
)
async def test_health_says_that_records_fail_and_readiness_only_ends_if_all_do(noted, kind, ready):
    clock = VirtualClock()
    health = Health(clock)
    health.member("w").ready()
    health.workers["w"].recent.cause = "no such project"
    health.count("w", noted)
    found, told = health.ready()
    assert found is ready
    state = told["workers"]["w"]
    assert state.partition(":")[0] == kind
    assert told["status"] == ("not_ready" if not ready else kind)
    assert ("no such project" in state) is (kind != "ready")
    await clock.advance(WINDOW_SECONDS + 1)
    assert health.ready() == (True, {"status": "ready", "workers": {"w": "ready"}})


@pytest.mark.incident("STR-62")
def test_records_that_are_retried_with_something_written_get_through():
    recent = RecentFailures()
    recent.note(counts(retry=1000), 0.0)
    recent.partly(1000)
    assert recent.state(1.0).startswith("degraded: 0 done, 1000 to be retried")


@given(st.lists(st.tuples(st.floats(0, 60), st.integers(0, 9), st.integers(0, 9)), max_size=200))
def test_what_is_remembered_is_bounded_and_adds_up(batches):
    recent, now, kept = RecentFailures(), 0.0, []
    for pause, done, dead in batches:
        now += pause
        recent.note(counts(done=done, dead=dead), now)
        kept.append((now, dead))
    assert len(recent._slots) <= WINDOW_SECONDS / 10 + 2
    lately = sum(dead for at, dead in kept if now - at <= WINDOW_SECONDS)
    longer = sum(dead for at, dead in kept if now - at <= WINDOW_SECONDS + 10)
    if lately:
        assert any(f" and {each} dead " in recent.state(now) for each in range(1, longer + 1))
    if not longer:
        assert recent.state(now) == ""
