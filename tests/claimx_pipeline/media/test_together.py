"""Calls of one moment share a trip to a thread, and none hurts another."""

import asyncio
import threading

import pytest

from claimx_pipeline.media.together import MOST_IN_ONE_TRIP, Together


async def test_calls_of_one_moment_go_to_one_thread_together():
    together, main = Together(), threading.get_ident()
    found = await asyncio.gather(*(together.run(threading.get_ident) for _ in range(10)))
    assert len(set(found)) == 1
    assert main not in found


async def test_many_are_shared_out_over_threads():
    """Each trip waits for the other: in one thread they would wait for ever."""
    meeting = threading.Barrier(2, timeout=30)
    together = Together()
    calls = [meeting.wait] + [int] * (MOST_IN_ONE_TRIP - 1) + [meeting.wait]
    found = await asyncio.gather(*(together.run(call) for call in calls))
    assert {found[0], found[-1]} == {0, 1}


async def test_a_call_that_fails_is_its_own_failure():
    together = Together()
    good, bad = await asyncio.gather(
        together.run(lambda: "x"), together.run(lambda: int("x")), return_exceptions=True
    )
    assert good == "x"
    assert isinstance(bad, ValueError)
    assert await together.run(lambda: "again") == "again"


async def test_a_caller_that_stops_waiting_does_not_disturb_the_others():
    together = Together()
    left = asyncio.ensure_future(together.run(lambda: 1))
    other = asyncio.ensure_future(together.run(lambda: 2))
    await asyncio.sleep(0)
    left.cancel()
    assert await other == 2
    with pytest.raises(asyncio.CancelledError):
        await left
