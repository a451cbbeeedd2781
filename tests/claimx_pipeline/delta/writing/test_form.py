"""Tables that others have changed: their rules, their columns."""

import json
from datetime import timedelta

import pytest
from deltalake import Field
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from claimx_pipeline.delta.faults import TableWriteError
from claimx_pipeline.errors import Category, TableError
from tests.rigs.changed_tables import change_column, constrain
from tests.rigs.delta_tables import (
    NOON,
    acquired,
    event,
    make_store,
    place,
    rows_of,
    send,
    send_range,
    sources,
    stored,
)


def project(name, **values):
    return {"project_id": name, **values}


@pytest.mark.incident("STR-10")
async def test_one_of_ten_rows_breaks_a_constraint_and_nine_are_written(tmp_path):
    store = make_store(tmp_path)
    sink = await acquired(store, "events", place())
    constrain(store, "events", other="event_id <> '0-4'")
    result = await send_range(sink, 0, 10)
    assert (result.written, result.skipped) == (9, 0)
    assert result.refused == ((4, "it breaks constraint 'other' (event_id <> '0-4')"),)
    assert "0-4" not in {row["event_id"] for row in stored(store, "events")}
    again = await acquired(store, "events", place())
    # Its dead letter may have been lost on the way, so it is refused each time it comes.
    assert (await send_range(again, 0, 10)).refused == result.refused


@pytest.mark.incident("STR-10")
async def test_a_constraint_switched_on_while_a_worker_runs_is_noticed(tmp_path):
    store = make_store(tmp_path)
    sink = await acquired(store, "events", place())
    assert (await send_range(sink, 0, 3)).written == 3
    constrain(store, "events", other="note IS NOT NULL")
    result = await send_range(sink, 3, 5)
    assert (result.written, len(result.refused)) == (0, 2)


@pytest.mark.incident("STR-10")
async def test_a_refused_row_stops_a_table_whose_worker_has_no_dead_letters(tmp_path):
    store = make_store(tmp_path)
    constrain(store, "events", other="event_id <> '0-4'")
    sink = await acquired(store, "events", place(), stops_at_refused=True)
    result = await send_range(sink, 0, 10)
    assert (result.written, [at for at, _ in result.refused]) == (4, [4])
    assert store.positions("events", "group", [place()]).positions.offsets == {place(): 4}


@pytest.mark.incident("STR-10")
async def test_of_two_rows_of_a_key_the_good_one_is_written(tmp_path):
    store = make_store(tmp_path)
    constrain(store, "events", other="note = 'good'")
    sink = await acquired(store, "events", place())
    values = [event("a", note="bad"), event("a", note="good")]
    result = await sink.write(rows_of("events", *values), sources([0, 1]), {place(): 2})
    assert (result.written, [at for at, _ in result.refused]) == (1, [0])
    assert [row["note"] for row in stored(store, "events")] == ["good"]


@pytest.mark.incident("STR-10")
async def test_a_keyed_table_refuses_only_the_rows_that_break_a_constraint(tmp_path):
    store = make_store(tmp_path)
    sink = await acquired(store, "projects")
    await send(sink, project("1", rooms=1), project("2", rooms=1))
    constrain(store, "projects", rooms="rooms > 0")
    result = await send(
        sink,
        project("1", rooms=-1),
        project("2", rooms=2),
        project("3", rooms=0),
        project("4", rooms=4),
    )
    assert (result.written, [at for at, _ in result.refused]) == (2, [0, 2])
    rooms = {row["project_id"]: row["rooms"] for row in stored(store, "projects")}
    assert rooms == {"1": 1, "2": 2, "4": 4}


@pytest.mark.incident("STR-10")
async def test_of_several_rows_of_one_key_the_breaking_one_is_refused(tmp_path):
    store = make_store(tmp_path)
    constrain(store, "projects", rooms="rooms > 0")
    sink = await acquired(store, "projects")
    at = [NOON + timedelta(minutes=minute) for minute in range(3)]
    result = await send(
        sink,
        project("1", rooms=1, city="a", answered_at=at[0]),
        project("1", rooms=2, city="b", answered_at=at[1]),
        project("1", rooms=-2, answered_at=at[2]),
    )
    assert (result.written, [at for at, _ in result.refused]) == (2, [2])
    assert [(row["rooms"], row["city"]) for row in stored(store, "projects")] == [(2, "b")]


@pytest.mark.incident("STR-10")
@pytest.mark.parametrize("table", ["events", "kinds"])
async def test_an_invariant_is_judged_like_a_constraint(tmp_path, table):
    store = make_store(tmp_path)
    column = {"events": "note", "kinds": "text"}[table]
    rule = json.dumps({"expression": {"expression": f"{column} = 'good'"}})
    change_column(store, table, column, metadata={"delta.invariants": rule})
    sink = await acquired(store, table, place())
    values = {
        "events": [event("a", note="good"), event("b", note="bad")],
        "kinds": [{"id": "a", "text": "good"}, {"id": "b", "text": "bad"}],
    }[table]
    result = await send(sink, *values)
    assert result.written == 1
    assert result.refused == ((1, f"it breaks invariant of column '{column}' ({column} = 'good')"),)


@pytest.mark.incident("STR-10")
@pytest.mark.parametrize("table", ["kinds", "kinds_appended"])
async def test_a_generated_column_of_others_is_made(tmp_path, table):
    store = make_store(tmp_path)
    made = {"delta.generationExpression": "long * 2"}
    change_column(store, table, "twice", type="long", metadata=made)
    sink = await acquired(store, table, place())
    assert (await send(sink, {"id": "a", "long": 1}, {"id": "b"})).written == 2
    if table == "kinds":
        assert (await send(sink, {"id": "a", "long": 5})).written == 1
    found = {row["id"]: row["twice"] for row in stored(store, table)}
    assert found == {"a": 10 if table == "kinds" else 2, "b": None}


