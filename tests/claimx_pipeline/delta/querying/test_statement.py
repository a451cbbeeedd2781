import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from claimx_pipeline.delta.querying import statement
from claimx_pipeline.delta.querying.query import run_query
from claimx_pipeline.delta.querying.statement import checked
from claimx_pipeline.errors import UsageError
from tests.rigs.delta_tables import append_from_elsewhere, event, make_store, minutes

PIECES = st.sampled_from([*"ab'\"`$/*-\\;() \n\réE{}#", " COPY ", " INTO ", "DROP"])
SOUP = st.lists(PIECES, max_size=12).map("".join)


def texts(soup):
    """Every way to write *soup* in quotes, as the engine reads them."""
    ways = ["'" + soup.replace("'", "''") + "'"]
    ways.append("E'" + soup.replace("\\", "\\\\").replace("'", "\\'") + "'")
    if "$" not in soup:
        ways += [f"$${soup}$$", f"$a1${soup}$a1$"]
    return ways


def comments(soup):
    ways = [""]
    if "\n" not in soup:
        ways.append(f"-- {soup}\n")
    if "/" not in soup and "*" not in soup:
        ways += [f"/* {soup} */", f"/* /* {soup} */ {soup} */", f"/*+ {soup} */"]
    return ways


QUOTED = SOUP.flatmap(lambda soup: st.tuples(st.just(soup), st.sampled_from(texts(soup))))
COMMENT = SOUP.flatmap(lambda soup: st.sampled_from(comments(soup)))


@pytest.fixture(scope="module")
def store(tmp_path_factory):
    store = make_store(tmp_path_factory.mktemp("statement"))
    append_from_elsewhere(store, "events", event("e0", minutes(0)))
    return store


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(QUOTED, COMMENT), min_size=1, max_size=4))
@example([(("';COPY ", "E'\\';COPY '"), "-- '\r; DROP\n")])
def test_what_is_quoted_or_a_comment_is_never_taken_for_words(store, parts):
    columns = [f"{text} AS c{n} {comment}" for n, ((_, text), comment) in enumerate(parts)]
    (row,) = run_query(store, f"SELECT {', '.join(columns)} FROM events").to_pylist()
    assert list(row.values()) == [soup for (soup, _), _ in parts]


@settings(max_examples=150, deadline=None)
@given(
    st.lists(st.tuples(QUOTED, COMMENT), max_size=4),
    st.sampled_from(["INTO x", "; COPY events TO 'x'", ") INSERT INTO events (SELECT 1"]),
)
def test_a_word_that_writes_is_seen_among_any_texts_and_comments(parts, writes):
    before = "".join(f"{text} {comment}, " for (_, text), comment in parts)
    with pytest.raises(UsageError, match="is not allowed|one statement"):
        checked(f"WITH y AS (SELECT {before} 1 {writes} -- '")


@pytest.mark.parametrize(
    "sql", ["SELECT * INTO x FROM a", "WITH x AS (SELECT 1) INSERT INTO a SELECT * FROM x"]
)
def test_either_lock_holds_alone(monkeypatch, sql):
    with pytest.raises(UsageError, match="is not allowed$"):
        checked(sql)
    with monkeypatch.context() as patched:
        patched.setattr(statement, "tree", lambda found, sql: None)
        with pytest.raises(UsageError, match="is not allowed; a column"):
            checked(sql)


@pytest.mark.parametrize(
    ("sql", "limit"),
    [
        ("SELECT 1 LIMIT 5", 5),
        ("SELECT 1 LIMIT 2, 5", 5),
        ("SELECT 1 LIMIT 5 OFFSET 2", 5),
        ("((SELECT 1 LIMIT 5))", 5),
        ("(SELECT 1 LIMIT 5) LIMIT 3", 3),
        ("SELECT 1 UNION SELECT 2 LIMIT 5", 5),
        ("SELECT [1] @> [1] LIMIT 5", 5),
        ("SELECT 1 LIMIT 2 + 3", None),
        ("SELECT * FROM (SELECT 1 LIMIT 5) s", None),
        ("EXPLAIN SELECT 1 LIMIT 5", None),
        ("DESCRIBE a", None),
    ],
)
def test_a_limit_is_that_of_the_whole_answer(sql, limit):
    assert checked(sql).limit() == limit
