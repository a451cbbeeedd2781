from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from claimx_pipeline.delta.querying.datediff import rewrite_datediff
from claimx_pipeline.delta.querying.query import run_query
from claimx_pipeline.errors import UsageError
from tests.rigs.delta_tables import NOON, append_from_elsewhere, event, make_store


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    store = make_store(tmp_path_factory.mktemp("datediff"))
    later = NOON + timedelta(seconds=22, microseconds=660_659)
    append_from_elsewhere(store, "events", event("a", NOON, made_at=later))
    return store


def value(store, expression):
    return run_query(store, f"SELECT {expression} AS x FROM events").to_pylist()[0]["x"]


def stamp(text):
    return f"TIMESTAMP '{text}'"


@pytest.mark.parametrize(
    ("unit", "start", "end", "expected"),
    [
        ("second", "2026-01-01T00:00:00", "2026-01-01T00:00:01.999999", 1),
        ("SECOND", "2026-01-01T00:00:01.999999", "2026-01-01T00:00:00", -1),
        ("seconds", "2026-01-01T00:00:00", "2026-01-01T00:00:00.999999", 0),
        ("'minute'", "2026-01-01T00:00:30", "2026-01-01T00:02:29", 1),
        ("hour", "2026-01-01T00:59:00", "2026-01-01T01:01:00", 0),
        ("day", "2026-01-01T12:00:00", "2026-01-03T11:59:59", 1),
        ("week", "2026-01-01T00:00:00", "2026-01-15T00:00:00", 2),
        ("millisecond", "2026-01-01T00:00:00", "2026-01-01T00:00:00.0019", 1),
        ("microsecond", "2026-01-01T00:00:00", "2026-01-01T00:00:00.000009", 9),
        ("month", "2026-01-31T00:00:00", "2026-02-28T00:00:00", 0),
        ("month", "2026-01-15T10:00:00", "2026-03-15T09:59:59", 1),
        ("month", "2026-03-15T09:59:59", "2026-01-15T10:00:00", -1),
        ("quarter", "2026-01-15T00:00:00", "2026-12-15T00:00:00", 3),
        ("year", "2024-02-29T00:00:00", "2026-02-28T00:00:00", 1),
    ],
)
def test_whole_units_are_counted_and_the_fraction_dropped(store, unit, start, end, expected):
    assert value(store, f"DATEDIFF({unit}, {stamp(start)}, {stamp(end)})") == expected


def test_columns_dates_and_texts_may_be_mixed(store):
    assert value(store, "DATEDIFF(second, at, made_at)") == 22
    assert value(store, "datediff(microsecond, at, made_at)") == 22_660_659
    assert value(store, "DATEDIFF(hour, day, at)") == 12
    assert value(store, "DATE_DIFF('day', '2026-01-01', day)") == 11


@pytest.mark.parametrize(
    ("end", "start", "expected"),
    [
        ("2026-01-03T00:00:01", "2026-01-01T23:59:59", 2),
        ("2026-01-01T23:59:59", "2026-01-01T00:00:00", 0),
        ("2025-12-31T23:59:59", "2026-01-01T00:00:00", -1),
        ("2024-03-01T00:00:00", "2024-02-28T00:00:00", 2),
    ],
)
def test_with_an_end_and_a_start_alone_days_of_the_calendar_are_counted(
    store, end, start, expected
):
    assert value(store, f"DATEDIFF({stamp(end)}, {stamp(start)})") == expected
    assert value(store, f"datediff('{end}', '{start}')") == expected


def test_both_forms_may_be_nested(store):
    assert value(store, "DATEDIFF(made_at, day) + DATEDIFF(second, at, made_at)") == 22
    inner = "CASE WHEN DATEDIFF(made_at, at) = 0 THEN made_at END"
    assert value(store, f"DATEDIFF(second, at, {inner})") == 22