@pytest.mark.incident("STR-10")
async def test_a_declared_column_that_others_generate_is_judged(tmp_path):
    store = make_store(tmp_path)
    change_column(store, "kinds", "int", metadata={"delta.generationExpression": "long * 2"})
    sink = await acquired(store, "kinds")
    result = await send(sink, {"id": "a", "long": 1, "int": 2}, {"id": "b", "long": 1, "int": 3})
    assert (result.written, [at for at, _ in result.refused]) == (1, [1])


@pytest.mark.incident("STR-10")
async def test_a_rule_that_has_no_value_for_a_row_is_that_row_s_failure(tmp_path):
    store = make_store(tmp_path)
    constrain(store, "kinds_appended", ratio="10 / long > 1")
    sink = await acquired(store, "kinds_appended", place())
    values = [{"id": str(long), "long": long} for long in (1, 0, 2, 50, 0, 3)]
    result = await send(sink, *values)
    assert (result.written, [at for at, _ in result.refused]) == (3, [1, 3, 4])
    assert "cannot be evaluated for it" in result.refused[0][1]


@pytest.mark.incident("STR-10")
@pytest.mark.parametrize("table", ["kinds", "kinds_appended"])
async def test_a_rule_that_the_engine_does_not_know_holds_the_batch_and_is_named(tmp_path, table):
    store = make_store(tmp_path)
    constrain(store, table, spark="some_function_of_spark(id) > 0")
    sink = await acquired(store, table, place())
    with pytest.raises(TableWriteError, match="constraint 'spark' .* cannot be evaluated") as found:
        await send(sink, {"id": "a"})
    assert found.value.category is Category.TRANSIENT
    assert len(str(found.value).splitlines()) == 1


NUMBERS = st.lists(st.integers(-5, 5) | st.none(), min_size=1, max_size=12)


@pytest.mark.incident("STR-10")
@settings(max_examples=15, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(NUMBERS, st.integers(-3, 3))
async def test_whatever_the_rows_what_is_refused_is_what_breaks_the_rule(
    tmp_path_factory, numbers, least
):
    store = make_store(tmp_path_factory.mktemp("rules"))
    for table in ("kinds", "kinds_appended"):
        constrain(store, table, least=f"long >= {least}")
        sink = await acquired(store, table, place())
        result = await send(sink, *({"id": str(at), "long": n} for at, n in enumerate(numbers)))
        bad = [at for at, n in enumerate(numbers) if n is None or n < least]
        assert [at for at, _ in result.refused] == bad
        assert result.written == len(numbers) - len(bad)
        assert len(stored(store, table)) == result.written
        await sink.close()


@pytest.mark.incident("STR-14")
@pytest.mark.parametrize("table", ["events", "projects"])
async def test_a_nullable_column_of_others_is_kept_and_null_live_and_at_the_start(tmp_path, table):
    store = make_store(tmp_path)

    def row(name):
        return event(name) if table == "events" else project(name, city=name)

    sink = await acquired(store, table, place())
    await send(sink, row("a"))
    store.open(table).alter.add_columns([Field("team", "string")])
    store.open(table).update({"team": "'bi'"})
    assert (await send(sink, row("b"))).written == 1
    assert store.check(table) == ()
    restarted = await acquired(store, table, place())
    assert (await send(restarted, row("c"))).written == 1
    key = "event_id" if table == "events" else "project_id"
    teams = {found[key]: found["team"] for found in stored(store, table)}
    assert teams == {"a": "bi", "b": None, "c": None}


@pytest.mark.incident("STR-14")
async def test_what_others_keep_in_a_row_of_a_keyed_table_outlives_a_merge(tmp_path):
    store = make_store(tmp_path)
    sink = await acquired(store, "projects")
    await send(sink, project("1", city="a"))
    store.open("projects").alter.add_columns([Field("team", "string")])
    store.open("projects").update({"team": "'bi'"})
    constrain(store, "projects", team="team = 'bi' OR city = 'new'")
    result = await send(sink, project("1", city="b", answered_at=NOON), project("2", city="new"))
    assert result.written == 2
    found = {row["project_id"]: (row["city"], row["team"]) for row in stored(store, "projects")}
    assert found == {"1": ("b", "bi"), "2": ("new", None)}


@pytest.mark.incident("STR-14")
@pytest.mark.parametrize("table", ["events", "projects"])
@pytest.mark.parametrize(
    ("column", "change", "told"),
    [
        ("team", {"nullable": False}, "'team' is declared not at all and stored string not null"),
        ("note", {"type": "long"}, "'note' is declared string and stored int64"),
        ("city", {"type": "long"}, "'city' is declared string and stored int64"),
    ],
)
async def test_what_cannot_be_kept_is_one_sentence_live_and_at_the_start(
    tmp_path, table, column, change, told
):
    if column == {"events": "city", "projects": "note"}[table]:
        pytest.skip("not a column of this table")
    store = make_store(tmp_path)
    sink = await acquired(store, table, place())
    change_column(store, table, column, **change)
    row = event("a") if table == "events" else project("a")
    with pytest.raises(TableWriteError, match=told) as live:
        await send(sink, row)
    assert live.value.category is Category.TRANSIENT
    with pytest.raises(TableError, match=told) as start:
        store.check(table)
    assert str(live.value) == str(start.value)
    assert len(str(start.value).splitlines()) == 1
