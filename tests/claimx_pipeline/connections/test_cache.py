from __future__ import annotations

import asyncio
from datetime import timedelta

import pytest

from claimx_pipeline.connections.cache import AnswerCache


class Service:
    """Counts what it is asked; answers when it is let."""

    def __init__(self):
        self.calls = 0
        self.cancelled = 0
        self.open = asyncio.Event()
        self.open.set()
        self.error = None

    async def __call__(self):
        self.calls += 1
        number = self.calls
        try:
            await self.open.wait()
        except asyncio.CancelledError:
            self.cancelled += 1
            raise
        if self.error:
            raise self.error
        return number


@pytest.fixture
def service():
    return Service()


@pytest.fixture
def cache(clock):
    return AnswerCache(60, 3, clock)


async def settle():
    for _ in range(10):
        await asyncio.sleep(0)


async def test_an_answer_is_kept_for_its_time(cache, clock, service):
    assert await cache.get("a", service) == 1
    clock.move(59)
    assert await cache.get("a", service) == 1
    clock.move(1)
    assert await cache.get("a", service) == 2


async def test_no_time_to_live_keeps_nothing(clock, service):
    cache = AnswerCache(0, 3, clock)
    assert [await cache.get("a", service) for _ in range(2)] == [1, 2]


@pytest.mark.incident("API-08")
async def test_many_who_ask_at_once_share_one_request(cache, service):
    service.open.clear()
    asking = [asyncio.create_task(cache.get("a", service)) for _ in range(50)]
    await settle()
    service.open.set()
    assert await asyncio.gather(*asking) == [1] * 50


async def test_sharing_needs_no_keeping(clock, service):
    cache = AnswerCache(0, 3, clock)
    assert await asyncio.gather(*(cache.get("a", service) for _ in range(5))) == [1] * 5


async def test_keys_are_asked_for_on_their_own(cache, service):
    assert [await cache.get(key, service) for key in "aba"] == [1, 2, 1]


@pytest.mark.incident("API-08")
async def test_an_error_reaches_all_who_wait_and_is_not_kept(cache, service):
    service.error = ValueError("no")
    results = await asyncio.gather(
        *(cache.get("a", service) for _ in range(3)), return_exceptions=True
    )
    assert [str(result) for result in results] == ["no"] * 3
    assert service.calls == 1
    service.error = None
    assert await cache.get("a", service) == 2


async def test_the_answer_unused_for_longest_leaves_first(cache, service):
    for key in "abc":
        await cache.get(key, service)
    await cache.get("a", service)
    await cache.get("d", service)
    assert await cache.get("a", service) == 1
    assert await cache.get("b", service) == 5


async def test_one_who_stops_waiting_leaves_the_others_alone(cache, service):
    service.open.clear()
    first, second = (asyncio.create_task(cache.get("a", service)) for _ in range(2))
    await settle()
    first.cancel()
    await settle()
    service.open.set()
    assert await second == 1
    assert first.cancelled()
    assert service.cancelled == 0


async def test_a_request_without_a_waiting_caller_is_cancelled(cache, service):
    service.open.clear()
    asking = asyncio.create_task(cache.get("a", service))
    await settle()
    asking.cancel()
    again = asyncio.create_task(cache.get("a", service))
    await settle()
    service.open.set()
    assert await again == 2
    assert service.cancelled == 1


async def test_an_answer_asked_for_earlier_is_asked_for_again(cache, clock, service):
    await cache.get("a", service)
    asked = clock.now()
    clock.move(1)
    assert await cache.get("a", service, not_before=asked) == 1
    assert await cache.get("a", service, not_before=asked + timedelta(microseconds=1)) == 2
    assert await cache.get("a", service) == 2


async def test_a_request_under_way_since_earlier_is_waited_for_and_repeated(cache, clock, service):
    service.open.clear()
    early = asyncio.create_task(cache.get("a", service))
    await settle()
    clock.move(1)
    late = [asyncio.create_task(cache.get("a", service, not_before=clock.now())) for _ in range(5)]
    await settle()
    assert service.calls == 1
    service.open.set()
    assert await early == 1
    assert await asyncio.gather(*late) == [2] * 5


async def test_a_time_to_come_counts_as_now(cache, clock, service):
    ahead = clock.now() + timedelta(hours=1)
    assert await cache.get("a", service, not_before=ahead) == 1
    assert await cache.get("a", service, not_before=ahead) == 1
    clock.move(1)
    assert await cache.get("a", service, not_before=ahead) == 2


async def test_a_wall_clock_set_back_does_not_ask_for_ever(cache, clock, service):
    ahead = clock.now()

    async def fetch():
        clock.move(-10)
        return await service()

    assert await cache.get("a", fetch, not_before=ahead) == 1
    assert await cache.get("a", fetch, not_before=ahead) in {1, 2}


async def test_a_discarded_answer_is_asked_for_again(cache, service):
    await cache.get("a", service)
    cache.discard("a")
    cache.discard("b")
    assert await cache.get("a", service) == 2


async def test_a_request_that_fails_after_all_have_left_is_not_warned_about(cache, service):
    service.open.clear()
    service.error = ValueError("no")
    asking = asyncio.create_task(cache.get("a", service))
    await settle()
    service.open.set()
    asking.cancel()
    with pytest.raises(asyncio.CancelledError):
        await asking
    await settle()


async def test_answers_that_have_expired_leave_the_memory(cache, clock, service):
    await cache.get("a", service)
    await cache.get("b", service)
    clock.move(61)
    await cache.get("c", service)
    assert list(cache._kept) == ["c"]


async def test_the_size_of_all_answers_is_bounded(clock):
    cache = AnswerCache(60, 1000, clock, most_bytes=1000)
    asked = []

    async def large(name):
        asked.append(name)
        return {"tasks": ["x" * 300]}

    for name in "abcd":
        await cache.get(name, lambda name=name: large(name))
    assert sorted(cache._kept) == ["b", "c", "d"]
    await cache.get("d", lambda: large("d"))
    await cache.get("a", lambda: large("a"))
    assert asked == ["a", "b", "c", "d", "a"]
    assert cache._bytes == sum(kept.size for kept in cache._kept.values()) <= 1000


async def test_an_answer_larger_than_all_may_be_serves_those_who_wait_and_is_not_kept(clock):
    cache = AnswerCache(60, 1000, clock, most_bytes=1000)

    async def huge():
        return "x" * 2000

    assert await asyncio.gather(cache.get("a", huge), cache.get("a", huge)) == ["x" * 2000] * 2
    assert not cache._kept
    assert cache._bytes == 0
