from __future__ import annotations

import asyncio
import itertools
import logging
import random
import time
from collections import Counter

import pytest

from claimx_pipeline.clock import SystemClock
from claimx_pipeline.connections.breaker import Breaker, State
from claimx_pipeline.errors import Category, RecordError

LEGAL = {
    (State.CLOSED, State.OPEN),
    (State.OPEN, State.HALF_OPEN),
    (State.HALF_OPEN, State.OPEN),
    (State.HALF_OPEN, State.CLOSED),
}


def fail(breaker, times=1):
    for _ in range(times):
        breaker.admit().failed()


@pytest.fixture
def breaker(clock):
    return Breaker(3, 15, clock, name="vendor")


def refused(breaker):
    with pytest.raises(RecordError) as caught:
        breaker.admit()
    assert caught.value.category is Category.CIRCUIT_OPEN
    assert caught.value.outage
    return caught.value


def test_it_opens_after_so_many_failures_in_a_row(breaker):
    fail(breaker, 2)
    assert breaker.state is State.CLOSED
    fail(breaker)
    assert breaker.state is State.OPEN


def test_a_success_between_them_starts_the_count_again(breaker):
    for _ in range(5):
        fail(breaker, 2)
        breaker.admit().succeeded()
    assert breaker.state is State.CLOSED


def test_a_call_without_a_verdict_changes_nothing(breaker):
    fail(breaker, 2)
    breaker.admit().release()
    fail(breaker)
    assert breaker.state is State.OPEN


def test_a_permit_counts_once(breaker):
    permit = breaker.admit()
    for _ in range(3):
        permit.failed()
    assert breaker.state is State.CLOSED


def test_while_open_the_wait_until_the_next_try_is_given(breaker, clock):
    fail(breaker, 3)
    clock.move(5)
    assert refused(breaker).retry_after == 10
    assert "'vendor' failed 3 times in a row" in str(refused(breaker))


@pytest.mark.incident("API-02")
@pytest.mark.parametrize("probes", [1, 3])
def test_half_open_admits_exactly_its_probes(clock, probes):
    breaker = Breaker(1, 15, clock, probes)
    fail(breaker)
    clock.move(15)
    for _ in range(probes):
        breaker.admit()
    assert breaker.state is State.HALF_OPEN
    assert refused(breaker).retry_after == 1


def test_a_released_trial_makes_room_for_the_next(breaker, clock):
    fail(breaker, 3)
    clock.move(15)
    breaker.admit().release()
    breaker.admit().succeeded()
    assert breaker.state is State.CLOSED


def test_a_failed_trial_opens_it_for_as_long_again(breaker, clock):
    fail(breaker, 3)
    clock.move(20)
    fail(breaker)
    assert breaker.state is State.OPEN
    assert refused(breaker).retry_after == 15


@pytest.mark.parametrize("verdict", ["succeeded", "failed", "release"])
def test_a_call_from_before_has_no_say(breaker, clock, verdict):
    late = breaker.admit()
    fail(breaker, 3)
    clock.move(15)
    breaker.admit()
    getattr(late, verdict)()
    assert breaker.state is State.HALF_OPEN
    refused(breaker)


def test_a_permit_from_before_is_not_renewed_while_it_is_open(breaker, clock):
    late = breaker.admit()
    late.renew()
    fail(breaker, 3)
    with pytest.raises(RecordError, match="nothing is sent"):
        late.renew()
    clock.move(15)
    late.renew()
    late.succeeded()
    assert breaker.state is State.CLOSED


def test_zero_failures_never_open_it(clock):
    breaker = Breaker(0, 15, clock)
    fail(breaker, 1000)
    assert breaker.state is State.CLOSED


def test_each_change_is_one_line_of_the_log(breaker, clock, caplog):
    caplog.set_level(logging.INFO)
    fail(breaker, 3)
    refused(breaker)
    clock.move(15)
    breaker.admit().succeeded()
    breaker.admit().succeeded()
    assert [record.getMessage().partition(":")[0] for record in caplog.records] == [
        "breaker of connection 'vendor' is open",
        "breaker of connection 'vendor' is half_open",
        "breaker of connection 'vendor' is closed",
    ]


@pytest.mark.incident("REB-02")
async def test_fifty_coroutines_share_one_without_a_stall(monkeypatch):
    """For ten seconds half of all calls fail; each half-open time admits its two probes."""
    changes, under_way, most, longest, calls = [], Counter({0: 0}), 0, 0.0, 0
    change = Breaker._change

    def noted(self, state, why):
        changes.append((self.state, state))
        change(self, state, why)

    monkeypatch.setattr(Breaker, "_change", noted)
    breaker = Breaker(3, 0.02, SystemClock(), 2)
    end, chance = time.monotonic() + 10, random.Random(7)

    async def call():
        nonlocal most, longest, calls
        while (began := time.monotonic()) < end:
            try:
                permit = breaker.admit()
            except RecordError as error:
                await asyncio.sleep(error.retry_after if error.retry_after < 0.02 else 0.001)
                continue
            # Those of one half-open time only: a slow one may outlast it.
            time_of = len(changes) if breaker.state is State.HALF_OPEN else None
            under_way[time_of] += 1
            most = max(most, *(n for at, n in under_way.items() if at is not None))
            await asyncio.sleep(chance.random() * 0.005)
            under_way[time_of] -= 1
            verdict = permit.succeeded if chance.random() < 0.5 else permit.failed
            verdict()
            calls += 1
            longest = max(longest, time.monotonic() - began)

    await asyncio.gather(*(call() for _ in range(50)))
    assert set(changes) == LEGAL
    assert all(one[1] is other[0] for one, other in itertools.pairwise(changes))
    assert most == 2
    assert calls > 100, "they hardly came to call"
    # The incident's own limit is 1 s; a machine that many share may take that by itself.
    assert longest < 5
