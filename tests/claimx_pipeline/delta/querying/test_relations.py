import pytest

from claimx_pipeline.delta.querying.relations import relations
from claimx_pipeline.delta.querying.sql import tokens, tree
from claimx_pipeline.errors import UsageError


def tables(sql):
    return relations(tree(tokens(sql), sql))


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("SELECT 1", []),
        ("SELECT a, b FROM T", ["t"]),
        ('SELECT * FROM "T" x, u AS y, v', ["T", "u", "v"]),
        ("SELECT * FROM `T` JOIN 'v' ON true", ["T", "v"]),
        ("SELECT * FROM a x JOIN a y ON x.b = y.b", ["a"]),
        ("SELECT * FROM a JOIN b ON a.x = b.x LEFT JOIN c USING (x, y), d", ["a", "b", "c", "d"]),
        ("SELECT * FROM (a JOIN b ON f(a.x, b.x)), c", ["a", "b", "c"]),
        ("SELECT * FROM (SELECT x, y FROM a) s, b WHERE x IN (SELECT x FROM c)", ["a", "b", "c"]),
        ("SELECT (SELECT max(x) FROM b) FROM a WHERE EXISTS (SELECT 1 FROM c)", ["a", "b", "c"]),
        ("SELECT extract(hour FROM at), substring(s FROM 2), trim(BOTH 'x' FROM s) FROM a", ["a"]),
        ("SELECT a IS NOT DISTINCT FROM b FROM t", ["t"]),
        ("SELECT x FROM a ORDER BY y, z", ["a"]),
        ("SELECT x FROM a GROUP BY y, z UNION ALL SELECT x, y FROM b", ["a", "b"]),
        ("SELECT * FROM a, unnest(a.list) AS u, LATERAL (SELECT 1) l", ["a"]),
        ("SELECT * FROM ((SELECT 1)) s, a", ["a"]),
        ("SELECT sum(x) OVER (PARTITION BY y, z) FROM a", ["a"]),
        ("SELECT * FROM (VALUES (1)) v(x), a -- FROM b", ["a"]),
        ("SELECT * FROM public.a, datafusion.public.B", ["a", "b"]),
        ("SELECT * EXCLUDE (x) FROM a QUALIFY row_number() OVER () = 1", ["a"]),
        ("SELECT 'FROM b' /* FROM c */ FROM é", ["é"]),
    ],
)
def test_the_tables_of_a_statement_are_found(sql, expected):
    assert sorted(tables(sql)) == sorted(expected)


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("WITH w AS (SELECT * FROM a), v (x, y) AS (SELECT 1, 2) SELECT * FROM w, v", ["a"]),
        ("WITH a AS (SELECT * FROM a) SELECT * FROM a", ["a"]),
        ("WITH v AS (SELECT * FROM w), w AS (SELECT 1) SELECT * FROM v, w", ["w"]),
        ("WITH v AS (SELECT 1), w AS (SELECT * FROM V) SELECT * FROM W", []),
        ('WITH "V" AS (SELECT 1) SELECT * FROM v', ["v"]),
        ("WITH v AS (SELECT 1) SELECT * FROM public.v", ["v"]),
        ("WITH v AS (SELECT 1) SELECT * FROM a WHERE x IN (SELECT x FROM v)", ["a"]),
        ("SELECT * FROM (WITH v AS (SELECT * FROM a) SELECT * FROM v) s, v", ["a", "v"]),
        ("WITH v AS (SELECT 1) SELECT * FROM v UNION SELECT * FROM v", []),
        (
            "WITH RECURSIVE n AS (SELECT 1 AS i UNION ALL SELECT i + 1 FROM n) SELECT * FROM n",
            [],
        ),
    ],
)
def test_a_name_of_a_with_is_a_table_only_where_it_is_not_visible(sql, expected):
    assert sorted(tables(sql)) == sorted(expected)


@pytest.mark.parametrize(
    ("sql", "what"),
    [
        ("SELECT * FROM read_parquet('x')", r"declared tables only, not read_parquet\(…\)"),
        ("SELECT * FROM a JOIN range(1, 3) r ON true", r"not range\(…\)"),
        ("SELECT * FROM generate_series(1, 3)", r"not generate_series\(…\)"),
        ("SELECT * FROM a, LATERAL f(a.x)", r"not f\(…\)"),
        (
            "SELECT * FROM information_schema.tables",
            "write the table after information_schema. without",
        ),
    ],
)
def test_anything_but_a_table_is_refused(sql, what):
    with pytest.raises(UsageError, match=what):
        tables(sql)
