"""An answer that is no answer is the service's failure; one that cannot be read is the record's."""

import asyncio
import gzip
import tracemalloc
import zlib
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from claimx_pipeline.connections.answer import Answer, RequestFailedError
from claimx_pipeline.connections.breaker import State
from claimx_pipeline.connections.missing import HELD_SECONDS, SUBJECTS, MissingSubjects
from claimx_pipeline.errors import Category
from claimx_pipeline.settings.secret import Secret
from tests.fakes.hasty_clock import HastyClock
from tests.fakes.http_service import Reply, http_service

OK = Reply({"ok": True})
PAGE = Reply(b"<!doctype html><html>We are working on it</html>")
HALF = b'{"data": [{"mediaID"'
UNFRAMED = Reply(raw=b"HTTP/1.1 200 OK\r\n\r\n" + HALF)
CUT = Reply(raw=b"HTTP/1.1 200 OK\r\ncontent-length: 900\r\n\r\n" + HALF)
NO_ANSWERS = {
    "page": PAGE,
    "nothing": Reply(b""),
    "blanks": Reply(b" \r\n"),
    "text": Reply(b"Service Unavailable"),
    "204": Reply(b"", 204),
    "cut": CUT,
    "cut without a length": UNFRAMED,
}


async def failure(vendor, path="/a", **parts):
    with pytest.raises(RequestFailedError) as caught:
        await vendor.request("GET", path, expect="json", **parts)
    return caught.value


@pytest.mark.incident("STR-21")
@pytest.mark.parametrize("reply", NO_ANSWERS.values(), ids=NO_ANSWERS)
async def test_no_answer_counts_as_a_failure_of_the_service_does(connect, reply):
    async with http_service(lambda _asked: reply) as service:
        vendor = connect(service.url, max_retries=0)
        errors = [await failure(vendor) for _ in range(5)]
        assert {error.category for error in errors} == {Category.TRANSIENT}
        assert [error.outage for error in errors] == [False] * 4 + [True]
        assert vendor.breaker.state is State.OPEN
        assert (await failure(vendor)).category is Category.CIRCUIT_OPEN


@pytest.mark.incident("STR-21")
async def test_where_no_json_is_promised_any_success_is_one(connect):
    async with http_service(lambda _asked: PAGE) as service:
        answer = await connect(service.url).request("POST", "/hook", json={})
    assert answer.status == 200


@pytest.mark.incident("STR-21")
@pytest.mark.parametrize(
    ("probe", "healthy"),
    [
        (OK, True),
        (Reply(b"OK"), True),
        (Reply(b"", 204), True),
        (Reply(b"", 405), True),
        (PAGE, False),
        (Reply(b""), False),
        (Reply(HALF), False),
        (Reply(b"", 503), False),
    ],
)
async def test_a_probe_that_gives_no_answer_either_excuses_nobody(connect, probe, healthy):
    async with http_service(lambda asked: probe if asked.path == "/probe" else PAGE) as service:
        vendor = connect(service.url, probe="/probe", max_retries=0)
        assert (await failure(vendor)).outage is not healthy


@pytest.mark.incident("STR-20")
@pytest.mark.parametrize("retries", [0, 2])
async def test_a_whole_answer_that_cannot_be_read_is_requested_once_more(connect, retries):
    async with http_service(lambda _asked: Reply(HALF)) as service:
        vendor = connect(service.url, max_retries=retries)
        errors = [await failure(vendor) for _ in range(6)]
        assert len(service.asked) == 12
    assert {error.category for error in errors} == {Category.PERMANENT}
    assert not any(error.outage for error in errors)
    assert vendor.breaker.state is State.CLOSED


@pytest.mark.incident("STR-20")
async def test_the_second_try_may_be_readable(connect):
    replies = [OK, Reply(HALF)]
    async with http_service(lambda _asked: replies.pop()) as service:
        assert (await connect(service.url).request("GET", "/", expect="json")).json()


