from __future__ import annotations

import time

import pytest
from hypothesis import given
from hypothesis import strategies as st

from claimx_pipeline.redaction import QUOTED_CHARACTERS, endpoint_of, quoted, redacted


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


@pytest.mark.parametrize(
    "text",
    [
        '{"author": "Ann", "authority": "x", "design": "modern", "cosign": "y"}',
        "token_url=https://a.test/b tokens: 3 max_tokens=5x secretary: Bo",
        "keyboard: de, signed: true, assign=me, passwords_changed: 4, cookies: 3",
    ],
)
def test_a_name_that_only_contains_a_secrets_is_shown(text):
    """Redaction by the substring "auth" once hid who wrote a note."""
    assert redacted(text) == text


@pytest.mark.parametrize(
    "name",
    [
        "token", "accessToken", "x-vendor-token", "VENDOR_API_TOKEN", "client_secret", "clientSecret",
        "X-Api-Key", "apikey", "Ocp-Apim-Subscription-Key", "AWS_ACCESS_KEY", "sig", "sign",
        "X-Amz-Signature", "Set-Cookie", "proxy-authorization", "db_password",
    ],
)  # fmt: skip
@pytest.mark.parametrize(
    "form", ['{{"{}": "SECRET"}}', "{}=SECRET", "{}: SECRET", "'{}' = 'SECRET'"]
)
def test_a_secret_is_known_by_its_exact_name(name, form):
    assert "SECRET" not in redacted(form.format(name))


@pytest.mark.incident("STR-63")
@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("https://a.test/rest", "https://a.test/rest"),
        ("https://user:SECRET@a.test:8443/rest?sig=SECRET#x", "https://a.test:8443/rest"),
        ("http://[::1]:80", "http://[::1]:80"),
    ],
)
def test_an_endpoint_is_scheme_host_and_path(url, shown):
    assert endpoint_of(url) == shown
