from __future__ import annotations

import asyncio
import contextlib
import gzip
import logging
import socket

import pytest

from claimx_pipeline.clock import SystemClock
from claimx_pipeline.connections.answer import RequestFailedError
from claimx_pipeline.connections.call import base_of
from claimx_pipeline.connections.client import Connection
from claimx_pipeline.errors import Category
from claimx_pipeline.settings.secret import Secret
from claimx_pipeline.settings.tree.connections import ConnectionSettings
from tests.fakes.http_service import Reply, http_service
from tests.fakes.loop_time import pass_time

OK = Reply({"ok": True})


def replies(*sequence):
    """Answer each request with the next of *sequence*, the last one for ever."""
    left = list(sequence)
    return lambda _asked: left.pop(0) if len(left) > 1 else left[0]


async def test_a_request_goes_out_as_it_was_asked(connect):
    async with http_service(replies(OK)) as service:
        vendor = connect(f"{service.url}/base/", headers={"X-Extra": "1"})
        answer = await vendor.request(
            "PUT", "/a/b", params={"ids": "1,2", "none": None, "q": "ü &"}, json={"n": 1}
        )
        asked = service.asked[0]
    assert (asked.method, asked.path) == ("PUT", "/base/a/b")
    assert asked.query == {"ids": ["1,2"], "q": ["ü &"]}
    assert "ids=1,2" in asked.target
    assert asked.json() == {"n": 1}
    assert asked.headers["content-type"] == "application/json"
    assert asked.headers["x-extra"] == "1"
    assert answer.status == 200
    assert answer.json() == {"ok": True}
    assert answer.headers["Content-Type"] == "application/json"


async def test_the_answer_says_when_it_was_read(connect, clock):
    async with http_service(replies(OK)) as service:
        answer = await connect(service.url).request("GET", "/")
    assert answer.answered_at == clock.now()


@pytest.mark.incident("API-04")
@pytest.mark.parametrize(
    ("settings", "header", "value"),
    [
        ({"auth_type": "bearer"}, "authorization", "Bearer s3cret"),
        ({"auth_type": "basic"}, "authorization", "Basic s3cret"),
        ({"auth_type": "api_key"}, "x-api-key", "s3cret"),
        ({"auth_type": "api_key", "auth_header": "X-Vendor"}, "x-vendor", "s3cret"),
        ({"auth_type": "bearer", "auth_header": "X-Vendor"}, "x-vendor", "Bearer s3cret"),
    ],
)
async def test_the_credential_goes_into_its_header(connect, settings, header, value):
    async with http_service(replies(OK)) as service:
        await connect(service.url, auth_token=Secret("s3cret"), **settings).request("GET", "/")
    assert service.asked[0].headers[header] == value


async def test_without_auth_no_credential_is_sent(connect):
    async with http_service(replies(OK)) as service:
        await connect(service.url, auth_token=Secret("s3cret")).request("GET", "/")
    assert "s3cret" not in str(service.asked[0].headers)


@pytest.mark.incident("API-02")
@pytest.mark.parametrize(
    ("status", "category", "tries"),
    [
        (301, Category.TRANSIENT, 3),
        (302, Category.TRANSIENT, 3),
        (304, Category.TRANSIENT, 3),
        (400, Category.PERMANENT, 1),
        (401, Category.AUTH, 1),
        (403, Category.PERMANENT, 1),
        (404, Category.PERMANENT, 1),
        (408, Category.TRANSIENT, 3),
        (410, Category.PERMANENT, 1),
        (422, Category.PERMANENT, 1),
        (429, Category.THROTTLED, 3),
        (500, Category.TRANSIENT, 3),
        (501, Category.TRANSIENT, 3),
        (502, Category.TRANSIENT, 3),
        (503, Category.TRANSIENT, 3),
        (504, Category.TRANSIENT, 3),
        (599, Category.TRANSIENT, 3),
    ],
)
async def test_a_status_decides_how_a_request_failed(connect, status, category, tries):
    async with http_service(replies(Reply(b"", status))) as service:
        with pytest.raises(RequestFailedError, match=f"/x: answered {status}") as caught:
            await connect(service.url).request("GET", "/x")
    assert caught.value.category is category
    assert caught.value.status == status
    assert len(service.asked) == tries


@pytest.mark.parametrize("status", [200, 201, 202, 204])
async def test_every_2xx_is_a_success(connect, status):
    async with http_service(replies(Reply(b"", status))) as service:
        assert (await connect(service.url).request("GET", "/")).status == status


