"""Tables say what they are: description and comments, new ones at once, older ones when asked."""

import json

import pytest
from attrs import evolve
from deltalake import DeltaTable, Field

from claimx_pipeline.delta.comments import description_of, explain
from claimx_pipeline.delta.spec import LONG, STRING, Column
from claimx_pipeline.errors import TableError
from tests.rigs.delta_tables import (
    EVENTS,
    PROJECTS,
    acquired,
    create_as_before,
    event,
    make_store,
    place,
    send_range,
    stored,
    writer_of,
)
from tests.rigs.delta_tables import write as write_rows

TOLD = evolve(
    EVENTS,
    doc="Written by the worker `events`.",
    columns=tuple(evolve(each, doc=f"What `{each.name}` is") for each in EVENTS.columns),
)
MERGED = evolve(
    PROJECTS, columns=tuple(evolve(each, doc=f"What {each.name} is") for each in PROJECTS.columns)
)
SPECS = {"events": TOLD, "projects": MERGED}


def comments(store, name):
    return {each.name: each.metadata.get("comment") for each in store.open(name).schema().fields}


@pytest.fixture
def older(tmp_path):
    """Tables that say nothing but their summary."""
    store = make_store(tmp_path, SPECS, created=False)
    for name, spec in SPECS.items():
        create_as_before(store, name)
        store.open(name).alter.set_table_description(spec.summary)
    return store


def test_a_new_table_says_what_it_is(tmp_path):
    store = make_store(tmp_path, SPECS)
    metadata = store.open("events").metadata()
    assert metadata.description == "Events. Written by the worker events."
    assert comments(store, "events") == {c.name: f"What {c.name} is" for c in EVENTS.columns}
    assert comments(store, "projects")["_bucket"].startswith("Bucket of the row")
    assert not store.unexplained("events")


def test_its_schema_is_otherwise_what_is_declared(tmp_path):
    store = make_store(tmp_path, SPECS)
    found = {
        each.name: (each.type, each.nullable) for each in store.open("projects").schema().fields
    }
    for each in DeltaTable(store.location("projects").uri).schema().fields:
        assert found[each.name] == (each.type, each.nullable)
    assert store.check("projects") == ()
    assert store.open("projects").metadata().partition_columns == ["_bucket"]


def test_an_older_table_is_explained_in_two_commits_and_no_file_changes(older):
    write_rows(writer_of(older, "events"), event("a"))
    before, files = older.open("events").version(), older.open("events").file_uris()
    lacking = older.unexplained("events")
    assert (lacking.columns, lacking.described) == (tuple(c.name for c in EVENTS.columns), False)
    older.explain("events")
    table = older.open("events")
    assert table.version() == before + 2
    assert table.file_uris() == files
    assert table.metadata().description == description_of(TOLD)
    assert comments(older, "events")["note"] == "What note is"
    assert not older.unexplained("events")
    older.explain("events")
    assert older.open("events").version() == before + 2
    assert [row["event_id"] for row in stored(older, "events")] == ["a"]


def test_properties_partitions_and_id_stay(older):
    before = older.open("projects").metadata()
    older.explain("projects")
    after = older.open("projects").metadata()
    assert (after.id, after.partition_columns, after.configuration) == (
        before.id,
        before.partition_columns,
        before.configuration,
    )


def test_what_others_wrote_stays(older):
    table = older.open("events")
    table.alter.set_column_metadata("note", {"comment": "ours", "owner": "them"})
    table.alter.set_table_description("our own words")
    table.alter.add_columns([Field("theirs", "string")])
    assert older.unexplained("events").described
    older.explain("events")
    found = {each.name: each.metadata for each in older.open("events").schema().fields}
    assert found["note"] == {"comment": "ours", "owner": "them"}
    assert found["theirs"] == {}
    assert found["at"] == {"comment": "What at is"}
    assert older.open("events").metadata().description == "our own words"


def test_other_metadata_of_a_column_stays_beside_its_comment(older):
    older.open("events").alter.set_column_metadata("note", {"owner": "them"})
    older.explain("events")
    (note,) = [each for each in older.open("events").schema().fields if each.name == "note"]
    assert note.metadata == {"owner": "them", "comment": "What note is"}


def test_a_column_that_is_added_has_its_comment(older):
    colour = Column("colour", STRING, doc="What colour it is")
    wider = evolve(TOLD, columns=(*TOLD.columns, colour))
    store = make_store(older.settings.root, {**SPECS, "events": wider}, created=False)
    assert store.check("events") == ("colour",)
    assert comments(store, "events") == {
        **dict.fromkeys(c.name for c in EVENTS.columns),
        "colour": "What colour it is",
    }


async def test_a_worker_that_writes_meanwhile_goes_on(older):
    sink = await acquired(older, "events", place(0))
    await send_range(sink, 0, 3)
    older.explain("events")
    await send_range(sink, 3, 5)
    await sink.close()
    assert len(stored(older, "events")) == 5
    assert comments(older, "events")["note"] == "What note is"


def test_a_merge_that_was_prepared_before_goes_on(older):
    writer = writer_of(older, "projects")
    write_rows(writer, {"project_id": "1", "city": "Kyiv"})
    older.explain("projects")
    write_rows(writer, {"project_id": "1", "city": "Lviv"}, {"project_id": "2", "city": "Odesa"})
    found = {row["project_id"]: row["city"] for row in stored(older, "projects")}
    assert found == {"1": "Lviv", "2": "Odesa"}
    assert comments(older, "projects")["city"] == "What city is"


def test_one_that_others_write_to_at_the_same_moment_is_explained(older):
    stale = older.open("events")
    write_rows(writer_of(older, "events"), event("a"))
    explain(TOLD, stale)
    assert not older.unexplained("events")
    assert len(stored(older, "events")) == 1


def test_a_table_that_is_not_what_is_declared_is_left_as_it_is(older):
    narrow = evolve(
        TOLD, columns=(TOLD.columns[0], Column("note", LONG, doc="n"), *TOLD.columns[2:])
    )
    store = make_store(older.settings.root, {**SPECS, "events": narrow}, created=False)
    before = store.open("events").version()
    with pytest.raises(TableError, match="'note' is declared"):
        store.explain("events")
    assert store.open("events").version() == before


def test_the_log_holds_them_where_every_reader_looks(tmp_path):
    store = make_store(tmp_path, SPECS)
    (first,) = (tmp_path / "events" / "_delta_log").glob("*0.json")
    actions = [json.loads(line) for line in first.read_text().splitlines()]
    (metadata,) = [each["metaData"] for each in actions if "metaData" in each]
    fields = json.loads(metadata["schemaString"])["fields"]
    assert fields[0]["metadata"] == {"comment": "What event_id is"}
    assert store.open("events").version() == 0
