import logging
import math
import random
from datetime import UTC, date, datetime, timedelta, timezone

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from claimx_pipeline.delta.writing.convert import Converter, to_arrow
from tests.rigs.delta_tables import (
    KINDS,
    KINDS_APPENDED,
    NOON,
    event,
    make_store,
    stored,
    write,
    writer_of,
)


def one(column, value):
    """Return what becomes of *value* in *column*: the stored value, or the reason."""
    table, refused = to_arrow(KINDS, [{"id": "good"}, {"id": "x", column: value}])
    if refused:
        assert [index for index, _ in refused] == [1]
        assert table.num_rows == 1
        return refused[0][1]
    return table[column].to_pylist()[1]


@pytest.mark.parametrize(
    ("column", "value", "stored"),
    [
        ("text", "Müller", "Müller"),
        ("text", 12345678901234567890, "12345678901234567890"),
        ("text", {"a": [1, None]}, '{"a":[1,null]}'),
        ("text", ["x"], '["x"]'),
        ("long", 7, 7),
        ("long", "7", 7),
        ("long", " -7 ", -7),
        ("long", 7.0, 7),
        ("int", 2**31 - 1, 2**31 - 1),
        ("double", 1, 1.0),
        ("double", "1.5", 1.5),
        ("double", " -1e3 ", -1000.0),
        ("flag", True, True),
        ("flag", False, False),
        ("day", date(2026, 1, 2), date(2026, 1, 2)),
        ("day", "2026-01-02", date(2026, 1, 2)),
    ],
)
def test_a_value_that_keeps_its_meaning_is_stored(column, value, stored):
    found = one(column, value)
    assert found == stored
    assert type(found) is type(stored)


@pytest.mark.parametrize(
    ("column", "value", "reason"),
    [
        ("text", True, "'text' (string) is True, which is not text"),
        ("text", 1.5, "is 1.5, which is not text"),
        ("text", b"x", "is b'x', which is not text"),
        ("text", "\ud800", "which cannot be stored as UTF-8"),
        ("long", 1.5, "'long' (int64) is 1.5, which is not an integer"),
        ("long", True, "is True, which is not an integer"),
        ("long", "seven", "is 'seven', which is not an integer"),
        ("long", "1_000", "which is not an integer"),
        ("long", "", "is '', which is not an integer"),
        ("long", 2**63, "which does not fit int64"),
        ("int", 2**31, "is 2147483648, which does not fit int32"),
        ("double", "abc", "is 'abc', which is not a number"),
        ("double", math.nan, "is nan, which is not a finite number"),
        ("double", math.inf, "is inf, which is not a finite number"),
        ("double", "nan", "which is not a number"),
        ("double", True, "which is not a number"),
        ("double", 2**53 + 1, "which has no exact double"),
        ("double", 10**400, "which does not fit double"),
        ("flag", 1, "is 1, which is not true or false"),
        ("flag", "true", "is 'true', which is not true or false"),
        ("at", "yesterday", "is 'yesterday', which is not an ISO time"),
        ("at", "2026-13-01T00:00:00Z", "which cannot be read"),
        ("at", 1767225600, "which is not a time"),
        ("at", "0001-01-01T00:00:00+05:00", "which does not fit timestamp"),
        ("day", "2026-01-02T03:04:05Z", "which is not a date"),
        ("day", NOON, "which is not a date"),
        ("day", "2026-02-30", "which cannot be read"),
        ("text", {1}, "is {1}, which is not text"),
        ("text", 10**5000, "is a huge int, which cannot be read"),
    ],
    ids=lambda value: None if isinstance(value, str) else type(value).__name__,
)
def test_a_value_that_would_change_is_refused_with_its_reason(column, value, reason):
    found = one(column, value)
    assert isinstance(found, str)
    assert reason in found
    assert found.startswith("table 'kinds': column ")


def test_a_long_wrong_value_is_quoted_in_part():
    reason = one("long", "x" * 10_000)
    assert len(reason) < 200
    assert "(str)" in reason


@pytest.mark.incident("DEL-03")
@pytest.mark.parametrize("digits", ["", ".5", ".500", ".500000", ".500000000"])
@pytest.mark.parametrize(
    "text", ["2026-01-12T12:00:00{}Z", "2026-01-12T12:00:00{}+00:00",
             "2026-01-12T05:00:00{}-07:00", "2026-01-12T12:00:00{}"],
)  # fmt: skip
def test_one_instant_in_any_spelling_is_stored_as_one(text, digits):
    assert one("at", text.format(digits)) == NOON + timedelta(milliseconds=500 if digits else 0)


