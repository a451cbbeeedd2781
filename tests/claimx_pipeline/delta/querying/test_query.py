import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from claimx_pipeline.delta.querying.query import run_query
from claimx_pipeline.delta.querying.sql import tokens, tree
from claimx_pipeline.errors import TableError, UsageError
from tests.rigs.delta_tables import append_from_elsewhere, event, make_store, minutes


@pytest.fixture
def store(tmp_path):
    store = make_store(tmp_path / "lake")
    append_from_elsewhere(
        store,
        "events",
        *(event(f"e{n}", minutes(n), note="x" if n % 2 else None) for n in range(4)),
    )
    return store


def test_an_answer_is_an_arrow_table_with_plain_text(store):
    answer = run_query(store, "SELECT event_id, at FROM events ORDER BY at DESC LIMIT 1;")
    assert answer.schema.field("event_id").type == pa.string()
    assert answer.to_pylist() == [{"event_id": "e3", "at": minutes(3)}]


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("WITH w AS (SELECT count(*) AS n FROM EVENTS) SELECT n FROM w", [{"n": 4}]),
        ("(SELECT count(*) AS n FROM events)", [{"n": 4}]),
        ("SELECT count(*) FILTER (WHERE note IS NULL) AS n FROM events e", [{"n": 2}]),
        ("SELECT 'DROP; SET' AS \"update\"", [{"update": "DROP; SET"}]),
        ("select e.event_id as i from events e join projects p on p.city = e.note", []),
        ("SELECT 1 AS x -- ; DROP TABLE events\n", [{"x": 1}]),
        ("SELECT 1 AS x /* delete /* nested; */ update */ ; ; -- done", [{"x": 1}]),
        ("SELECT 'it''s; delete' || $$ 'drop' $$ AS x", [{"x": "it's; delete 'drop' "}]),
        ("SELECT E'\\'; COPY a TO b; --' AS x", [{"x": "'; COPY a TO b; --"}]),
        ("SELECT 'é\u2028😀' AS \"été\"", [{"été": "é\u2028😀"}]),
        ("SELECT count(*) AS n FROM Public.Events", [{"n": 4}]),
        ("SELECT `event_id` AS i FROM 'events' WHERE note IS NULL LIMIT 1", [{"i": "e0"}]),
        (
            "WITH events AS (SELECT * FROM events LIMIT 3) SELECT count(*) AS n FROM events",
            [{"n": 3}],
        ),
        (
            "WITH RECURSIVE n AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM n WHERE i < 3)"
            " SELECT sum(i) AS n FROM n",
            [{"n": 6}],
        ),
    ],
)
def test_statements_that_read_are_run(store, sql, expected):
    assert run_query(store, sql).to_pylist() == expected


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("SELECT event_id AS i FROM events ORDER BY at |> LIMIT 1", [{"i": "e0"}]),
        ("SELECT count(*) AS n FROM Events WHERE [1] @> [1]", [{"n": 4}]),
        ("SELECT day FROM events WHERE [1] @> [1] LIMIT 1", [{"day": minutes(0).date()}]),
        (
            "SELECT max(DATEDIFF(minute, DATE '2026-01-12', at)) AS n FROM events WHERE [1] @> [1]",
            [{"n": 723}],
        ),
    ],
)
def test_what_the_engine_knows_and_sqlglot_does_not_is_run_as_it_was_written(store, sql, expected):
    assert tree(tokens(sql), sql) is None
    assert run_query(store, sql).to_pylist() == expected


@pytest.mark.parametrize(
    ("sql", "count"),
    [
        ("SELECT day FROM events LIMIT 1", 1),
        ("SELECT day FROM events LIMIT 10 OFFSET 0", 4),
        ("SELECT day FROM events LIMIT 0, 3", 3),
        ("(SELECT day FROM events LIMIT 1)", 1),
        ("SELECT day FROM events UNION ALL SELECT day FROM events LIMIT 5", 5),
        ("SELECT day FROM (SELECT day FROM events) AS limited LIMIT 3", 3),
        ("SELECT * FROM (SELECT event_id FROM events LIMIT 2) e JOIN projects p ON true", 0),
        ("SELECT day FROM events WHERE event_id IN (SELECT event_id FROM events LIMIT 2)", 2),
    ],
)
def test_a_limit_holds_also_where_only_partition_columns_are_read(store, sql, count):
    assert run_query(store, sql).num_rows == count


def test_bare_names_count_in_lower_case(store):
    assert run_query(store, "SELECT Event_ID FROM Events").num_rows == 4


def test_describe_and_explain_are_allowed(store):
    names = run_query(store, "DESCRIBE events").column("column_name").to_pylist()
    assert names == ["event_id", "note", "at", "day", "made_at"]
    assert run_query(store, "DESC public.Events;").num_rows == len(names)
    assert run_query(store, "EXPLAIN ANALYZE VERBOSE SELECT * FROM events").num_rows > 0
    assert run_query(store, "EXPLAIN FORMAT TREE SELECT * FROM events").num_rows > 0
    plans = run_query(store, "EXPLAIN SELECT day FROM events LIMIT 1").column("plan_type")
    assert plans.to_pylist() == ["logical_plan", "physical_plan"], "a limit is not that of the plan"


