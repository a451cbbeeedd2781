import pyarrow as pa
import pytest

from claimx_pipeline.delta.querying.query import checked, run_query
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
    ],
)
def test_statements_that_read_are_run(store, sql, expected):
    assert run_query(store, sql).to_pylist() == expected


@pytest.mark.parametrize(
    ("sql", "count"),
    [
        ("SELECT day FROM events LIMIT 1", 1),
        ("SELECT day FROM events LIMIT 10 OFFSET 0", 4),
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
    assert run_query(store, "EXPLAIN ANALYZE VERBOSE SELECT * FROM events").num_rows > 0


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
        ("SELECT * FROM '{out}'", "is no table"),
        ("SELECT * FROM generate_series(1, 3)", r"not generate_series\(…\)"),
        ("SELECT :since", ":since has no value; only named queries have parameters"),
        ("VACUUM events", "begins with SELECT"),
    ],
)
def test_what_writes_or_reads_other_things_is_refused(store, tmp_path, sql, what):
    out = tmp_path / "out"
    with pytest.raises(UsageError, match=what):
        run_query(store, sql.replace("{out}", str(out)))
    assert not out.exists()
    assert store.open("events").version() == 1


def test_an_unknown_table_is_refused_with_the_tables_there_are(store):
    with pytest.raises(
        UsageError, match="no table 'evnts'; did you mean 'events'. tables are events, kinds"
    ):
        run_query(store, "SELECT * FROM evnts")


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
    "sql", ["SELECT FROM WHERE", "SELECT nofunction(1)", "SELECT * FROM events WHERE"]
)
def test_a_mistake_is_one_sentence(store, sql):
    with pytest.raises(UsageError) as caught:
        run_query(store, sql)
    assert "\n" not in str(caught.value)


def test_a_closing_semicolon_and_comment_are_taken_off():
    assert checked("SELECT 1 ; -- done") == "SELECT 1"
