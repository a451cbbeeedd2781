from __future__ import annotations

import asyncio

import pytest

from claimx_pipeline.claimx.reader import both
from claimx_pipeline.connections import RequestFailedError
from claimx_pipeline.errors import Category, RecordError


@pytest.mark.incident("API-08")
async def test_a_project_is_asked_for_once_in_its_time(reader, service, clock):
    first = await reader.project(7)
    clock.move(299)
    assert await reader.project(7) == first
    clock.move(1)
    await reader.project(7)
    assert service.paths() == ["GET /export/project/7"] * 2
    assert reader.calls == 2


async def test_an_answer_kept_says_when_the_api_gave_it(reader, clock):
    before = clock.now()
    await reader.project(7)
    clock.move(100)
    assert (await reader.project(7)).answered_at == before


async def test_many_readers_at_once_share_one_request(reader, service):
    readers = [reader.counted() for _ in range(10)]
    await asyncio.gather(*(one.project(7) for one in readers))
    assert len(service.asked) == 1
    assert sorted(one.calls for one in readers) == [0] * 9 + [1]


async def test_a_fresh_answer_is_asked_for_and_kept(reader, service, clock):
    await reader.project(7)
    clock.move(1)
    fresh = await reader.project(7, not_before=clock.now())
    assert await reader.project(7) == fresh
    assert len(service.asked) == 2


@pytest.mark.incident("API-08")
async def test_a_failure_is_not_kept(reader, service, claimx):
    claimx.status["/export"] = 500
    with pytest.raises(RecordError, match="answered 500"):
        await reader.project(7)
    claimx.status.clear()
    await reader.project(7)
    assert len(service.asked) == 2


@pytest.mark.incident("API-08")
async def test_an_answer_without_id_is_used_but_not_kept(reader, service, claimx):
    claimx.project = {"projectId": None}
    assert (await reader.project(7)).body["project"]["status"] == "Active"
    claimx.project = {}
    assert (await reader.project(7)).body["project"]["projectId"] == 7
    assert len(service.asked) == 2


async def test_every_other_question_is_asked_every_time_and_counted(reader, service):
    for _ in range(2):
        await reader.media(7, [1])
        await reader.task(9)
        await reader.video(7)
    assert len(service.asked) == reader.calls == 6


async def test_both_fails_with_the_first_failure_when_both_have_ended():
    ended = []

    async def fail(number):
        await asyncio.sleep(0)
        ended.append(number)
        raise ValueError(str(number))

    with pytest.raises(ValueError, match="1"):
        await both(fail(1), fail(2))
    assert ended == [1, 2]


async def test_any_path_is_asked_once_in_its_time_and_counted(reader, service, clock):
    """What a plugin's handler asks shares the cache of projects, and its time."""
    first = await reader.get("/notes/7", params={"full": "true"})
    assert (first.body, first.answered_at) == ({"asked": "/notes/7"}, clock.now())
    assert await reader.get("/notes/7", params={"full": "true"}) == first
    await reader.get("/notes/7")
    clock.move(1)
    fresh = await reader.get("/notes/7", not_before=clock.now())
    assert await reader.get("/notes/7") == fresh
    assert service.paths() == ["GET /notes/7"] * 3
    assert [each.query for each in service.asked] == [{"full": ["true"]}, {}, {}]
    assert reader.calls == 3


async def test_what_is_asked_at_once_is_asked_once_whoever_asks(reader, service):
    readers = [reader.counted() for _ in range(10)]
    await asyncio.gather(*(one.get("/notes/7") for one in readers))
    assert len(service.asked) == 1
    assert sorted(one.calls for one in readers) == [0] * 9 + [1]


async def test_a_path_of_a_project_counts_for_its_outage(reader, claimx):
    claimx.status["/notes"] = 404
    failures = []
    for number in range(6):
        with pytest.raises(RequestFailedError) as failed:
            await reader.get(f"/notes/{number}", project_id=number)
        failures.append(failed.value)
    assert not failures[0].outage
    assert failures[-1].outage


async def test_the_breaker_is_that_of_the_domain(reader, claimx, service):
    claimx.status["/notes"] = 500
    for number in range(20):
        with pytest.raises(RequestFailedError):
            await reader.get(f"/notes/{number}")
    asked = len(service.asked)
    with pytest.raises(RequestFailedError) as failed:
        await reader.project(7)
    assert failed.value.category is Category.CIRCUIT_OPEN
    assert len(service.asked) == asked


@pytest.mark.parametrize(
    "path", ["", "notes", "//host/notes", "https://host/notes", "/a b", "/notes?a=1", "/n#x", "/"]
)
async def test_a_path_that_is_not_below_the_api_is_refused(reader, service, path):
    with pytest.raises(ValueError, match="is not a path below the API's address"):
        await reader.get(path)
    assert service.asked == []
