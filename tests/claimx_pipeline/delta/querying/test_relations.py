import pytest

from claimx_pipeline.delta.querying.relations import relations
from claimx_pipeline.delta.querying.sql import tokens
from claimx_pipeline.errors import UsageError


@pytest.mark.parametrize(
    ("sql", "expected"),
    [
        ("SELECT 1", []),
        ("SELECT a, b FROM T", ["t"]),
        ('SELECT * FROM "T" x, u AS y, v', ["T", "u", "v"]),
        ("SELECT * FROM a JOIN b ON a.x = b.x LEFT JOIN c USING (x, y), d", ["a", "b", "c", "d"]),
        ("SELECT * FROM (a JOIN b ON f(a.x, b.x)), c", ["a", "b", "c"]),
        ("SELECT * FROM (SELECT x, y FROM a) s, b WHERE x IN (SELECT x FROM c)", ["a", "b", "c"]),
        ("WITH w AS (SELECT * FROM a), v (x, y) AS (SELECT 1, 2) SELECT * FROM w, v", ["a"]),
        ("SELECT extract(hour FROM at), substring(s FROM 2), trim(BOTH 'x' FROM s) FROM a", ["a"]),
        ("SELECT a IS NOT DISTINCT FROM b FROM t", ["t"]),
        ("SELECT x FROM a ORDER BY y, z", ["a"]),
        ("SELECT x FROM a GROUP BY y, z UNION ALL SELECT x, y FROM b", ["a", "b"]),
        ("SELECT * FROM a, unnest(a.list) AS u, LATERAL (SELECT 1) l", ["a"]),
        ("SELECT * FROM ((SELECT 1)) s, a", ["a"]),
        ("SELECT sum(x) OVER (PARTITION BY y, z) FROM a", ["a"]),
    ],
)
def test_tables_are_found_where_they_stand(sql, expected):
    assert relations(tokens(sql)) == expected


@pytest.mark.parametrize(
    ("sql", "what"),
    [
        ("SELECT * FROM '/etc/passwd'", "'/etc/passwd' is no table"),
        ("SELECT * FROM a, 'b.parquet'", "'b.parquet' is no table"),
        ("SELECT * FROM read_parquet('x')", r"declared tables only, not read_parquet\(…\)"),
        ("SELECT * FROM a JOIN range(1, 3) r ON true", r"not range\(…\)"),
        (
            "SELECT * FROM information_schema.tables",
            "write the table after information_schema. without",
        ),
    ],
)
def test_anything_but_a_table_is_refused(sql, what):
    with pytest.raises(UsageError, match=what):
        relations(tokens(sql))
