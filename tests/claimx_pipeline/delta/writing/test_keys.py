from datetime import UTC, datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from claimx_pipeline.delta.writing.keys import HashTable, KeyedRows, KeyIndex, find_keys
from tests.rigs.delta_tables import (
    EVENTS,
    NOON,
    append_from_elsewhere,
    event,
    make_store,
    micros_of,
    minutes,
)

DAY = 86_400_000_000


@given(st.lists(st.integers(-(2**63), 2**63 - 1)), st.lists(st.integers(-(2**63), 2**63 - 1)))
def test_a_hash_table_holds_what_was_added(added, others):
    table = HashTable()
    table.update(added)
    assert all(value in table for value in added)
    # 0 marks a free slot, so it is kept as 1.
    as_kept = {value % 2**64 or 1 for value in added}
    assert len(table) == len(as_kept)
    assert [value in table for value in others] == [
        (value % 2**64 or 1) in as_kept for value in others
    ]


def test_a_hash_table_grows():
    table = HashTable()
    table.update(range(5000))
    table.update(range(5000))
    assert len(table) == 4999  # 0 and 1 are one
    assert 5000 not in table


def rows(*pairs, width=0):
    times = [micros_of(at) for _, at in pairs]
    return KeyedRows(
        [(key,) for key, _ in pairs], [at - width for at in times], [at + width for at in times]
    )


def test_overlapping_ranges_are_joined():
    found = KeyedRows([("a",)] * 4, [0, 5, 20, 21], [10, 12, 30, 22])
    assert found.ranges(range(4)) == [(0, 12), (20, 30)]
    assert found.ranges([2]) == [(20, 30)]


def test_many_ranges_become_one():
    found = KeyedRows([("a",)] * 40, range(0, 400, 10), range(1, 401, 10))
    assert found.ranges(range(40)) == [(0, 391)]


def make_index(**options):
    return KeyIndex(EVENTS, "at", DAY, **options)


@pytest.fixture
def store(tmp_path):
    store = make_store(tmp_path, {"events": EVENTS})
    append_from_elsewhere(store, "events", *(event(f"old{n}", minutes(n)) for n in range(10)))
    return store


def test_keys_in_the_table_are_found(store):
    asked = rows(("old3", minutes(3)), ("new", minutes(3)), ("old4", minutes(4)))
    assert make_index().duplicates(store.open("events"), asked) == {0, 2}


def test_a_key_outside_the_row_s_range_is_not_looked_for(store):
    asked = rows(("old3", minutes(500)))
    assert make_index().duplicates(store.open("events"), asked) == set()


@pytest.mark.incident("OFF-11")
@pytest.mark.incident("PRF-01")
def test_what_the_index_covers_is_answered_without_reading(store, monkeypatch):
    index, table = make_index(), store.open("events")
    index.duplicates(table, rows(("a", NOON)))
    monkeypatch.setattr("claimx_pipeline.delta.writing.keys.batches", None)
    assert index.duplicates(table, rows(("b", minutes(1)), ("c", minutes(100)))) == set()
    with pytest.raises(TypeError):  # a likely double is looked up
        index.duplicates(table, rows(("old3", minutes(3))))


def test_an_older_batch_extends_the_index_and_a_much_older_one_is_looked_up(store):
    index, table = make_index(), store.open("events")
    append_from_elsewhere(store, "events", event("early", minutes(-300)))
    append_from_elsewhere(store, "events", event("ancient", datetime(2020, 1, 1, tzinfo=UTC)))
    table = store.open("events")
    index.duplicates(table, rows(("a", NOON)))
    assert index.duplicates(table, rows(("early", minutes(-300)), ("x", minutes(-299)))) == {0}
    asked = rows(("ancient", datetime(2020, 1, 1, tzinfo=UTC)), ("y", NOON))
    assert index.duplicates(table, asked) == {0}


def test_the_first_batch_reads_a_minute_more_and_each_older_one_twice_as_much(store, monkeypatch):
    asked = []
    monkeypatch.setattr(
        "claimx_pipeline.delta.writing.keys.within",
        lambda _, ranges: asked.extend(ranges) or "true",
    )
    index, table = make_index(), store.open("events")
    for at in (0, -1.5, -2, -10):
        index.duplicates(table, rows((f"at {at}", minutes(at))))
    # The batch of two minutes before is within what the second one has read.
    assert [micros_of(minutes(at)) for at in (-1, -3.5, -14)] == [first for first, _ in asked]


@pytest.mark.parametrize("how", ["append", "compact"])
def test_what_another_writer_commits_is_seen(store, how):
    index = make_index()
    index.duplicates(store.open("events"), rows(("a", NOON)))
    append_from_elsewhere(
        store, "events", event("theirs", minutes(2)), event("theirs2", minutes(90))
    )
    if how == "compact":
        store.open("events").optimize.compact()
    asked = rows(
        ("theirs", minutes(2)), ("theirs2", minutes(90)), ("old1", minutes(1)), ("b", NOON)
    )
    assert index.duplicates(store.open("events"), asked) == {0, 1, 2}


@pytest.mark.incident("OFF-11")
def test_an_index_that_grows_too_large_rests_and_answers_stay_right(store):
    index, table = make_index(max_keys=5), store.open("events")
    for _ in range(3):
        assert index.duplicates(table, rows(("old3", minutes(3)), ("new", NOON))) == {0}


@pytest.mark.parametrize(
    "at", [datetime(1, 1, 1, tzinfo=UTC), datetime(9999, 12, 31, 23, 59, 59, 999999, UTC)]
)
def test_times_at_the_ends_of_the_calendar_are_searched_like_others(store, at):
    append_from_elsewhere(store, "events", event("edge", at))
    table = store.open("events")
    for width in (0, 7 * DAY):
        assert make_index().duplicates(table, rows(("edge", at), ("b", at), width=width)) == {0}


def test_find_keys_compares_whole_keys(store):
    asked = {("old1", "x"), ("old2", None)}
    assert find_keys(store.open("events"), ("event_id", "note"), "true", asked) == {("old2", None)}
