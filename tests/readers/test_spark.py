"""Spark reads and compacts our tables, and its views are what DuckDB's are."""

from collections import Counter

import pytest

from claimx_pipeline import operations
from claimx_pipeline.delta.querying.reading import read
from tests.promises.how_to import blocks, run_python
from tests.rigs import predecessor
from tests.rigs.spark_jars import spark_jars

pytest.importorskip("pyspark")

PAGE = "how-to/read-tables-with-other-tools.md"
pytestmark = pytest.mark.filterwarnings("ignore")


async def test_spark_reads_compacts_and_shows_the_views(loaded, root, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (code,) = (block for block in blocks(PAGE, "python") if "pyspark" in block)
    names = {"TABLES": root, "JARS": spark_jars(tmp_path)}
    assert "spark 41" in await run_python(code, names)
    spark = names["spark"]
    try:
        for table in predecessor.ROWS:
            found = spark.read.format("delta").load(f"{root}/{table}")
            stored = read(loaded.table_store.open(table), "SELECT count(*) AS n FROM t")
            assert found.count() == stored[0]["n"]
        views = operations.old_table_views(loaded, *predecessor.ROWS, dialect="spark")
        for statement in views:
            spark.sql(statement.removesuffix(";"))
        for table, by_type in predecessor.SCHEMAS.items():
            types = dict(spark.table(f"predecessor.{table}").dtypes)
            expected = {"long": "bigint", "bool": "boolean"}
            for kind, listed in by_type.items():
                for name in listed.split():
                    assert types[name] == expected.get(kind, kind), (table, name)
        (photo,) = spark.sql(
            "SELECT latitude, taken_date, expires_at, created_at "
            "FROM predecessor.claimx_attachment_metadata WHERE media_id = '500007'"
        ).collect()
        assert tuple(photo) == (
            "40.125",
            "2026-01-05T10:00:00+00:00",
            "2026-01-06T10:00:00.5+00:00",
            "2026-01-05T09:07:00+00:00",
        )
    finally:
        spark.stop()
    # What Spark has compacted is still ours to write.
    table = "claimx_projects"
    before = Counter(
        row["project_id"] for row in read(loaded.table_store.open(table), "SELECT * FROM t")
    )
    predecessor.make(tmp_path / "again", 40, (table,))
    done = await operations.import_table(
        loaded, str(tmp_path / "again" / table), table, work=tmp_path / "work"
    )
    assert done.counts.refused == 0
    after = Counter(
        row["project_id"] for row in read(loaded.table_store.open(table), "SELECT * FROM t")
    )
    assert after == before
