"""A predecessor's tables come over whole: every row is in ours, or in the report with its reason."""

import json
import os
import signal
from datetime import UTC, date, datetime

import pyarrow as pa
import pytest
from deltalake import DeltaTable, write_deltalake

from claimx_pipeline import Pipeline, operations
from claimx_pipeline.delta.importing import slices
from claimx_pipeline.delta.querying.reading import read
from claimx_pipeline.errors import TableError, UsageError
from tests.rigs import predecessor
from tests.rigs.command import run

ROWS = 60


@pytest.fixture(scope="module")
def old(tmp_path_factory):
    folder = tmp_path_factory.mktemp("predecessor")
    predecessor.make(folder, ROWS)
    return folder


@pytest.fixture
def pipeline(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    return Pipeline.load(environ={}, overrides={"tables.root": str(tmp_path / "tables")})


def stored(pipeline, table, columns="*"):
    return read(pipeline.table_store.open(table), f"SELECT {columns} FROM t")


def report(done):
    return [json.loads(line) for line in done.report.read_text().splitlines()]


def source_rows(folder):
    return read(DeltaTable(folder), "SELECT count(*) AS n FROM t")[0]["n"]


@pytest.mark.parametrize("table", predecessor.ROWS)
async def test_every_row_is_imported_or_reported(pipeline, old, table):
    done = await operations.import_table(pipeline, str(old / table), table)
    counts = done.counts
    assert counts.rows == source_rows(old / table)
    assert counts.rows == counts.written + counts.unchanged + counts.refused
    refused = [line for line in report(done) if line["what"] == "row refused"]
    assert len(refused) == counts.refused
    assert all(line["reason"] and line["row"] for line in refused)
    assert sum(line["what"] == "value left out" for line in report(done)) == counts.values_left_out
    kept = counts.rows - counts.refused - counts.doubles
    assert len(stored(pipeline, table, "1 AS one")) == kept
    compared = await operations.compare_tables(pipeline, str(old / table), table)
    assert (compared.different, compared.only_new) == (0, 0)
    assert compared.only_old == counts.refused
    assert compared.equal == len(stored(pipeline, table, "1 AS one"))


async def test_doubles_become_one_row_in_which_a_null_has_replaced_nothing(pipeline, old):
    await operations.import_table(pipeline, str(old / "claimx_projects"), "claimx_projects")
    (row,) = [row for row in stored(pipeline, "claimx_projects") if row["project_id"] == "700001"]
    assert row["master_file_name"] == "MFN-9"
    assert row["city"] == "Testville"
    assert row["created_at"] == predecessor.projects(1)["created_at"]
    assert row["last_enriched_at"] == predecessor.LATER["updated_at"]
    assert row["created_date"] == datetime(2026, 1, 5, 9, tzinfo=UTC)


async def test_types_are_ours_and_what_does_not_fit_is_left_out_and_said(pipeline, old):
    table = "claimx_attachment_metadata"
    done = await operations.import_table(pipeline, str(old / table), table)
    rows = {row["media_id"]: row for row in stored(pipeline, table)}
    assert rows["500000"]["latitude"] == 40.125
    assert rows["500000"]["task_assignment_id"] == 300000
    assert rows["500000"]["taken_date"] == datetime(2026, 1, 5, 10, tzinfo=UTC)
    assert rows["500000"]["event_id"] == "0" * 64
    assert rows["509002"]["task_assignment_id"] is None
    assert done.zoneless == {"taken_date": ROWS + 2}
    said = {(line["key"]["media_id"], line["column"]): line["value"] for line in report(done)}
    assert said == {
        ("509001", "longitude"): "NaN",
        ("509002", "task_assignment_id"): "task-12",
        ("509002", "taken_date"): "0000-00-00",
    }


async def test_an_event_that_both_systems_have_read_is_one_row(pipeline, tmp_path):
    """Theirs has an id that depends on how the time was written; ours would be another."""
    table = "claimx_events"
    live = {
        "eventType": "PROJECT_CREATED",
        "projectId": 100123,
        "ingestedAt": "2026-01-15T12:00:00Z",
    }
    await operations.create_all(pipeline)
    await operations.publish(pipeline, "claimx.events.raw", [live])
    await operations.run_until_idle(pipeline, "events")
    at = datetime(2026, 1, 15, 12, tzinfo=UTC)
    row = {
        "trace_id": "9" * 64,
        "event_type": "PROJECT_CREATED",
        "project_id": "100123",
        "ingested_at": at,
        "created_at": at,
        "event_date": at.date(),
        "master_file_name": "",
    }
    rows = pa.Table.from_pylist([row], schema=predecessor.schema(table))
    write_deltalake(tmp_path / "old", rows)
    done = await operations.import_table(pipeline, str(tmp_path / "old"), table)
    assert (done.counts.written, done.counts.unchanged) == (0, 1)
    compared = await operations.compare_tables(pipeline, str(tmp_path / "old"), table)
    assert compared.same


async def test_an_event_date_is_the_date_in_utc_whatever_it_was_there(pipeline, tmp_path):
    late = datetime(2026, 1, 5, 23, 30, tzinfo=UTC)
    row = {**predecessor.events(1), "ingested_at": late, "event_date": date(2026, 1, 6)}
    rows = pa.Table.from_pylist([row], schema=predecessor.schema("claimx_events"))
    write_deltalake(tmp_path / "old", rows)
    await operations.import_table(pipeline, str(tmp_path / "old"), "claimx_events")
    (found,) = stored(pipeline, "claimx_events")
    assert found["event_date"] == late.date()


async def test_older_names_are_known_and_unknown_columns_are_said(pipeline, tmp_path):
    rows = pa.table(
        {
            "media_id": ["1", "2"],
            "project_id": ["7", "7"],
            "source_event_id": ["e", "e"],
            "bytes_downloaded": [5, 6],
            "created_at": [datetime.fromisoformat("2026-01-01")] * 2,
            "colour": ["red", None],
        }
    )
    write_deltalake(tmp_path / "old", rows)
    done = await operations.import_table(pipeline, str(tmp_path / "old"), "claimx_attachments")
    found = stored(pipeline, "claimx_attachments")
    assert {row["event_id"] for row in found} == {"e"}
    assert {row["bytes_downloaded"] for row in found} == {5, 6}
    assert {row["status"] for row in found} == {"completed"}
    assert {row["completed_at"] for row in found} == {datetime(2026, 1, 1, tzinfo=UTC)}
    assert done.zoneless == {"created_at": 2}
    assert report(done)[0]["what"] == "column left out"
    assert (report(done)[0]["column"], report(done)[0]["values"]) == ("colour", 1)


async def test_a_second_import_changes_nothing(pipeline, old):
    source = str(old / "claimx_contacts")
    first = await operations.import_table(pipeline, source, "claimx_contacts")
    version = pipeline.table_store.open("claimx_contacts").version()
    second = await operations.import_table(pipeline, source, "claimx_contacts")
    assert second.counts.written == 0
    assert second.counts.unchanged == first.counts.written
    assert pipeline.table_store.open("claimx_contacts").version() == version


async def test_what_a_worker_wrote_later_stays(pipeline, old):
    later = datetime(2026, 6, 1, tzinfo=UTC)
    pipeline.table_store.create("claimx_tasks")
    sink = pipeline.table_store.sink("claimx_tasks", "g")
    await sink.open()
    await sink.acquire(())
    from claimx_pipeline.delta.rows import TableRow

    values = {"assignment_id": 300001, "project_id": "700001", "status": "CANCELLED"}
    await sink.write([TableRow("claimx_tasks", {**values, "last_enriched_at": later})], (), {})
    await sink.close()
    await operations.import_table(pipeline, str(old / "claimx_tasks"), "claimx_tasks")
    (row,) = [row for row in stored(pipeline, "claimx_tasks") if row["assignment_id"] == 300001]
    assert (row["status"], row["mfn"]) == ("CANCELLED", "MFN-1")


async def test_a_dry_run_writes_nothing_and_finds_the_same(pipeline, old):
    source = str(old / "claimx_events")
    tried = await operations.import_table(pipeline, source, "claimx_events", dry_run=True)
    assert not pipeline.table_store.exists("claimx_events")
    done = await operations.import_table(pipeline, source, "claimx_events")
    assert tried.counts.refused == done.counts.refused == 1
    assert tried.counts.values_left_out == done.counts.values_left_out == 1
    assert done.counts.rows == tried.counts.rows


def test_an_import_that_was_killed_goes_on_and_loses_nothing(old, tmp_path):
    """Killed in the middle, with rows written that the state does not know of."""
    table, script = "claimx_contacts", tmp_path / "killed.py"
    script.write_text(KILLED.format(old=str(old / table), table=table, number=int(signal.SIGKILL)))
    import subprocess
    import sys

    environ = {**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)}
    killed = subprocess.run([sys.executable, str(script)], cwd=tmp_path, env=environ)
    assert killed.returncode == -signal.SIGKILL
    state = json.loads((tmp_path / "claimx-import" / table / "state.json").read_text())
    assert 0 < state["done"] < state["slices"]
    done = run(
        *("tables", "import", "--from", str(old / table), "--table", table, "--json"),
        cwd=tmp_path,
    )
    assert done.returncode == 0, done.stderr
    facts = json.loads(done.stdout)
    assert facts["rows"] == source_rows(old / table)
    assert facts["rows"] == facts["written"] + facts["unchanged"] + facts["refused"]
    assert facts["refused"] == 1
    assert len((tmp_path / "claimx-import" / table / "report.jsonl").read_text().splitlines()) == 1
    compared = run("compare", str(old / table), table, "--json", cwd=tmp_path)
    assert json.loads(compared.stdout)["only_old"] == 1
    assert json.loads(compared.stdout)["different"] == 0


