"""Whose failure it was: the service's or the record's."""

from __future__ import annotations

import asyncio
import contextlib
import copy
import pickle
import socket
import time

import pytest

from claimx_pipeline.connections.answer import RequestFailedError
from claimx_pipeline.connections.breaker import State
from claimx_pipeline.errors import Category, RecordError
from tests.fakes.http_service import Reply, http_service
from tests.fakes.loop_time import pass_time

OK, BUSY, DOWN = Reply({"ok": True}), Reply(b"", 429), Reply(b"", 503)


async def failure(vendor, path="/", method="GET"):
    with pytest.raises(RequestFailedError) as caught:
        await vendor.request(method, path)
    return caught.value


async def failures(vendor, times):
    return [await failure(vendor) for _ in range(times)]


def always(reply):
    return lambda _asked: reply


@contextlib.contextmanager
def black_hole():
    """A listener whose queue is full takes no further connection."""
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.socket())
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(3):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                waiting.connect(listener.getsockname())
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"


@pytest.mark.incident("API-02")
async def test_after_five_failures_nothing_is_sent_until_one_trial_succeeds(connect, clock):
    async with http_service(always(DOWN)) as service:
        vendor = connect(service.url, max_retries=0)
        errors = await failures(vendor, 5)
        assert [error.outage for error in errors] == [False] * 4 + [True]
        refused = await failure(vendor)
        assert (refused.category, refused.outage) == (Category.CIRCUIT_OPEN, True)
        assert (refused.retry_after, refused.connection) == (15, "vendor")
        assert len(service.asked) == 5
        clock.move(15)
        assert (await failure(vendor)).outage
        assert (await failure(vendor)).category is Category.CIRCUIT_OPEN
        assert len(service.asked) == 6
        service.answer = always(OK)
        clock.move(15)
        await vendor.request("GET", "/")
        assert vendor.breaker.state is State.CLOSED


@pytest.mark.incident("API-02")
@pytest.mark.parametrize("status", [400, 401, 403, 404, 410, 422])
async def test_a_hundred_refusals_do_not_open_the_breaker(connect, status):
    async with http_service(always(Reply(b"", status))) as service:
        vendor = connect(service.url)
        errors = await failures(vendor, 100)
    assert len(service.asked) == 100
    assert vendor.breaker.state is State.CLOSED
    assert {error.outage for error in errors} == {status == 401}


async def test_a_definite_answer_shows_that_the_service_works(connect):
    replies = [DOWN, DOWN, DOWN, DOWN, Reply(b"", 404)] * 3
    async with http_service(lambda _asked: replies.pop()) as service:
        vendor = connect(service.url, max_retries=0)
        await failures(vendor, 15)
    assert vendor.breaker.state is State.CLOSED


async def test_too_many_requests_are_an_outage_and_do_not_count(connect):
    replies = [DOWN, BUSY, BUSY, DOWN, DOWN, DOWN, DOWN]
    async with http_service(lambda _asked: replies.pop()) as service:
        vendor = connect(service.url, max_retries=0)
        errors = await failures(vendor, 6)
        assert vendor.breaker.state is State.CLOSED
        assert [error.outage for error in errors] == [False] * 4 + [True] * 2
        assert (await failure(vendor)).outage
    assert vendor.breaker.state is State.OPEN


async def test_the_tries_of_one_request_count_once(connect):
    async with http_service(always(DOWN)) as service:
        vendor = connect(service.url, max_retries=4)
        assert not (await failure(vendor)).outage
        assert len(service.asked) == 5
    assert vendor.breaker.state is State.CLOSED


async def test_a_request_is_not_tried_again_once_the_breaker_is_open(connect, clock):
    async with http_service(always(DOWN)) as service:
        vendor = connect(service.url, max_retries=2, breaker_failures=1)
        await failure(vendor)
        assert len(service.asked) == 3
        clock.move(15)
        assert (await failure(vendor)).category is Category.TRANSIENT
        assert len(service.asked) == 4


@pytest.mark.incident("REB-02")
async def test_those_who_wait_for_their_turn_are_not_sent_to_a_failing_service(connect):
    async with http_service(always(DOWN)) as service:
        vendor = connect(service.url, max_retries=0, max_concurrent=5)
        errors = await asyncio.gather(*(failure(vendor) for _ in range(50)))
        assert len(service.asked) < 15
    assert sum(error.category is Category.CIRCUIT_OPEN for error in errors) > 35
    assert sum(error.outage for error in errors) >= 46


async def test_fifty_who_come_at_half_open_are_one_trial(connect, clock):
    async with http_service(always(DOWN)) as service:
        vendor = connect(service.url, max_retries=0, breaker_failures=1)
        await failure(vendor)
        clock.move(15)
        await asyncio.gather(*(failure(vendor) for _ in range(50)))
        assert len(service.asked) == 2


async def test_a_cancelled_trial_does_not_keep_the_breaker_half_open(connect, clock):
    began = asyncio.Event()

    async def silence(_asked):
        began.set()
        await asyncio.Event().wait()

    async with http_service(always(DOWN)) as service:
        vendor = connect(service.url, max_retries=0, breaker_failures=1)
        await failure(vendor)
        clock.move(15)
        service.answer = silence
        trial = asyncio.create_task(vendor.request("GET", "/"))
        await began.wait()
        trial.cancel()
        with pytest.raises(asyncio.CancelledError):
            await trial
        service.answer = always(OK)
        await vendor.request("GET", "/")
    assert vendor.breaker.state is State.CLOSED


