from __future__ import annotations

import pickle
from datetime import UTC, datetime

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from claimx_pipeline.connections.answer import (
    Answer,
    RequestFailedError,
    category_of_status,
    refusal,
    retry_after,
)
from claimx_pipeline.errors import Category, RecordError, category_of
from tests.fakes.http_service import Reply, http_service

NOW = datetime(2026, 1, 12, 8, tzinfo=UTC)


@pytest.mark.parametrize(
    ("header", "seconds"),
    [
        (None, None),
        ("", None),
        ("soon", None),
        ("-1", None),
        ("1.5", None),
        ("0", 0),
        (" 30 ", 30),
        ("Mon, 12 Jan 2026 08:01:00 GMT", 60),
        ("Mon, 12 Jan 2026 07:00:00 GMT", 0),
        ("Monday, 12-Jan-26 08:01:00 GMT", 60),
        ("Mon Jan 12 08:01:00 2026", 60),
    ],
)
def test_retry_after_is_seconds_or_a_date(header, seconds):
    assert retry_after(header, NOW) == seconds


DATE_WORDS = st.sampled_from(
    ["Wed,", "21", "Oct", "2015", "07:28:00", "GMT", "+9999", "-0000", "99:99:99", "0", "feb", ":"]
)
DATES = st.lists(DATE_WORDS | st.integers(-(10**30), 10**30).map(str), max_size=8).map(" ".join)


@pytest.mark.incident("STR-22")
@given(st.text() | DATES | st.integers(0, 10**400).map(str) | st.text("0123456789 :,-+GMTOct"))
@example("Wed, 21 Oct 999999999999999999999 07:28:00 GMT")
@example("Fri, 31 Dec 9999 23:59:59 -2359")
@example("9" * 5000)
@example("Wed, 21 Oct 2015 07:28:00 +99999999999")
def test_any_retry_after_is_read_or_ignored(header):
    wait = retry_after(header, NOW)
    assert wait is None or 0 <= wait <= 31 * 24 * 3600


@pytest.mark.incident("STR-22")
@pytest.mark.parametrize("header", ["Wed, 21 Oct 99999999999999 07:28:00 GMT", "9" * 400, "soon"])
async def test_a_retry_after_that_says_nothing_leaves_the_failure_what_it_is(connect, header):
    async with http_service(lambda _asked: Reply(b"", 429, {"Retry-After": header})) as service:
        with pytest.raises(RequestFailedError, match="answered 429") as caught:
            await connect(service.url, max_retries=1).request("GET", "/")
        assert len(service.asked) == 2
    assert caught.value.category is Category.THROTTLED
    assert caught.value.retry_after is None


@given(st.integers(100, 999))
def test_every_status_has_a_category(status):
    assert category_of_status(status) in Category


def test_a_byte_order_mark_before_json_is_ignored():
    assert Answer(200, {}, b'\xef\xbb\xbf{"a": 1}', NOW).json() == {"a": 1}


@pytest.mark.parametrize("body", [b"", b"{", b"\xff", b"[" * 100_000])
def test_what_is_not_json_is_transient(body):
    with pytest.raises(Exception, match="the answer is not JSON") as caught:
        Answer(200, {}, body, NOW).json()
    assert caught.value.category is Category.TRANSIENT


def test_a_failed_request_can_be_pickled():
    error = refusal(Answer(404, {}, b"removed", NOW, "GET http://x/y"), connection="vendor")
    copy = pickle.loads(pickle.dumps(error))
    assert isinstance(copy, RequestFailedError)
    assert str(copy) == str(error) == "GET http://x/y: answered 404 Not Found: removed"


@pytest.mark.incident("LAT-18")
@given(
    st.sampled_from([200, 302, 401, 403, 404, 410, 429, 500, 503]),
    st.lists(
        st.sampled_from(["401", "403", "404", "429", "503", "302", "timeout", "not found"])
        | st.integers(0, 10**9).map(str),
        max_size=6,
    ).map(" ".join),
)
@example(503, "1404233")
@example(404, "503 timeout")
def test_no_text_of_an_answer_changes_its_category(status, text):
    """Project 1404233 is not a 404: types and codes decide."""
    body = f"project {text} v302".encode()
    answer = Answer(status, {}, body, NOW, f"GET /project/{text}")
    error = refusal(answer, connection=f"c{text}")
    assert error.category is category_of_status(status)
    for category in Category:
        assert category_of(RecordError(f"project {text}", category)) is category
    assert category_of(ValueError(text)) is Category.BUG
