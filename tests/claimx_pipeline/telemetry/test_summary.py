"""A line per worker and minute, also of an idle one."""

import logging

from claimx_pipeline.errors import BrokerUnavailableError
from claimx_pipeline.telemetry.health import Health
from claimx_pipeline.telemetry.metrics import Metrics
from claimx_pipeline.telemetry.summary import Summaries
from tests.fakes.virtual_clock import VirtualClock


def summaries(lag) -> Summaries:
    clock = VirtualClock()
    health = Health(clock)
    health.expect("w")
    counted = Metrics().worker("w", health)
    health.member("w").ready()

    async def left():
        if isinstance(lag, Exception):
            raise lag
        return {"w": lag}

    return Summaries(clock, health, {"w": counted}, left)


async def written(made: Summaries, caplog) -> tuple[str, dict]:
    caplog.clear()
    with caplog.at_level(logging.INFO):
        await made.write()
    (line,) = caplog.records
    return line.getMessage(), vars(line)


async def test_it_says_what_was_done_since_the_last(caplog):
    made = summaries(lag=30)
    worker = made.counters["w"]
    worker.committed({"done": 110, "retry": 8, "dead": 2})
    worker.reached = int((made.clock.now().timestamp() - 14) * 1000)
    text, fields = await written(made, caplog)
    assert text.startswith("worker w in the last minute: 120 records (2 a second), 8 to be retried")
    assert "30 left, the oldest 14 s old at most" in text
    wanted = {"records": 120, "done": 110, "dead": 2, "lag": 30, "behind_seconds": 14.0}
    assert fields.items() >= wanted.items()
    assert fields["state"] == "degraded"
    worker.committed({"done": 6})
    text, _ = await written(made, caplog)
    assert "6 records (0.1 a second), 0 to be retried, 0 dead" in text


async def test_an_idle_worker_is_not_silent(caplog):
    text, fields = await written(summaries(lag=0), caplog)
    assert text.endswith("0 records (0 a second), 0 to be retried, 0 dead; 0 left; ready")
    assert "behind_seconds" not in fields


async def test_what_it_waits_for_is_named(caplog):
    made = summaries(lag=5)
    made.health.workers["w"].members[0].waits_for("parked", "the API does not answer")
    text, fields = await written(made, caplog)
    assert text.endswith("waiting: the API does not answer")
    assert fields["state"] == "waiting"


async def test_a_broker_that_does_not_answer_costs_the_lag_alone(caplog):
    text, _ = await written(summaries(BrokerUnavailableError("kafka://x", "no answer")), caplog)
    assert "how many are left is not known" in text