@pytest.mark.incident("STR-20")
async def test_a_bad_character_is_replaced_and_logged(connect, caplog):
    body = b'{"data":[{"mediaID":12,"mediaComment":"\\ud83d"}]}'
    async with http_service(lambda _asked: Reply(body)) as service:
        answer = await connect(service.url).request("GET", "/x", expect="json")
    assert answer.json() == {"data": [{"mediaID": 12, "mediaComment": "\ufffd"}]}
    (line,) = [line for line in caplog.messages if "is not valid JSON" in line]
    assert "/x" in line


async def test_an_answer_that_cannot_be_read_shows_no_credential(connect):
    async with http_service(lambda asked: Reply(b"you sent " + b"CREDENTIAL")) as service:
        vendor = connect(service.url, auth_type="bearer", auth_token=Secret("CREDENTIAL"))
        assert "CREDENTIAL" not in str(await failure(vendor))


# 404 and 405 on everything.

GONE = [Reply(b"", 404), Reply(b"", 405)]


@pytest.mark.incident("STR-61")
@pytest.mark.parametrize("reply", GONE, ids=["404", "405"])
async def test_five_different_subjects_without_another_answer_are_an_outage(connect, reply, clock):
    async with http_service(lambda _asked: reply) as service:
        vendor = connect(f"{service.url}/wrong", breaker_failures=0)
        errors = [await failure(vendor, "/a?key=SECRET", subject=str(n)) for n in range(8)]
        assert [error.outage for error in errors] == [False] * 4 + [True] * 4
        assert errors[0].category is Category.PERMANENT
        shown = str(errors[-1])
        assert f"check connections.vendor.base_url, which is '{service.url}/wrong'" in shown
        assert "SECRET" not in shown
        clock.move(HELD_SECONDS)
        believed = [await failure(vendor, subject=str(n)) for n in range(5)]
        assert {error.category for error in believed} == {Category.PERMANENT}
        # Of others it is as little known as before.
        others = [await failure(vendor, subject=f"other {n}") for n in range(5)]
        assert [error.outage for error in others] == [False] * 4 + [True]


@pytest.mark.incident("STR-61")
@pytest.mark.parametrize("between", [OK, Reply(b"", 400), Reply(b"", 409), Reply(b"", 422)])
async def test_any_other_definite_answer_shows_that_the_address_is_right(connect, between):
    replies = iter([GONE[0]] * 4 + [between] + [GONE[0]] * 4)
    async with http_service(lambda _asked: next(replies)) as service:
        vendor = connect(service.url)
        errors = [await failure(vendor, subject=str(n)) for n in range(4)]
        if between is OK:
            await vendor.request("GET", "/")
        else:
            assert not (await failure(vendor, subject="x")).outage
        errors += [await failure(vendor, subject=str(n)) for n in range(4, 8)]
    assert not any(error.outage for error in errors)


@pytest.mark.incident("STR-61")
@pytest.mark.parametrize("status", [400, 409, 410, 422])
async def test_other_refusals_are_always_the_records(connect, status):
    async with http_service(lambda _asked: Reply(b"", status)) as service:
        vendor = connect(service.url)
        errors = [await failure(vendor, subject=str(n)) for n in range(30)]
    assert {(error.category, error.outage) for error in errors} == {(Category.PERMANENT, False)}


@pytest.mark.incident("STR-61")
async def test_one_missing_project_asked_about_often_is_missing(connect):
    async with http_service(lambda _asked: GONE[0]) as service:
        vendor = connect(service.url)
        errors = [await failure(vendor, f"/{n}", subject="7") for n in range(20)]
        errors += [await failure(vendor, f"/{n}") for n in range(20)]
    assert not any(error.outage for error in errors)