@pytest.mark.incident("DEL-03")
def test_python_times_are_stored_in_utc_whatever_their_zone():
    west = timezone(timedelta(hours=-7))
    for value in (NOON, NOON.astimezone(west), NOON.replace(tzinfo=None)):
        assert one("at", value) == NOON
    typed = Converter(KINDS).convert([{"id": "x", "at": NOON.replace(tzinfo=None)}])
    assert typed.values["at"] == [NOON]
    assert typed.values["at"][0].tzinfo is UTC


@pytest.mark.incident("DEL-01")
@pytest.mark.parametrize("spec", [KINDS, KINDS_APPENDED], ids=["merge", "append"])
@pytest.mark.parametrize("column", [c.name for c in KINDS.columns if c.nullable])
def test_a_column_that_is_null_in_a_whole_batch_keeps_its_type(tmp_path, spec, column):
    full = {
        "text": "a",
        "long": 1,
        "int": 2,
        "double": 1.5,
        "flag": True,
        "at": NOON,
        "day": NOON.date(),
    }
    store = make_store(tmp_path, {spec.name: spec})
    writer = writer_of(store, spec.name)
    schema = pa.schema(store.open(spec.name).schema().to_arrow())
    lacking = {**full, column: None}
    write(writer, *({"id": f"a{n}", **lacking} for n in range(3)))
    # Null in the first 200 rows only: nothing is inferred from them.
    write(writer, *({"id": f"b{n}", **lacking} for n in range(200)), {"id": "last", **full})
    found = {row["id"]: row for row in stored(store, spec.name)}
    assert len(found) == 204
    assert {key: found["last"][key] for key in full} == full
    assert found["b0"][column] is None
    assert pa.schema(store.open(spec.name).schema().to_arrow()) == schema


@pytest.mark.incident("DEL-01")
def test_a_row_without_a_required_value_is_refused_alone():
    table, refused = to_arrow(KINDS, [{"id": "a"}, {"text": "no id"}, {"id": None}, {"id": "b"}])
    assert table["id"].to_pylist() == ["a", "b"]
    assert [index for index, _ in refused] == [1, 2]
    assert "column 'id' (string) is missing" in refused[0][1]


@pytest.mark.incident("DEL-04")
def test_columns_are_found_by_name_and_unknown_keys_are_dropped_with_one_warning(caplog):
    converter = Converter(KINDS)
    keys = [column.name for column in KINDS.columns]
    random.Random(1).shuffle(keys)
    row = dict.fromkeys(keys) | {"id": "a", "text": "t", "colour": "red"}
    with caplog.at_level(logging.WARNING):
        for _ in range(3):
            found = converter.convert([row, row])
    assert found.table.schema.names == [column.name for column in KINDS.columns]
    assert found.table["text"].to_pylist() == ["t", "t"]
    assert converter.dropped == {"colour": 6}
    assert [record.getMessage() for record in caplog.records] == [
        "table 'kinds' has no column 'colour'; its values are left out"
    ]


def test_no_more_unknown_keys_are_remembered_than_is_sane():
    converter = Converter(KINDS)
    converter.convert([{"id": "a", **{f"k{n}": 1 for n in range(1000)}}])
    assert len(converter.dropped) == 200


def test_the_first_wrong_column_is_the_reason():
    _, refused = to_arrow(KINDS, [{"id": "a", "long": "x", "int": "y"}])
    assert len(refused) == 1
    assert "'long'" in refused[0][1]


VALUES = st.one_of(
    st.none(), st.booleans(), st.integers(), st.floats(), st.text(max_size=5), st.binary(max_size=3),
    st.datetimes(), st.datetimes(timezones=st.just(UTC)), st.dates(), st.lists(st.integers(), max_size=2),
    st.dictionaries(st.text(max_size=2), st.integers(), max_size=2),
    st.datetimes(timezones=st.just(UTC)).map(datetime.isoformat), st.integers().map(str),
)  # fmt: skip


@given(
    st.lists(
        st.fixed_dictionaries({}, optional={c.name: VALUES for c in KINDS.columns}), max_size=6
    )
)
def test_whatever_comes_each_row_is_either_converted_or_refused(rows):
    found = Converter(KINDS).convert(rows)
    refused = [index for index, _ in found.refused]
    assert sorted([*found.positions, *refused]) == list(range(len(rows)))
    assert found.table.num_rows == len(found.positions)
    for name, values in found.values.items():
        assert found.table[name].to_pylist() == values
    # What is refused is refused alone, and what is taken is taken alone, too.
    for index, row in enumerate(rows):
        assert bool(to_arrow(KINDS, [row])[1]) is (index in refused)


@pytest.mark.incident("DEL-04")
def test_a_nested_value_is_stored_as_json_that_reads_back(tmp_path):
    store = make_store(tmp_path)
    write(writer_of(store, "events"), event("a", note={"a": {"b": [1, {"c": None}]}}))
    assert stored(store, "events")[0]["note"] == '{"a":{"b":[1,{"c":null}]}}'
