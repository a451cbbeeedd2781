from __future__ import annotations

import contextlib
from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from claimx_pipeline.domain.answer_columns import UNREADABLE
from claimx_pipeline.values import (
    decimal_text,
    flag,
    identifier,
    instant,
    integer,
    number,
    phone,
    text,
)


@pytest.mark.parametrize(
    ("read", "value", "found"),
    [
        (text, " a ", "a"),
        (text, "  ", None),
        (text, 12, "12"),
        (text, 1.5, "1.5"),
        (text, {"a": [1]}, '{"a":[1]}'),
        (phone, "8143227531", "8143227531"),
        (phone, 8143227531, "8143227531"),
        (phone, "null", None),
        (phone, " NULL ", None),
        (identifier, 12, "12"),
        (identifier, 12.0, "12"),
        (identifier, " 12 ", "12"),
        (identifier, "abc", "abc"),
        (integer, 12, 12),
        (integer, "12", 12),
        (integer, " 12.0 ", 12),
        (integer, 12.0, 12),
        (integer, -(2**63), -(2**63)),
        (integer, "9223372036854775807", 2**63 - 1),
        (integer, "", None),
        (number, "40.1", 40.1),
        (number, 40, 40.0),
        (number, " ", None),
        (flag, True, True),
        (flag, "false", False),
        (flag, "Yes", True),
        (flag, 1, True),
        (flag, 0, False),
        (flag, "", None),
        (decimal_text, 123.456, "123.456"),
        (decimal_text, "123.4560", "123.4560"),
        (decimal_text, 1e-7, "0.0000001"),
        (decimal_text, 0, "0"),
        (decimal_text, "", None),
        (instant, "2026-01-15T05:00:00-07:00", datetime(2026, 1, 15, 12, tzinfo=UTC)),
        (instant, 1768478400000, datetime(2026, 1, 15, 12, tzinfo=UTC)),
        (instant, " ", None),
    ],
)
@pytest.mark.incident("DEL-02")
def test_a_value_is_read_for_what_it_means(read, value, found):
    assert read(value) == found
    assert type(read(value)) is type(found)


@pytest.mark.parametrize(
    ("read", "value"),
    [
        (text, True),
        (identifier, 1.5),
        (identifier, []),
        (integer, 12.9),
        (integer, "12.9"),
        (integer, True),
        (integer, 2**63),
        (integer, "abc"),
        (integer, "\u0661"),
        (integer, "nan"),
        (integer, "inf"),
        (integer, []),
        (number, "x"),
        (number, True),
        (number, "nan"),
        (number, 10**400),
        (flag, "perhaps"),
        (flag, 2),
        (flag, {}),
        (decimal_text, "x"),
        (decimal_text, "1e999999"),
        (decimal_text, "NaN"),
        (instant, "soon"),
        (instant, True),
        (instant, []),
    ],
)
def test_a_value_that_would_change_its_meaning_is_refused(read, value):
    with pytest.raises(UNREADABLE):
        read(value)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=5,
)


@pytest.mark.parametrize(
    "read", [text, phone, identifier, integer, number, flag, decimal_text, instant]
)
@given(value=JSON.filter(lambda value: value is not None))
def test_anything_is_read_or_refused(read, value):
    with contextlib.suppress(UNREADABLE):
        read(value)
