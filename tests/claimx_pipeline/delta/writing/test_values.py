from datetime import UTC, datetime, timedelta, timezone

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from claimx_pipeline.delta.writing.values import (
    UnfitError,
    kind_of,
    to_double,
    to_instant,
    to_integer,
)


@given(st.integers(-(2**63), 2**63 - 1))
def test_an_integer_survives_as_number_and_as_text(value):
    assert to_integer(value) == to_integer(str(value)) == value


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_a_finite_double_survives_as_number_and_as_text(value):
    assert to_double(value) == to_double(repr(value)) == value


ZONES = st.timedeltas(timedelta(hours=-14), timedelta(hours=14)).map(
    lambda offset: timezone(timedelta(minutes=offset // timedelta(minutes=1)))
)


@given(st.datetimes(datetime(2, 1, 1), datetime(9998, 1, 1), timezones=ZONES))  # noqa: DTZ001
def test_an_instant_survives_in_any_zone(at):
    for given_as in (at, at.isoformat()):
        found = to_instant(given_as)
        assert found == at
        assert found.tzinfo is UTC


@given(st.text())
def test_no_text_is_taken_for_a_time_by_accident(text):
    try:
        found = to_instant(text)
    except ValueError:
        return
    assert isinstance(found, datetime)
    assert text[:4].isdigit()


@pytest.mark.parametrize("value", ["12345678901234567890", "1e3", "\uff10", "1.0", ""])
def test_text_that_is_no_64_bit_integer_is_unfit(value):
    with pytest.raises(UnfitError, match="is not an integer"):
        to_integer(value)


def test_a_type_not_known_passes_as_arrow_takes_it():
    marker = object()
    assert kind_of(pa.list_(pa.string())).convert(marker) is marker
