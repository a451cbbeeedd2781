from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st

from claimx_pipeline.times import in_utc, read_date, read_time

NOON = datetime(2026, 1, 15, 12, tzinfo=UTC)


@pytest.mark.incident("DEL-03")
@pytest.mark.parametrize(
    "written",
    [
        "2026-01-15T12:00:00Z",
        "2026-01-15T12:00:00z",
        "2026-01-15t12:00:00z",
        "2026-01-15T12:00:00+00:00",
        "2026-01-15T12:00:00+0000",
        "2026-01-15T05:00:00-07:00",
        "2026-01-15T17:30:00+05:30",
        "2026-01-15T12:00:00",
        "2026-01-15 12:00:00",
        " 2026-01-15T12:00 ",
        "2026-01-15T12:00:00.000Z",
        "2026-01-15T12:00:00.000000+00:00",
        "2026-01-15T12:00:00.000000000",
        1768478400,
        1768478400.0,
        1768478400000,
        "1768478400",
        "1768478400000",
    ],
)
def test_one_instant_written_in_many_ways_is_one_time(written):
    assert read_time(written) == NOON
    assert read_time(written).tzinfo is UTC


@pytest.mark.parametrize(
    ("fraction", "microsecond"),
    [(".1", 100000), (".123", 123000), (".123456", 123456), (".123456789", 123456)],
)
@pytest.mark.parametrize("zone", ["", "Z", "+00:00"])
def test_fractions_are_kept_to_the_microsecond(fraction, microsecond, zone):
    time = read_time(f"2026-01-15T12:00:00{fraction}{zone}")
    assert time == NOON.replace(microsecond=microsecond)


@pytest.mark.parametrize(
    "written",
    ["", " ", "soon", "2026-13-01", "2026-01-15T25:00:00Z", "12:00", 1e300, 10**30, True],
)
def test_what_is_no_time_is_refused(written):
    with pytest.raises(ValueError, match=r"^(is|true) "):
        read_time(written)


@pytest.mark.parametrize("written", ["0001-01-01T00:00:00+14:00", "9999-12-31T23:59:59-01:00"])
def test_a_time_out_of_range_in_utc_is_refused(written):
    with pytest.raises(ValueError, match="out of range"):
        read_time(written)


ZONES = st.integers(-14 * 60, 14 * 60).map(lambda m: timezone(timedelta(minutes=m)))


@given(
    st.datetimes(datetime(2001, 9, 10), datetime(2200, 1, 1), timezones=st.just(UTC)),  # noqa: DTZ001 - bounds
    ZONES,
)
def test_every_way_of_writing_a_time_is_read_back(time, zone):
    assert read_time(time.astimezone(zone).isoformat()) == time
    assert read_time(time.isoformat().replace("+00:00", "Z")) == time
    milliseconds = time.replace(microsecond=time.microsecond // 1000 * 1000)
    assert read_time(round(milliseconds.timestamp() * 1000)) == milliseconds


@given(st.text(max_size=40) | st.floats() | st.integers())
def test_anything_is_a_time_in_utc_or_refused(value):
    try:
        time = read_time(value)
    except ValueError:
        return
    assert time.tzinfo is UTC


def test_a_time_without_zone_is_in_utc():
    assert in_utc(datetime(2026, 1, 15, 12)) == NOON  # noqa: DTZ001 - what is tested


def test_a_date_is_read():
    assert read_date("2026-01-15") == NOON.date()