def test_an_average_of_differences_keeps_what_it_should(store):
    assert value(store, "avg(DATEDIFF(millisecond, at, made_at)) / 1000.0") == 22.660


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("DATEDIFF(second, at, coalesce(made_at, date_trunc('day', at)))", 22),
        ("DATEDIFF(second, at, made_at) + DATEDIFF(second, made_at, at)", 0),
        ("DATEDIFF(second, at, CASE WHEN DATEDIFF(day, at, made_at) = 0 THEN made_at END)", 22),
        ("DATEDIFF(second, -- the start, really)\n at, made_at -- the end\n)", 22),
        ("DATEDIFF(second, /* ( */ at, made_at)", 22),
        ("'DATEDIFF(x)'", "DATEDIFF(x)"),
        ("CAST(DATEDIFF(second, at, made_at) AS VARCHAR) || ' DATEDIFF('", "22 DATEDIFF("),
    ],
)
def test_calls_are_found_wherever_the_engine_would_see_one(store, expression, expected):
    assert value(store, expression) == expected


def test_a_null_gives_null(store):
    assert value(store, "DATEDIFF(day, NULL, at)") is None
    assert value(store, "DATEDIFF(month, at, CAST(note AS TIMESTAMP))") is None


def test_what_is_no_call_is_left_alone():
    for sql in (
        "SELECT datediff FROM t",
        "SELECT 'datediff(a)'",
        'SELECT "datediff"(a)',
        "SELECT $$datediff(a)$$",
        "SELECT 1 -- datediff(a)",
        "SELECT 1 /* datediff(a) */",
        "",
    ):
        assert rewrite_datediff(sql) == sql


@given(st.text(alphabet="ab1,'\"$/*-\n ();é{}[]:", max_size=40))
def test_all_but_the_calls_goes_through_as_it_was_written(around):
    try:
        written = rewrite_datediff(f"{around} DATEDIFF(day, a, b) /* {around}")
    except UsageError:  # A quote or a comment is not closed.
        return
    before, after = f"{around} ", f" /* {around}"
    assert written.startswith(before)
    assert written.endswith(after)
    within_comment_or_text = written == f"{before}DATEDIFF(day, a, b){after}"
    assert within_comment_or_text or "arrow_cast((a)" in written[len(before) :]


@pytest.mark.parametrize(
    "call",
    ["DATEDIFF(at)", "DATEDIFF()", "DATEDIFF(second, , at)", "DATEDIFF(at, )", "DATEDIFF(a,b,c,d)"],
)
def test_a_call_with_other_arguments_is_refused_with_the_forms_there_are(call):
    forms = r"DATEDIFF\(second, start, end\), or an end and a start, DATEDIFF\(end, start\)"
    with pytest.raises(UsageError, match=forms):
        rewrite_datediff(f"SELECT {call}")


def test_a_call_that_is_not_closed_is_refused_with_its_line_and_column():
    with pytest.raises(UsageError, match="after DATEDIFF is not closed: line 2, column 9"):
        rewrite_datediff("SELECT\nDATEDIFF(day, (at)")


def test_an_unknown_unit_is_refused_with_those_known():
    with pytest.raises(
        UsageError, match="does not know the unit fortnight; it knows microsecond, "
    ):
        rewrite_datediff("SELECT DATEDIFF(fortnight, a, b)")


TIMES = st.datetimes(datetime(1990, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))  # noqa: DTZ001


@settings(max_examples=25, deadline=None)
@given(TIMES, TIMES)
def test_seconds_and_months_agree_with_the_calendar(store, start, end):
    one, other = (f"TIMESTAMP '{at.isoformat()}'" for at in (start, end))
    seconds = value(store, f"DATEDIFF(second, {one}, {other})")
    assert seconds == int((end - start) / timedelta(seconds=1))
    months = value(store, f"DATEDIFF(month, {one}, {other})")
    first, last = min(start, end), max(start, end)
    whole = (last.year - first.year) * 12 + last.month - first.month
    if (last.day, last.time()) < (first.day, first.time()):
        whole -= 1
    assert months == (whole if start <= end else -whole)


@settings(max_examples=25, deadline=None)
@given(TIMES, TIMES)
def test_days_of_the_calendar_agree_with_it(store, start, end):
    call = f"DATEDIFF({stamp(end.isoformat())}, {stamp(start.isoformat())})"
    assert value(store, call) == (end.date() - start.date()).days
