from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from claimx_pipeline.connections.redact import QUOTED_CHARACTERS, quoted, redacted


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("get https://a.test/b.jpg?X-Amz-Signature=1&b=2 now", "get https://a.test/b.jpg?… now"),
        ('"https://a.test/b?c=SECRET"', '"https://a.test/b?…"'),
        ("s3://user:SECRET@bucket/x", "s3://…@bucket/x"),
        ('{"access_token": "SECRET", "n": 1}', '{"access_token": …, "n": 1}'),
        ('{"apiKey":"SEC\\"RET"}', '{"apiKey":…}'),
        ("Authorization: Basic SECRET==", "Authorization: …"),
        ("you sent Bearer eyJSECRET.x", "you sent Bearer …"),
        ("password=SECRET; a=b", "password=…; a=b"),
        ("nothing to hide", "nothing to hide"),
        ("basic needs", "basic needs"),
    ],
)
def test_what_is_secret_is_taken_out(text, shown):
    assert redacted(text) == shown


def test_a_secret_cut_off_at_the_end_is_taken_out():
    assert "SECRET" not in redacted('{"token": "SECRET')


@given(st.binary(max_size=2000))
def test_a_quote_is_one_short_line(body):
    shown = quoted(body)
    assert len(shown) <= QUOTED_CHARACTERS + 1
    assert "\n" not in shown


def test_a_given_secret_is_removed_wherever_it_occurs():
    assert quoted(b"echo: abcXYZabc", secrets=("XYZ",)) == "echo: abc…abc"


@pytest.mark.parametrize("word", ["x", "token", "x-", "https", "basic "])
def test_a_long_answer_is_not_searched_for_long(word):
    began = time.perf_counter()
    quoted(word.encode() * 100_000)
    assert time.perf_counter() - began < 0.1
