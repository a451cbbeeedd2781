from datetime import UTC, datetime, timedelta

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from claimx_pipeline.delta.querying.reading import batches, literal, names, read, within
from tests.rigs.delta_tables import NOON, append_from_elsewhere, event, make_store, micros_of


@pytest.fixture
def table(tmp_path):
    store = make_store(tmp_path)
    micros = [0, 1, 999, 1000, 2000, 5_000_000]
    values = [event(f"e{n}", NOON + timedelta(microseconds=n)) for n in micros]
    append_from_elsewhere(store, "events", *values)
    return store.open("events")


def test_text_comes_as_plain_strings(table):
    (batch,) = batches(table, "SELECT event_id, at FROM t")
    assert batch.schema.field("event_id").type == pa.string()
    assert batch.schema.field("at").type == pa.timestamp("us", "UTC")


def test_a_range_takes_its_ends_in_and_a_millisecond_more(table):
    at = micros_of(NOON) + 2500
    found = read(table, f"SELECT event_id FROM t WHERE {within('at', [(at, at)])}")
    assert [row["event_id"] for row in found] == ["e2000"]


def test_an_open_range_has_no_end(table):
    condition = within("at", [(micros_of(NOON) + 4_000_000, None)])
    assert len(read(table, f"SELECT event_id FROM t WHERE {condition}")) == 1


def test_several_ranges_are_either_or(table):
    start = micros_of(NOON)
    condition = within("at", [(start - 9000, start - 1001), (start + 4_999_500, start + 9_000_000)])
    assert [
        row["event_id"] for row in read(table, f"SELECT event_id FROM t WHERE {condition}")
    ] == ["e5000000"]


@given(st.datetimes(timezones=st.just(UTC)))
def test_microseconds_are_exact_over_the_whole_calendar(at):
    assert datetime(1970, 1, 1, tzinfo=UTC) + timedelta(microseconds=micros_of(at)) == at


@pytest.mark.parametrize("text", ["it's", 'a "b"', "a\\", "é", "a;b--c"])
def test_a_literal_says_what_it_stands_for(table, text):
    assert read(table, f"SELECT {literal(text)} AS x FROM t WHERE event_id = 'e0'") == [{"x": text}]


def test_names_are_quoted():
    assert names(["a", 'b"c']) == '"a", "b""c"'