@pytest.mark.incident("STR-61")
@pytest.mark.parametrize(("probe", "outage"), [(OK, False), *((each, True) for each in GONE)])
async def test_where_there_is_a_probe_it_alone_decides(connect, probe, outage):
    async with http_service(lambda asked: probe if asked.path == "/probe" else GONE[0]) as service:
        vendor = connect(service.url, probe="/probe", breaker_failures=0)
        errors = [await failure(vendor, subject=str(n)) for n in range(10)]
    assert {error.outage for error in errors} == {outage}
    assert ("check connections.vendor.base_url" in str(errors[0])) is outage


@pytest.mark.incident("STR-61")
@given(st.lists(st.integers(0, 8) | st.none() | st.floats(0, 400), max_size=60))
def test_never_an_outage_before_so_many_different_ones(happened):
    """A number is a subject that is missing, None another answer, a fraction time that passes."""
    clock = HastyClock()
    missing = MissingSubjects(clock)
    since: set[int] = set()
    for each in happened:
        if each is None:
            missing.works()
            since = set()
        elif isinstance(each, float):
            clock.move(each)
        else:
            since.add(each)
            if missing.is_outage(str(each)):
                assert len(since) >= SUBJECTS


# The cause stays.


@pytest.mark.incident("STR-63")
@pytest.mark.parametrize(
    ("reply", "cause"),
    [
        (Reply(b"maintenance until ten", 503), "answered 503 Service Unavailable: maintenance"),
        (PAGE, "the answer is not JSON"),
        (Reply(raw=b""), "ServerDisconnectedError"),
    ],
)
async def test_the_breaker_names_endpoint_and_last_cause(connect, caplog, clock, reply, cause):
    async with http_service(lambda _asked: reply) as service:
        vendor = connect(f"{service.url}/rest", max_retries=0)
        await asyncio.gather(*(failure(vendor, "/a?sig=SECRET") for _ in range(5)))
        refused = await failure(vendor)
        assert refused.category is Category.CIRCUIT_OPEN
        for shown in (str(refused), caplog.text):
            assert cause in shown
            assert "SECRET" not in shown
        assert f"connection 'vendor' ({service.url}/rest) failed 5 times" in str(refused)
        clock.move(15)
        await failure(vendor)
        assert cause in str(await failure(vendor)), "after a trial as well"


# Bounded reading.


def bomb(size: int) -> Reply:
    packed = gzip.compress(b"0" * size)
    return Reply(packed, headers={"content-encoding": "gzip"})


@pytest.mark.incident("STR-23")
@pytest.mark.parametrize("status", [200, 400, 503])
async def test_a_few_bytes_do_not_fill_the_memory(connect, status):
    reply = bomb(100_000_000)
    reply.status = status
    async with http_service(lambda _asked: reply) as service:
        vendor = connect(service.url, max_retries=0, max_answer_bytes=1_000_000)
        await vendor.request("GET", "/") if status == 200 else await failure(vendor)
        tracemalloc.start()
        try:
            if status == 200:
                answer = await vendor.request("GET", "/")
            else:
                answer = (await failure(vendor)).answer
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
    assert answer.status == status
    assert len(answer.body) == answer.cut_at == 1_000_000
    assert peak < 10_000_000


@pytest.mark.incident("STR-23")
async def test_an_answer_that_is_too_large_is_held_in_memory_once(connect):
    reply = bomb(100_000_000)
    async with http_service(lambda _asked: reply) as service:
        vendor = connect(service.url, max_retries=0, max_answer_bytes=40_000_000)
        tracemalloc.start()
        try:
            answer = await vendor.request("GET", "/")
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
    assert answer.cut_at == 40_000_000
    assert peak < 20_000_000  # it is measured, and only its beginning is kept