async def test_a_failure_that_passes_is_tried_again(connect, clock):
    async with http_service(replies(Reply(b"", 503), Reply(b"", 500), OK)) as service:
        vendor = connect(service.url, backoff_seconds=1)
        assert (await vendor.request("GET", "/")).json() == {"ok": True}
    first, second = clock.slept
    assert 0.5 <= first <= 1
    assert 1 <= second <= 2


async def test_a_post_is_sent_once(connect):
    async with http_service(replies(Reply(b"", 503), OK)) as service:
        with pytest.raises(RequestFailedError, match="answered 503"):
            await connect(service.url).request("POST", "/", json={})
    assert len(service.asked) == 1


async def test_a_post_with_an_idempotency_key_is_tried_again(connect):
    async with http_service(replies(Reply(b"", 503), OK)) as service:
        await connect(service.url).request("POST", "/", json={}, idempotency_key="a/1")
    assert [one.headers["idempotency-key"] for one in service.asked] == ["a/1", "a/1"]


async def test_a_post_that_only_reads_is_tried_again(connect):
    async with http_service(replies(Reply(b"", 503), OK)) as service:
        await connect(service.url).request("POST", "/", json={}, repeatable=True)
    assert len(service.asked) == 2


@pytest.mark.parametrize("status", [429, 503])
async def test_the_wait_that_the_service_asks_for_is_kept(connect, clock, status):
    async with http_service(replies(Reply(b"", status, {"Retry-After": "7"}), OK)) as service:
        await connect(service.url).request("GET", "/")
    assert clock.slept == [7]


async def test_the_wait_may_be_given_as_a_date(connect, clock):
    date = "Mon, 12 Jan 2026 08:00:09 GMT"
    async with http_service(replies(Reply(b"", 429, {"Retry-After": date}), OK)) as service:
        await connect(service.url).request("GET", "/")
    assert clock.slept == [9]


async def test_a_long_wait_is_not_slept_but_reported(connect, clock):
    async with http_service(replies(Reply(b"", 429, {"Retry-After": "100000"}))) as service:
        with pytest.raises(RequestFailedError, match="answered 429 Too Many Requests") as caught:
            await connect(service.url).request("GET", "/")
    assert caught.value.category is Category.THROTTLED
    assert caught.value.retry_after == 100000
    assert clock.slept == []


async def test_a_slow_answer_times_out(connect):
    async def answer(_asked):
        pass_time(30)
        await asyncio.Event().wait()

    async with http_service(answer) as service:
        vendor = connect(service.url, timeout_seconds=30, max_retries=1)
        with pytest.raises(RequestFailedError, match="no answer within 30 s") as caught:
            await vendor.request("GET", "/slow")
        assert len(service.asked) == 2
    assert caught.value.category is Category.TRANSIENT
    assert caught.value.status is None


async def test_a_drip_of_bytes_does_not_extend_the_time(connect):
    dripping = Reply(raw=b"HTTP/1.1 200 OK\r\ncontent-length: 100000\r\n\r\n", drip=True)
    async with http_service(replies(dripping)) as service:
        vendor = connect(service.url, timeout_seconds=0.1, max_retries=0)
        with pytest.raises(RequestFailedError, match="no answer within"):
            await vendor.request("GET", "/")


REFUSED = r": 127\.0\.0\.1:[0-9]+ cannot be connected to: connection refused$"


async def test_a_refused_connection_is_transient(connect):
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{taken.getsockname()[1]}"
        with pytest.raises(RequestFailedError, match=REFUSED) as caught:
            await connect(url).request("GET", "/")
    assert caught.value.category is Category.TRANSIENT


@pytest.mark.incident("API-06")
async def test_an_unreachable_host_costs_the_connect_timeout_only(connect):
    """A listener whose queue is full takes no further connection, as a black hole does."""
    with contextlib.ExitStack() as stack:
        listener = stack.enter_context(socket.socket())
        listener.bind(("127.0.0.1", 0))
        listener.listen(0)
        for _ in range(3):
            waiting = stack.enter_context(socket.socket())
            waiting.setblocking(False)
            with contextlib.suppress(BlockingIOError):
                waiting.connect(listener.getsockname())
        port = listener.getsockname()[1]
        vendor = connect(
            f"http://127.0.0.1:{port}",
            timeout_seconds=60,
            connect_timeout_seconds=0.1,
            max_retries=1,
        )
        began = asyncio.get_running_loop().time()
        with pytest.raises(RequestFailedError, match=r"no connection within 0\.1 s") as caught:
            await vendor.request("GET", "/")
        assert asyncio.get_running_loop().time() - began < 5
    assert caught.value.category is Category.TRANSIENT