async def test_a_breaker_of_zero_failures_never_opens(connect):
    async with http_service(always(DOWN)) as service:
        vendor = connect(service.url, max_retries=0, breaker_failures=0)
        errors = await failures(vendor, 20)
        assert len(service.asked) == 20
    assert not any(error.outage for error in errors)


@pytest.mark.incident("API-06")
async def test_an_unreachable_host_costs_its_timeouts_once_and_then_nothing(connect, clock):
    with black_hole() as url:
        vendor = connect(
            url, timeout_seconds=60, connect_timeout_seconds=0.1, max_retries=1, breaker_failures=5
        )
        began = time.perf_counter()
        errors = await asyncio.gather(*(failure(vendor) for _ in range(5)))
        assert time.perf_counter() - began < 2
        assert any(error.outage for error in errors)
        began = time.perf_counter()
        assert (await failure(vendor)).category is Category.CIRCUIT_OPEN
        assert time.perf_counter() - began < 0.1, "it waited for a connection"
    assert vendor.breaker.state is State.OPEN


async def silence(_asked):
    """Give no answer until the asker's timeout is over, which it is at once.

    A timeout so short that a test can wait for it may be over before a busy machine has
    sent the request.
    """
    pass_time(60)
    await asyncio.Event().wait()


def with_probe(failing, probe):
    """Answer /probe with *probe* and everything else with *failing*."""

    async def answer(asked):
        chosen = probe if asked.path == "/probe" else failing
        return await chosen(asked) if chosen is silence else chosen

    return answer


@pytest.mark.parametrize("failing", [silence, Reply(b"", 500), Reply(b"", 403)])
@pytest.mark.parametrize(
    ("probe", "healthy"),
    [
        (OK, True),
        (Reply(b"", 204), True),
        (Reply(b"", 405), True),
        (Reply(b"", 401), False),
        (Reply(b"", 403), False),
        (Reply(b"", 404), False),
        (Reply(b"", 429), False),
        (Reply(b"", 302), False),
        (Reply(b"", 500), False),
        (silence, False),
    ],
)
async def test_a_probe_tells_an_outage_from_a_bad_record(connect, failing, probe, healthy):
    async with http_service(with_probe(failing, probe)) as service:
        vendor = connect(service.url, probe="/probe", timeout_seconds=30, max_retries=0)
        error = await failure(vendor)
        assert service.paths() == ["GET /", "GET /probe"]
    assert error.outage is not healthy
    forbidden = healthy and error.status == 403
    assert error.category is (Category.PERMANENT if forbidden else Category.TRANSIENT)


async def test_bad_records_at_a_healthy_service_do_not_open_the_breaker(connect):
    async with http_service(with_probe(DOWN, OK)) as service:
        vendor = connect(service.url, probe="/probe", max_retries=0)
        assert not any(error.outage for error in await failures(vendor, 20))
    assert vendor.breaker.state is State.CLOSED


@pytest.mark.parametrize("status", [403, 503])
async def test_an_unhealthy_probe_opens_the_breaker_in_time(connect, clock, status):
    async with http_service(with_probe(Reply(b"", status), DOWN)) as service:
        vendor = connect(service.url, probe="/probe", max_retries=0)
        assert all(error.outage for error in await failures(vendor, 5))
        assert vendor.breaker.state is State.OPEN
        assert (await failure(vendor)).category is Category.CIRCUIT_OPEN
        assert len(service.asked) == 6


async def test_without_a_probe_a_403_is_the_records_own(connect):
    async with http_service(always(Reply(b"", 403))) as service:
        error = await failure(connect(service.url))
    assert (error.category, error.outage) == (Category.PERMANENT, False)


async def test_one_probe_serves_all_who_are_in_doubt_within_a_second(connect, clock):
    async with http_service(with_probe(DOWN, OK)) as service:
        vendor = connect(service.url, probe="/probe", max_retries=0)
        await asyncio.gather(*(failure(vendor) for _ in range(20)))
        clock.move(0.9)
        await failure(vendor)
        assert service.paths().count("GET /probe") == 1
        clock.move(0.2)
        await failure(vendor)
        assert service.paths().count("GET /probe") == 2


async def test_the_probe_does_not_wait_for_a_slot(connect):
    """All slots may be taken by requests that the same outage holds up."""
    held, done = asyncio.Event(), asyncio.Event()

    async def answer(asked):
        if asked.path == "/slow":
            held.set()
            await done.wait()
        return OK if asked.path != "/bad" else DOWN

    async with http_service(answer) as service:
        vendor = connect(service.url, probe="/probe", max_retries=0, max_concurrent=1)
        bad = asyncio.create_task(failure(vendor, "/bad"))
        slow = asyncio.create_task(vendor.request("GET", "/slow"))
        await held.wait()
        assert not (await bad).outage
        assert not slow.done()
        done.set()
        await slow


async def test_a_connection_closed_by_us_is_not_a_failure_of_the_service(connect):
    async with http_service(always(OK)) as service:
        vendor = connect(service.url, breaker_failures=1)
        await vendor.close()
        error = await failure(vendor)
    assert not error.outage
    assert vendor.breaker.state is State.CLOSED


def test_an_outage_survives_being_copied_and_pickled():
    plain = RecordError("a", Category.AUTH, 1.5, outage=True)
    full = RequestFailedError("a", Category.TRANSIENT, outage=True, connection="vendor")
    for error in (plain, full):
        for twin in (copy.copy(error), pickle.loads(pickle.dumps(error))):
            assert type(twin) is type(error)
            assert repr(twin) == repr(error)
            assert twin.outage
    assert RecordError("a").outage is False
