"""Waiting for what is away: spaced, told once, and not in the way of a stop."""

import asyncio
import logging

import pytest
from hypothesis import given
from hypothesis import strategies as st

from claimx_pipeline import Category
from claimx_pipeline.clock import doubled
from claimx_pipeline.delta.faults import TableWriteError
from claimx_pipeline.errors import BrokerUnavailableError, UnknownTopicError
from claimx_pipeline.runtime.reconnect import Reconnect, concurrently
from claimx_pipeline.telemetry.health import Health
from tests.fakes.hasty_clock import HastyClock
from tests.fakes.virtual_clock import VirtualClock


def reconnect_and_health(clock) -> tuple[Reconnect, Health]:
    health = Health(clock)
    pulse = health.member("w")
    return Reconnect("w", clock, asyncio.Event(), pulse, 1.0), health


@pytest.mark.incident("REB-08")
async def test_tries_are_spaced_and_each_reason_is_told_once(caplog):
    caplog.set_level(logging.INFO)
    clock = HastyClock()
    reconnect, health = reconnect_and_health(clock)
    reasons = iter(["away", "away", "away", "busy", "busy"])
    states = []

    async def call() -> str:
        states.append(health.ready()[1]["workers"]["w"])
        if reason := next(reasons, ""):
            raise BrokerUnavailableError(reason)
        return "there"

    assert await reconnect.until_available(call) == "there"
    assert clock.slept == [1, 2, 4, 5, 5]
    assert states == ["starting", *["starting: away"] * 3, *["starting: busy"] * 2]
    assert health.ready()[1]["workers"]["w"] == "starting"
    told = [record.getMessage() for record in caplog.records]
    assert told == [
        "worker w waits: away",
        "worker w waits: busy",
        "worker w no longer waits for the broker",
    ]


@pytest.mark.incident("STR-07")
@given(
    seconds=st.floats(1e-6, 1e6),
    times=st.integers(0, 10**9),
    longest=st.floats(1e-3, 1e4),
)
def test_a_pause_grows_up_to_its_limit_whatever_the_number_of_tries(seconds, times, longest):
    pause = doubled(seconds, times, longest)
    assert 0 < pause <= longest
    assert pause == longest or pause == seconds * 2**times
    assert doubled(seconds, times + 1, longest) >= pause


@pytest.mark.incident("STR-07")
@pytest.mark.incident("REB-08")
async def test_an_outage_of_hours_is_waited_out():
    clock = HastyClock()
    reconnect, _ = reconnect_and_health(clock)
    tries = 0

    async def call() -> str:
        nonlocal tries
        tries += 1
        if tries <= 5000:
            raise BrokerUnavailableError("unavailable")
        return "there"

    assert await reconnect.until_available(call) == "there"
    assert set(clock.slept[3:]) == {5}


@pytest.mark.parametrize(
    "error",
    [UnknownTopicError("t"), TableWriteError("not ours", Category.PERMANENT, table="t")],
)
async def test_what_does_not_pass_is_not_tried_again(error):
    clock = HastyClock()
    reconnect, _ = reconnect_and_health(clock)

    async def call() -> None:
        raise error

    with pytest.raises(type(error)):
        await reconnect.until_available(call)
    assert clock.slept == []


async def test_a_stop_ends_the_wait_and_a_start_that_waits():
    reconnect, _ = reconnect_and_health(VirtualClock())  # nobody moves it: a pause would never end
    tried = asyncio.Event()

    async def call() -> None:
        tried.set()
        raise BrokerUnavailableError("away")

    async def start() -> None:
        await reconnect.until_available(call)

    starting = asyncio.create_task(reconnect.unless_stopped(start()))
    await tried.wait()
    reconnect.stop.set()
    async with asyncio.timeout(30):
        assert await starting is False


async def test_a_stop_ends_a_start_that_hangs_and_not_one_that_is_refused():
    reconnect, _ = reconnect_and_health(VirtualClock())
    reconnect.stop.set()
    async with asyncio.timeout(30):
        assert await reconnect.unless_stopped(asyncio.Event().wait()) is False

    async def refused() -> None:
        raise UnknownTopicError("t")

    with pytest.raises(UnknownTopicError):
        await reconnect.unless_stopped(refused())


async def test_the_first_failure_ends_what_is_done_beside_it():
    ended = asyncio.Event()

    async def hangs() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    async def fails() -> None:
        raise UnknownTopicError("t")

    with pytest.raises(UnknownTopicError):
        await concurrently(hangs(), fails())
    assert ended.is_set()


@pytest.mark.incident("REB-05")
async def test_an_idle_worker_that_had_to_wait_is_not_taken_for_a_stuck_one():
    clock = VirtualClock()
    reconnect, health = reconnect_and_health(clock)
    reconnect.pulse.ready()
    waiting = asyncio.create_task(reconnect.wait(BrokerUnavailableError("away"), "poll"))
    async with asyncio.timeout(30):
        while not waiting.done():
            await clock.advance(1)
            await asyncio.sleep(0)
    reconnect.recovered("poll")
    await clock.advance(400)
    reconnect.pulse.beat()
    assert health.live()[0]