KILLED = """
import asyncio, os
from claimx_pipeline import Pipeline, operations
from claimx_pipeline.delta.importing import importing, progress, slices
slices.ROWS = importing.ROWS = 5
before = progress.ImportFolder.save
def save(self, state):
    if state.done == 4:
        os.kill(os.getpid(), {number})
    return before(self, state)
progress.ImportFolder.save = save
pipeline = Pipeline.load(environ={{}})
asyncio.run(operations.import_table(pipeline, {old!r}, {table!r}))
"""


async def test_many_slices_make_the_same_table_as_one(pipeline, old, tmp_path, monkeypatch):
    monkeypatch.setattr(slices, "ROWS", 7)
    for table in ("claimx_events", "claimx_task_templates", "claimx_attachment_metadata"):
        done = await operations.import_table(pipeline, str(old / table), table)
        assert not (done.report.parent / "rows").exists()
        compared = await operations.compare_tables(pipeline, str(old / table), table)
        assert (compared.different, compared.only_new) == (0, 0)
        assert compared.only_old == done.counts.refused


async def test_a_path_without_a_table_and_a_table_without_a_key_are_refused(pipeline, tmp_path):
    with pytest.raises(TableError, match="there is no Delta table at"):
        await operations.import_table(pipeline, str(tmp_path / "none"), "claimx_tasks")
    write_deltalake(tmp_path / "keyless", pa.table({"project_id": ["1"]}))
    with pytest.raises(TableError, match="has no column assignment_id"):
        await operations.import_table(pipeline, str(tmp_path / "keyless"), "claimx_tasks")
    with pytest.raises(UsageError, match="nothing is known of a former table 'claimx_event_log'"):
        await operations.import_table(pipeline, str(tmp_path / "keyless"), "claimx_event_log")