@pytest.mark.parametrize(
    ("sql", "what"),
    [
        ("", "the query is empty"),
        (" ; ", "the query is empty"),
        ("COPY events TO '{out}'", "begins with SELECT, WITH"),
        ("EXPLAIN COPY events TO '{out}'", "begins with SELECT, WITH"),
        ("EXPLAIN ANALYZE COPY events TO '{out}'", "begins with SELECT, WITH"),
        ("DESCRIBE COPY events TO '{out}'", "DESCRIBE takes the name of one table"),
        ("CREATE EXTERNAL TABLE x STORED AS CSV LOCATION '{out}'", "begins with SELECT"),
        ("SET datafusion.catalog.information_schema = true", "begins with SELECT"),
        ("INSERT INTO events SELECT * FROM events", "begins with SELECT"),
        ("WITH x AS (SELECT 1) INSERT INTO events SELECT * FROM events", "INSERT is not allowed"),
        ("SELECT * INTO other FROM events", "INTO is not allowed"),
        ("SELECT 1; SELECT 2", "a query is one statement"),
        ("SELECT 1; COPY events TO '{out}'", "a query is one statement"),
        ("SELECT E'\\'' ; COPY events TO '{out}' -- '", "a query is one statement"),
        ("SHOW TABLES", "begins with SELECT"),
        ("EXPLAIN", "begins with SELECT"),
        ("EXPLAIN FORMAT COPY events TO '{out}'", "begins with SELECT"),
        ("EXPLAIN (SELECT) COPY events TO '{out}'", "COPY is not allowed"),
        ("SELECT a$$ FROM events; COPY events TO '{out}' -- $$", "a query is one statement"),
        ("WITH x AS (SELECT 1) DELETE FROM events", "DELETE is not allowed"),
        ("SELECT set FROM events", 'SET is not allowed; a column of that name is written "set"'),
        ("DESCRIBE EXTENDED events", "DESCRIBE takes the name of one table"),
        ("SELECT * FROM '{out}'", "there is no table '{out}'"),
        ("SELECT * FROM generate_series(1, 3)", r"not generate_series\(…\)"),
        ("SELECT :since", ":since has no value; only named queries have parameters"),
        ("VACUUM events", "begins with SELECT"),
    ],
)
def test_what_writes_or_reads_other_things_is_refused(store, tmp_path, sql, what):
    out = tmp_path / "out"
    with pytest.raises(UsageError, match=what.replace("{out}", str(out))):
        run_query(store, sql.replace("{out}", str(out)))
    assert not out.exists()
    assert store.open("events").version() == 1


def test_an_unknown_table_is_refused_with_the_tables_there_are(store):
    with pytest.raises(
        UsageError, match="no table 'evnts'; did you mean 'events'. tables are events, kinds"
    ):
        run_query(store, "SELECT * FROM evnts")


def test_an_unknown_table_is_named_also_in_what_sqlglot_can_not_read(store):
    with pytest.raises(UsageError, match="no table 'evnts'; did you mean 'events'. tables are"):
        run_query(store, "SELECT * FROM evnts |> LIMIT 1")


@pytest.mark.parametrize("column", ["nte", "e.nte", '"nte"'])
def test_an_unknown_column_is_refused_with_the_nearest(store, column):
    with pytest.raises(
        UsageError, match="there is no column '(e.)?nte'; did you mean 'note' of events"
    ):
        run_query(store, f"SELECT {column} FROM events e")


def test_a_table_that_is_not_created_says_how_to(tmp_path):
    with pytest.raises(TableError, match="create it with 'claimx-run tables create'"):
        run_query(make_store(tmp_path, created=False), "SELECT * FROM events")
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("sql", "what"),
    [
        ("SELECT 1\nFROM events\nWHERE )", r"line 3, column 7: expected an expression, found \)"),
        ("SELECT *\nFROM events WHERE ", "line 2, column 18: expected .*, found the end of the q"),
        ("SELECT DATEDIFF(day, at, at) > , 'é' FROM events", "line 1, column 32: expected"),
        ("SELECT DATEDIFF(day, at >, at)", "line 1, column 26: expected"),
        ('SELECT \'😀\', "a" "b" "c"', 'line 1, column 21: .*found "c"'),
        ("SELECT a b c", "line 1, column 12: expected end of statement, found c"),
    ],
)
def test_a_mistake_in_the_syntax_is_one_sentence_with_line_and_column_as_typed(store, sql, what):
    with pytest.raises(UsageError, match=f"^the query is not valid SQL at {what}") as caught:
        run_query(store, sql)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    "sql",
    [
        "SELECT FROM WHERE",
        "SELECT nofunction(1)",
        "SELECT 'a'::INT",
        "SELECT '\0'",
        "SELECT $1",
        "SELECT " + "(" * 3000 + "1" + ")" * 3000,
    ],
)
def test_a_mistake_is_one_sentence(store, sql):
    with pytest.raises(UsageError) as caught:
        run_query(store, sql)
    assert "\n" not in str(caught.value)


PIECES = st.sampled_from(
    [*"'\"`$(),;.*{}[]:=~", "--", "/*", "*/", "\n", "E'", "$a$", "|>", "DATEDIFF(", "day", "at",
     "SELECT", "WITH", "AS", "FROM", "events", "LIMIT", "EXPLAIN", "COPY", "TO", "INTO", "é", "1"]
)  # fmt: skip


@pytest.fixture(scope="module")
def lasting(tmp_path_factory):
    store = make_store(tmp_path_factory.mktemp("queries"))
    append_from_elsewhere(store, "events", event("e0", minutes(0)))
    return store


@settings(max_examples=300, deadline=None)
@given(st.sampled_from(["", "SELECT ", "EXPLAIN SELECT "]), st.lists(PIECES, max_size=12))
def test_whatever_is_typed_is_answered_or_refused(lasting, start, pieces):
    try:
        outcome = run_query(lasting, start + " ".join(pieces))
    except UsageError as error:
        outcome = error
    assert isinstance(outcome, (pa.Table, UsageError))
    assert str(outcome)
    assert lasting.open("events").version() == 1
