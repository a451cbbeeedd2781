"""Tables are made what is declared, looked at first; what cannot be is said and left."""

import json

import pyarrow as pa
import pytest
from deltalake import DeltaTable, Field, Schema

from claimx_pipeline import Pipeline, operations
from tests.rigs.command import run


@pytest.fixture
def pipeline(tmp_path):
    found = Pipeline.load(environ={}, cwd=tmp_path)
    for name in ("claimx_events", "claimx_projects", "claimx_tasks"):
        found.table_store.create(name)
    return found


def without(pipeline, name, column):
    """Create table *name* as a version made it that did not know *column*."""
    store = pipeline.table_store
    spec, uri = store.spec(name), store.location(name).uri
    older = [each for each in spec.schema() if each.name != column]
    DeltaTable.create(
        uri,
        schema=Schema.from_arrow(pa.schema(older)),
        mode="overwrite",
        partition_by=list(spec.partitions()),
        raise_if_key_not_exists=False,
        configuration=store.open(name).metadata().configuration,
    )


async def test_a_new_column_is_shown_then_added(pipeline):
    store = pipeline.table_store
    without(pipeline, "claimx_events", "media_id")
    store.open("claimx_projects").alter.add_columns([Field("theirs", "string")])
    before = store.open("claimx_events").version()
    would = await operations.migrate_tables(pipeline, dry_run=True)
    assert store.open("claimx_events").version() == before
    found = {each.table: each for each in would}
    assert set(found) == {"claimx_events", "claimx_projects", "claimx_tasks"}
    assert list(found["claimx_events"].added) == ["media_id string"]
    assert list(found["claimx_projects"].foreign) == ["theirs"]
    assert await operations.migrate_tables(pipeline) == would
    assert "media_id" in {each.name for each in store.open("claimx_events").schema().fields}
    assert not any(each.added for each in await operations.migrate_tables(pipeline))


async def test_another_number_of_buckets_is_refused_in_a_sentence(pipeline):
    table = pipeline.table_store.open("claimx_projects")
    assert table.metadata().configuration["claimx.buckets"] == "16"
    table.alter.set_table_properties({"claimx.buckets": "32"}, raise_if_not_exists=False)
    (found,) = await operations.migrate_tables(pipeline, "claimx_projects")
    assert "its rows are in 32 buckets and the setting 'tables.buckets' says 16" in found.error


async def test_what_an_older_table_does_not_say_of_itself_is_shown_then_added(pipeline):
    store = pipeline.table_store
    without(pipeline, "claimx_events", "media_id")
    assert (await operations.describe_table(pipeline, "claimx_events")).unexplained
    would = await operations.migrate_tables(pipeline, dry_run=True)
    found = {each.table: each for each in would}
    assert len(found["claimx_events"].commented) == len(store.spec("claimx_events").columns) - 1
    assert found["claimx_events"].described
    assert not found["claimx_tasks"].commented
    (done,) = await operations.migrate_tables(pipeline, "claimx_events")
    assert (done.commented, done.described) == (found["claimx_events"].commented, True)
    described = await operations.describe_table(pipeline, "claimx_events")
    assert not described.unexplained
    assert store.open("claimx_events").metadata().description == described.description
    assert described.description.startswith("Every event as it came")


def test_the_commands_print_what_a_table_is_and_what_it_lacks(pipeline, tmp_path):
    without(pipeline, "claimx_events", "media_id")
    shown = run("tables", "show", "claimx_events", cwd=tmp_path)
    assert "Every event as it came, one row per event id. Written by the worker" in shown.stderr
    assert "'claimx-run tables migrate claimx_events' adds it" in shown.stderr
    rows = json.loads(run("tables", "migrate", "--json", cwd=tmp_path).stdout)["tables"]
    assert {each["table"]: each["described"] for each in rows}["claimx_events"]
    shown = run("tables", "show", "claimx_events", "--json", cwd=tmp_path)
    assert json.loads(shown.stdout)["unexplained"] is False
    assert run("tables", "migrate", cwd=tmp_path).stderr == "no table lacks a column or a comment\n"


def test_the_command_ends_with_one_for_a_table_that_cannot_be(pipeline, tmp_path):
    without(pipeline, "claimx_tasks", "assignment_id")
    result = run("tables", "migrate", "--dry-run", "--json", cwd=tmp_path)
    assert result.returncode == 1
    rows = {each["table"]: each for each in json.loads(result.stdout)["tables"]}
    assert "column 'assignment_id' is declared" in rows["claimx_tasks"]["error"]
    assert "assignment_id" in result.stderr