async def test_a_comparison_counts_and_shows_what_differs(pipeline, tmp_path):
    """Two tables of others, by keys that are named."""
    old = pa.table({"k": [1, 2, 3, 3], "a": ["x", "y", "z", "z"], "b": [1, 2, 3, 3]})
    new = pa.table({"k": [2, 3, 4], "a": ["y", "Z", "w"], "b": [2, 4, 4], "c": [0, 0, 0]})
    write_deltalake(tmp_path / "old", old)
    write_deltalake(tmp_path / "new", new)
    sides = str(tmp_path / "old"), str(tmp_path / "new")
    found = await operations.compare_tables(pipeline, *sides, keys=["k"])
    assert (found.old_rows, found.old_doubles, found.new_rows) == (4, 1, 3)
    assert (found.equal, found.different, found.only_old, found.only_new) == (1, 1, 1, 1)
    assert found.by_column == {"a": 1, "b": 1}
    shown = {each.what: each for each in found.samples}
    assert shown["different"].key == {"k": 3}
    assert (shown["different"].old, shown["different"].new) == (
        {"a": "z", "b": 3},
        {"a": "Z", "b": 4},
    )
    chosen = await operations.compare_tables(pipeline, *sides, keys=["k"], columns=["b"])
    assert chosen.by_column == {"b": 1}
    with pytest.raises(UsageError, match="name its keys"):
        await operations.compare_tables(pipeline, *sides)
    with pytest.raises(UsageError, match="has no column 'c'"):
        await operations.compare_tables(pipeline, *sides, keys=["k"], columns=["c"])


async def test_a_plugin_tells_what_the_former_table_of_its_own_was(tmp_path):
    """By the hook ``claimx_register_old_tables``."""
    folder = tmp_path / "plugins" / "config" / "notes"
    folder.mkdir(parents=True)
    (folder / "config.yaml").write_text("{name: notes, module: notes, class: Notes}\n")
    (folder / "notes.py").write_text(NOTES)
    pipeline = Pipeline.load(
        environ={}, cwd=tmp_path, overrides={"tables.root": str(tmp_path / "t")}
    )
    write_deltalake(tmp_path / "old", pa.table({"claim": [7, 8], "note": ["a", "b"]}))
    done = await operations.import_table(
        pipeline, str(tmp_path / "old"), "acme_notes", work=tmp_path / "work"
    )
    assert done.counts.written == 2
    assert {row["project_id"] for row in stored(pipeline, "acme_notes")} == {"7", "8"}
    (_, view) = operations.old_table_views(pipeline, "acme_notes", dialect="tsql")
    assert "TRY_CAST([project_id] AS bigint) AS [claim]" in view


NOTES = """
from claimx_pipeline import Plugin, hookimpl
from claimx_pipeline.tables import STRING, Column, OldColumn, OldTable, TableSpec, old_columns

class Notes(Plugin):
    name = "notes"

    def execute(self, context):
        return None

    @hookimpl
    def claimx_register_tables(self):
        columns = (Column("project_id", STRING, nullable=False), Column("note", STRING))
        return [TableSpec(name="acme_notes", summary="Notes", columns=columns, mode="merge",
                          key=("project_id",))]

    @hookimpl
    def claimx_register_old_tables(self):
        claim = OldColumn("claim", type="long", new="project_id")
        return [OldTable(name="acme_notes", columns=(claim, *old_columns("string", "note")))]
"""
