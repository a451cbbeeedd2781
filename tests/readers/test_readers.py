"""DuckDB, Polars and pandas read what the engine below reads, and the page's code runs."""

import re
from collections import Counter

import pyarrow as pa
import pytest

from claimx_pipeline import operations
from claimx_pipeline.delta.querying.reading import names, read
from tests.promises.how_to import blocks, run_python
from tests.rigs import predecessor

duckdb = pytest.importorskip("duckdb")
polars = pytest.importorskip("polars")
pytest.importorskip("pandas")

PAGE = "how-to/read-tables-with-other-tools.md"
pytestmark = [
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),
    pytest.mark.filterwarnings("ignore::pandas.errors.Pandas4Warning"),
]


@pytest.fixture
def connection():
    from duckdb_extensions import import_extension

    with duckdb.connect() as opened:
        import_extension("delta", con=opened)
        opened.execute("LOAD delta")
        opened.execute("SET TimeZone = 'UTC'")
        yield opened


def columns(loaded, table):
    return [column.name for column in loaded.tables[table].stored_columns()]


def ours(loaded, table):
    wanted = columns(loaded, table)
    rows = read(loaded.table_store.open(table), f"SELECT {names(wanted)} FROM t")
    return Counter(tuple(row[name] for name in wanted) for row in rows)


@pytest.mark.parametrize("table", predecessor.ROWS)
def test_duckdb_reads_every_value(loaded, root, connection, table):
    sql = f"SELECT {names(columns(loaded, table))} FROM delta_scan('{root}/{table}')"
    found = connection.sql(sql).to_arrow_table().to_pylist()
    assert Counter(tuple(row.values()) for row in found) == ours(loaded, table)


@pytest.mark.parametrize("table", predecessor.ROWS)
def test_polars_reads_every_value(loaded, root, table):
    found = polars.read_delta(f"{root}/{table}").select(columns(loaded, table)).rows()
    assert Counter(found) == ours(loaded, table)


def test_the_tables_that_are_read_here_explain_themselves(loaded):
    for table in predecessor.ROWS:
        assert not loaded.table_store.unexplained(table)


def test_an_answer_becomes_what_its_reader_works_with():
    answer = operations.QueryAnswer(pa.table({"n": [1, 2], "text": ["a", None]}))
    assert answer.to_polars().rows() == [(1, "a"), (2, None)]
    assert answer.to_pandas()["n"].tolist() == [1, 2]
    assert polars.DataFrame(answer).rows() == [(1, "a"), (2, None)]
    assert duckdb.sql("SELECT sum(n) FROM answer").fetchone() == (3,)


@pytest.mark.parametrize("table", predecessor.ROWS)
def test_pandas_reads_every_row(loaded, table):
    frame = loaded.table_store.open(table).to_pandas()
    assert len(frame) == sum(ours(loaded, table).values())
    assert set(frame.columns) == set(columns(loaded, table))


@pytest.mark.parametrize("table", predecessor.ROWS)
def test_no_table_asks_for_more_than_the_first_reader_version(loaded, table):
    protocol = loaded.table_store.open(table).protocol()
    assert (protocol.min_reader_version, protocol.reader_features or []) == (1, [])


async def test_the_code_of_the_page_runs_as_written(root):
    code = [block for block in blocks(PAGE, "python") if "pyspark" not in block]
    said = "".join([await run_python(block, {"TABLES": root}) for block in code])
    counts = re.findall(r"^(duckdb|polars|pandas) (\d+)", said, re.MULTILINE)
    assert counts == [("duckdb", "41"), ("polars", "41"), ("pandas", "41")]


OLD_TYPES = {
    "string": "VARCHAR",
    "long": "BIGINT",
    "int": "INTEGER",
    "bool": "BOOLEAN",
    "timestamp": "TIMESTAMP WITH TIME ZONE",
    "date": "DATE",
}


def test_the_views_have_the_old_names_types_and_values(loaded, connection):
    for statement in operations.old_table_views(loaded, *predecessor.ROWS, dialect="duckdb"):
        connection.execute(statement)
    for table, by_type in predecessor.SCHEMAS.items():
        described = connection.execute(f"DESCRIBE predecessor.{table}").fetchall()
        types = {name: kind for name, kind, *_ in described}
        for kind, listed in by_type.items():
            for name in listed.split():
                assert types[name] == OLD_TYPES[kind], (table, name)
    photo = connection.execute(
        "SELECT trace_id, latitude, task_assignment_id, taken_date, expires_at, created_at "
        "FROM predecessor.claimx_attachment_metadata WHERE media_id = '500007'"
    ).fetchone()
    assert photo == (
        f"{7:064x}",
        "40.125",
        "300007",
        "2026-01-05T10:00:00+00:00",
        "2026-01-06T10:00:00.500000+00:00",
        "2026-01-05T09:07:00+00:00",
    )
    (call,) = connection.execute(
        "SELECT claim_id FROM predecessor.claimx_video_collab WHERE video_collaboration_id = 900001"
    ).fetchone()
    assert call == 700001
    stored = "SELECT count(*) FROM predecessor.claimx_attachments WHERE bytes IS NOT NULL"
    assert connection.execute(stored).fetchone() == (60,)


def test_a_file_that_failed_is_not_in_the_view_of_stored_files(loaded, connection):
    shown = "\n".join(
        operations.old_table_views(loaded, "claimx_attachments", dialect="duckdb", schema="v2")
    )
    assert "WHERE status = 'completed'" in shown
    connection.execute(shown)
    counted = connection.execute('SELECT count(*) FROM v2."claimx_attachments"').fetchone()
    assert counted == (61,)
