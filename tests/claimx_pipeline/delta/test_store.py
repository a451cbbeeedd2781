import json

import pytest
from attrs import evolve
from deltalake import DeltaTable

from claimx_pipeline.delta.spec import LONG, STRING, Column
from claimx_pipeline.errors import TableError
from claimx_pipeline.settings.secret import Secret
from tests.rigs.delta_tables import (
    EVENTS,
    GROUP,
    PROJECTS,
    SPECS,
    acquired,
    event,
    make_store,
    send,
    write,
    writer_of,
)


def test_create_makes_a_table_once(tmp_path):
    store = make_store(tmp_path, created=False)
    assert not store.exists("events")
    assert store.create("events")
    assert store.exists("events")
    assert not store.create("events")


@pytest.mark.incident("DEL-05")
def test_a_new_table_has_its_partitions_and_properties(tmp_path):
    store = make_store(tmp_path)
    metadata = store.open("projects").metadata()
    assert metadata.partition_columns == ["_bucket"]
    assert metadata.configuration == {
        "delta.checkpointInterval": "20",
        "delta.dataSkippingStatsColumns": "project_id,answered_at,file_name_at,created_at,updated_at",
        "claimx.logCommits": "400",
        "claimx.buckets": "16",
    }
    assert store.open("events").metadata().partition_columns == ["day"]


@pytest.mark.incident("DEL-05")
async def test_files_lie_under_the_configured_partition(tmp_path):
    store = make_store(tmp_path)
    sink = await acquired(store, "events")
    await send(sink, event("a"))
    await sink.close()
    assert len(list((tmp_path / "events" / "day=2026-01-12").glob("*.parquet"))) == 1


@pytest.mark.incident("DEL-08")
async def test_a_missing_table_is_named_and_nothing_is_created(tmp_path):
    store = make_store(tmp_path, created=False)
    how = "table 'events': nothing at .*; create it with 'claimx-run tables create'"
    with pytest.raises(TableError, match=how):
        store.open("events")
    with pytest.raises(TableError, match=how):
        store.check("events")
    sink = store.sink("events", GROUP)
    with pytest.raises(TableError, match=how):
        await sink.open()
    with pytest.raises(TableError, match=how):
        await sink.acquire(())
    await sink.close()
    assert list(tmp_path.iterdir()) == []


def test_an_undeclared_table_is_refused_with_what_is_declared(tmp_path):
    with pytest.raises(
        TableError,
        match="'evnts': is not declared; did you mean 'events'. declared are events, kinds",
    ):
        make_store(tmp_path, created=False).location("evnts")


def test_a_place_that_cannot_be_written_is_an_error(tmp_path):
    (tmp_path / "events").write_text("in the way")
    with pytest.raises(TableError, match="'events': cannot be created at"):
        make_store(tmp_path, created=False).create("events")


def test_facts_come_from_the_log(tmp_path):
    store = make_store(tmp_path)
    empty = store.facts("events")
    assert (empty.rows, empty.version, empty.files) == (0, 0, 0)


def changed(spec, *columns, **other):
    return {**SPECS, spec.name: evolve(spec, columns=columns, **other)}


def test_a_new_nullable_column_is_added(tmp_path):
    make_store(tmp_path)
    wider = changed(EVENTS, *EVENTS.columns, Column("colour", STRING))
    store = make_store(tmp_path, wider, created=False)
    assert store.check("events") == ("colour",)
    assert store.check("events") == ()


@pytest.mark.incident("DEL-02")
@pytest.mark.parametrize(
    ("columns", "difference"),
    [
        ((*EVENTS.columns, Column("n", LONG, nullable=False)), "'n' is declared int64 not null and stored not at all"),
        (EVENTS.columns[1:], "'event_id' is declared not at all and stored string not null"),
        ((EVENTS.columns[0], Column("note", LONG), *EVENTS.columns[2:]), "'note' is declared int64 and stored string"),
        ((Column("event_id", STRING), *EVENTS.columns[1:]), "'event_id' is declared string and stored string not null"),
    ],
)  # fmt: skip
def test_any_other_difference_stops_with_both_sides_shown(tmp_path, columns, difference):
    make_store(tmp_path)
    store = make_store(tmp_path, changed(EVENTS, *columns, key=(columns[0].name,)), created=False)
    with pytest.raises(TableError, match=difference):
        store.check("events")
    assert store.open("events").version() == 0


@pytest.mark.incident("DEL-05")
async def test_other_partitions_than_declared_stop_the_start(tmp_path):
    make_store(tmp_path)
    store = make_store(tmp_path, changed(EVENTS, *EVENTS.columns, partition_by=()), created=False)
    sink = store.sink("events", GROUP)
    with pytest.raises(TableError, match=r"partitions are declared \(\) and stored \('day',\)"):
        await sink.open()
    await sink.close()


def test_a_checkpoint_is_written_about_every_twenty_commits(tmp_path):
    writer = writer_of(make_store(tmp_path), "events")
    for number in range(21):
        write(writer, event(str(number)))
    last = json.loads((tmp_path / "events" / "_delta_log" / "_last_checkpoint").read_text())
    assert last["version"] in {19, 20}
    assert DeltaTable(str(tmp_path / "events")).version() == 21


def test_options_stay_secret_in_the_store_s_text(tmp_path):
    store = make_store(tmp_path, created=False, storage_options={"k": Secret("hush")})
    assert "hush" not in repr(store)
    assert PROJECTS.name in store.specs