@pytest.mark.parametrize(
    "raw",
    [
        b"HTTP/1.1 200 OK\r\ncontent-length: 100\r\n\r\n{",
        b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\n\r\n5\r\n{",
        b"nonsense\r\n\r\n",
        b"",
        b"HTTP/1.1 200 OK\r\ncontent-encoding: gzip\r\ncontent-length: 4\r\n\r\nabcd",
    ],
    ids=["cut body", "cut chunk", "no HTTP", "nothing", "not gzip"],
)
async def test_half_an_answer_is_transient(connect, raw):
    async with http_service(replies(Reply(raw=raw), OK)) as service:
        assert (await connect(service.url).request("GET", "/")).json() == {"ok": True}
    async with http_service(replies(Reply(raw=raw))) as service:
        with pytest.raises(RequestFailedError) as caught:
            await connect(service.url, max_retries=0).request("GET", "/x?sign=abc")
    assert caught.value.category is Category.TRANSIENT
    assert "abc" not in str(caught.value)


@pytest.mark.incident("API-04")
async def test_a_connection_closed_right_after_the_answer_loses_nothing(connect):
    async with http_service(replies(Reply({"ok": True}, close=True))) as service:
        vendor = connect(service.url)
        for _ in range(3):
            assert (await vendor.request("GET", "/")).json() == {"ok": True}
        assert service.connections == 3


async def test_a_compressed_answer_is_unpacked(connect):
    packed = Reply(gzip.compress(b'{"a": 1}'), headers={"content-encoding": "gzip"})
    async with http_service(replies(packed)) as service:
        assert (await connect(service.url).request("GET", "/")).json() == {"a": 1}


@pytest.mark.incident("SEC-02")
@pytest.mark.incident("LAT-15")
async def test_a_redirect_is_not_followed(connect):
    moved = Reply(b"", 302, {"Location": "https://login.example.test/in?ticket=t0p"})
    async with http_service(replies(moved)) as service:
        vendor = connect(service.url, max_retries=0)
        with pytest.raises(
            RequestFailedError, match=r"answered 302 Found \(to https://login\.example\.test/in\?…"
        ) as caught:
            await vendor.request("GET", "/")
        assert service.paths() == ["GET /"]
    assert "t0p" not in str(caught.value)


async def test_cookies_are_not_kept(connect):
    async with http_service(replies(Reply({}, headers={"Set-Cookie": "a=b"}))) as service:
        vendor = connect(service.url)
        await vendor.request("GET", "/")
        await vendor.request("GET", "/")
    assert "cookie" not in service.asked[1].headers


@pytest.mark.incident("PRF-03")
async def test_no_more_requests_are_under_way_than_allowed(connect):
    async def answer(_asked):
        await asyncio.sleep(0.01)
        return OK

    async with http_service(answer) as service:
        vendor = connect(service.url, max_concurrent=3)
        await asyncio.gather(*(vendor.request("GET", "/") for _ in range(20)))
        assert service.most_under_way == 3


@pytest.mark.incident("API-05")
async def test_connections_are_used_again(connect):
    async with http_service(replies(OK)) as service:
        vendor = connect(service.url, max_concurrent=4)
        for _ in range(25):
            await asyncio.gather(*(vendor.request("GET", "/") for _ in range(4)))
        assert len(service.asked) == 100
        assert service.connections <= 4


async def test_a_closed_connection_sends_nothing_more(connect):
    async with http_service(replies(OK)) as service:
        vendor = connect(service.url)
        await vendor.close()
        with pytest.raises(RequestFailedError, match="connection 'vendor' is closed"):
            await vendor.request("GET", "/")
        await vendor.close()
        assert service.asked == []


async def test_a_request_under_way_fails_when_its_connection_is_closed(connect):
    began = asyncio.Event()

    async def answer(_asked):
        began.set()
        await asyncio.Event().wait()

    async with http_service(answer) as service:
        vendor = connect(service.url)
        request = asyncio.create_task(vendor.request("GET", "/"))
        await began.wait()
        await vendor.close()
        with pytest.raises(RequestFailedError) as caught:
            await request
    assert caught.value.category is Category.TRANSIENT


async def test_a_cancelled_request_frees_its_place(connect):
    began = asyncio.Event()

    async def answer(asked):
        if asked.path == "/slow":
            began.set()
            await asyncio.Event().wait()
        return OK

    async with http_service(answer) as service:
        vendor = connect(service.url, max_concurrent=1)
        slow = asyncio.create_task(vendor.request("GET", "/slow"))
        await began.wait()
        slow.cancel()
        with pytest.raises(asyncio.CancelledError):
            await slow
        assert (await vendor.request("GET", "/fast")).status == 200


@pytest.mark.incident("SEC-01")
async def test_neither_credential_nor_signature_is_in_an_error(connect):
    body = {
        "message": "see https://files.example.test/a.jpg?sign=SIGNATURE&expires=1",
        "you_sent": "Bearer CREDENTIAL",
        "token": "OTHERSECRET",
    }
    async with http_service(replies(Reply(body, 403))) as service:
        vendor = connect(service.url, auth_type="bearer", auth_token=Secret("CREDENTIAL"))
        with pytest.raises(RequestFailedError) as caught:
            await vendor.request("GET", "/a", params={"key": "QUERYSECRET"})
    shown = f"{caught.value!s} {caught.value!r} {vendor!r}"
    assert "/a: answered 403 Forbidden" in shown
    assert "https://files.example.test/a.jpg?…" in shown
    for secret in ("SIGNATURE", "CREDENTIAL", "OTHERSECRET", "QUERYSECRET"):
        assert secret not in shown


async def test_a_long_refusal_is_shortened(connect):
    async with http_service(replies(Reply(b"x" * 100_000, 400))) as service:
        with pytest.raises(RequestFailedError) as caught:
            await connect(service.url).request("GET", "/")
    assert len(str(caught.value)) < 500
    assert caught.value.answer.body == b"x" * 100_000


async def test_a_401_names_the_connection(connect):
    async with http_service(replies(Reply(b"", 401))) as service:
        with pytest.raises(RequestFailedError, match="check the credential of connection 'vendor'"):
            await connect(service.url).request("GET", "/")


async def test_the_libraries_do_not_log_urls(connect, caplog):
    caplog.set_level(logging.INFO)
    async with http_service(replies(OK)) as service:
        await connect(service.url).request("GET", "/a", params={"sign": "SIGNATURE"})
    assert "SIGNATURE" not in caplog.text
    assert logging.getLogger("httpx").getEffectiveLevel() == logging.WARNING


async def test_an_answer_that_is_not_json_is_transient(connect):
    async with http_service(replies(Reply(b"<html>login</html>"))) as service:
        answer = await connect(service.url).request("GET", "/a")
    with pytest.raises(Exception, match=r"GET .*/a: the answer is not JSON .*login") as caught:
        answer.json()
    assert caught.value.category is Category.TRANSIENT


@pytest.mark.parametrize("concurrent", [20, 100])
async def test_many_requests_at_once_all_get_their_own_answer(concurrent):
    def answer(asked):
        return Reply({"path": asked.path})

    async with http_service(answer) as service:
        settings = ConnectionSettings(base_url=service.url, max_concurrent=concurrent)
        vendor = Connection("vendor", settings, SystemClock())
        answers = await asyncio.gather(*(vendor.request("GET", f"/{n}") for n in range(300)))
        await vendor.close()
    assert [answer.json()["path"] for answer in answers] == [f"/{n}" for n in range(300)]


async def test_headers_of_a_request_win_over_those_of_the_connection(connect):
    async with http_service(replies(OK)) as service:
        vendor = connect(service.url, headers={"X-Extra": "1", "accept": "text/csv"})
        await vendor.request("POST", "/", json={}, headers={"x-extra": "2", "content-type": "a/b"})
        await vendor.request("GET", "/")
    first, second = (one.headers for one in service.asked)
    assert (first["x-extra"], first["content-type"]) == ("2", "a/b")
    assert (second["x-extra"], second["accept"]) == ("1", "text/csv")
    assert "content-type" not in second


@pytest.mark.parametrize(
    ("url", "base"),
    [
        ("https://vendor.example/rest/", "https://vendor.example/rest"),
        ("https://b\xfccher.example/a", "https://xn--bcher-kva.example/a"),
        ("https://vendor.example/a%2Fb//c", "https://vendor.example/a%2Fb//c"),
    ],
)
def test_a_base_url_is_kept_and_its_host_can_be_looked_up(url, base):
    assert base_of(url) == base


@pytest.mark.parametrize(("keep_alive", "opened"), [(True, 1), (False, 3)])
async def test_a_connection_serves_one_request_if_it_is_not_to_be_kept_alive(
    connect, keep_alive, opened
):
    async with http_service(replies(OK)) as service:
        vendor = connect(service.url, keep_alive=keep_alive)
        for _ in range(3):
            await vendor.request("GET", "/")
        assert service.connections == opened
        asked = {each.headers.get("connection") for each in service.asked}
    assert ("close" in asked) is not keep_alive
