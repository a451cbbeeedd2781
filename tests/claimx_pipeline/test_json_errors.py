"""Why a value is not JSON is said without the words of a library."""

from datetime import datetime
from typing import Annotated, Literal

import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from claimx_pipeline.json_errors import why


class Inner(msgspec.Struct):
    a: str | None
    b: Annotated[int, msgspec.Meta(le=5)] = 1
    c: Literal["x", "y"] = "x"
    d: tuple[int, ...] = ()
    f: datetime | None = None


class Outer(msgspec.Struct):
    x: Inner


def reason(value: bytes) -> str:
    try:
        msgspec.json.decode(value, type=Outer)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as error:
        return why(error)
    return ""


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (b'{"x":{"a":1}}', "'x.a' is a whole number, and must be text or null"),
        (b'{"x":{}}', "'x.a' is missing"),
        (b"{}", "'x' is missing"),
        (b"[]", "it is a list, and must be an object"),
        (b'{"x":{"a":"s","b":9}}', "'x.b' must be a whole number <= 5"),
        (b'{"x":{"a":"s","c":"z"}}', "'x.c': invalid enum value 'z'"),
        (b'{"x":{"a":"s","d":[1,2.5]}}', "'x.d[1]' is a number, and must be a whole number"),
        (b'{"x":{"a":"s","f":true}}', "'x.f' is true or false, and must be a time or null"),
        (b'{"x":', "it ends too early"),
        (b'{"x":{"a":"s"}} x', "trailing characters (byte 17)"),
        (b"\xff", "invalid character (byte 0)"),
        (b"[" * 100_000, "it is a list, and must be an object"),
        (b'{"y":' * 100_000, "it is nested too deeply"),
    ],
)
def test_the_reason_names_the_field(value, said):
    assert reason(value) == said


@given(
    st.binary()
    | st.recursive(st.none() | st.text() | st.integers(), st.lists).map(
        lambda value: msgspec.json.encode({"x": value})
    )
)
def test_every_value_has_a_reason_or_is_good(value):
    said = reason(value)
    assert "`" not in said
    assert "Expected" not in said