@pytest.mark.incident("STR-23")
async def test_many_bombs_at_once_take_the_memory_of_their_beginnings(connect):
    reply = bomb(100_000_000)
    async with http_service(lambda _asked: reply) as service:
        vendor = connect(service.url, max_retries=0, max_answer_bytes=60_000_000)
        tracemalloc.start()
        try:
            answers = await asyncio.gather(*(vendor.request("GET", "/") for _ in range(4)))
            peak = tracemalloc.get_traced_memory()[1]
        finally:
            tracemalloc.stop()
    assert {answer.cut_at for answer in answers} == {60_000_000}
    assert peak < 60_000_000


KEPT = 4 * 1024 * 1024


@pytest.mark.incident("STR-23")
@pytest.mark.parametrize("size", [KEPT - 1, KEPT, KEPT + 1, KEPT + 300_000, 8_999_999, 9_000_000])
@pytest.mark.parametrize("packed", [True, False])
async def test_a_large_answer_that_may_be_read_is_read_whole(connect, size, packed):
    body = (bytes(range(256)) * (size // 256 + 1))[:size]
    headers = {"content-encoding": "gzip"} if packed else {}
    reply = Reply(gzip.compress(body, 1) if packed else body, headers=headers, parts=7)
    async with http_service(lambda _asked: reply) as service:
        answer = await connect(service.url, max_answer_bytes=9_000_000).request("GET", "/")
    assert answer.cut_at is None
    assert answer.body == body


@pytest.mark.incident("STR-23")
@pytest.mark.parametrize("packed", [True, False])
async def test_an_answer_too_large_to_be_read_is_permanent_and_names_the_setting(connect, packed):
    reply = bomb(2_000_000) if packed else Reply(b"[" + b"0," * 1_000_000 + b"0]")
    async with http_service(lambda _asked: reply) as service:
        vendor = connect(service.url, max_answer_bytes=100_000)
        error = await failure(vendor)
        assert len(service.asked) == 1
    assert error.category is Category.PERMANENT
    assert "larger than 100000 bytes" in str(error)
    assert "max_answer_bytes" in str(error)


@pytest.mark.incident("STR-23")
async def test_a_probe_and_a_webhook_are_read_no_further_either(connect):
    async with http_service(
        lambda asked: bomb(50_000_000) if asked.path == "/probe" else Reply(b"", 503)
    ) as service:
        vendor = connect(service.url, probe="/probe", max_retries=0, max_answer_bytes=1024)
        assert not (await failure(vendor)).outage


@pytest.mark.parametrize("members", [1, 3])
async def test_every_member_of_a_packed_answer_is_read(connect, members):
    parts = [b'{"a": [1', b", 2, 3]", b"}"] if members == 3 else [b'{"a": [1, 2, 3]}']
    reply = Reply(
        b"".join(map(gzip.compress, parts)), headers={"content-encoding": "gzip"}, parts=3
    )
    async with http_service(lambda _asked: reply) as service:
        answer = await connect(service.url).request("GET", "/")
    assert answer.json() == {"a": [1, 2, 3]}


@pytest.mark.parametrize("window", [15, -15])
async def test_both_forms_of_deflate_are_read(connect, window):
    packing = zlib.compressobj(wbits=window)
    body = packing.compress(b'{"a": 1}') + packing.flush()
    reply = Reply(body, headers={"content-encoding": "deflate"})
    async with http_service(lambda _asked: reply) as service:
        assert (await connect(service.url).request("GET", "/")).json() == {"a": 1}


async def test_an_encoding_that_was_not_requested_is_said(connect):
    reply = Reply(b"abc", headers={"content-encoding": "br"})
    async with http_service(lambda _asked: reply) as service:
        error = await failure(connect(service.url, max_retries=0))
    assert error.category is Category.TRANSIENT
    assert "encoded as 'br', which was not requested" in str(error)


def test_an_answer_that_was_cut_is_not_read():
    answer = Answer(200, {}, b"[1]", datetime(2026, 1, 1, tzinfo=UTC), "GET /", cut_at=3)
    with pytest.raises(Exception, match="larger than 3 bytes"):
        answer.json()
