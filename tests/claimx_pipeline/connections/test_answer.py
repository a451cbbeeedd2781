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


@given(st.text())
def test_any_retry_after_is_read_or_ignored(header):
    wait = retry_after(header, NOW)
    assert wait is None or wait >= 0


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
