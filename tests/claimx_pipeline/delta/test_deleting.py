"""Rows are deleted beside writers: those that are meant, and no other, whatever happens."""

import asyncio
import threading

import pyarrow as pa
import pytest
from deltalake import DeltaTable
from deltalake.transaction import AddAction

from claimx_pipeline.delta import deleting
from claimx_pipeline.delta.deleting import Deleting
from claimx_pipeline.delta.maintenance import Maintenance
from claimx_pipeline.delta.selection import Among, Older
from claimx_pipeline.errors import TableError
from tests.rigs.delta_tables import (
    acquired,
    event,
    make_store,
    minutes,
    said,
    send,
    stored,
    write,
    writer_of,
)


@pytest.fixture
def store(tmp_path):
    return make_store(tmp_path)


def project(number, city="Ulm", at=0):
    return {"project_id": f"{number}", "city": city, "answered_at": minutes(at)}


def deletion(store, name):
    return Deleting(store.location(name), store.spec(name))


def of_projects(store, *ids):
    return Among.of(store.spec("projects"), "project_id", ids)


def ids(store, name, column):
    return sorted(row[column] for row in stored(store, name))


def test_exactly_the_rows_that_are_meant_go(store):
    write(writer_of(store, "projects"), *(project(number) for number in range(200)))
    before = said(store, "projects")
    work = deletion(store, "projects")
    meant = of_projects(store, "7", "70", "700")
    assert work.count(meant).rows == 2
    found = deletion(store, "projects").delete(meant)
    assert (found.rows, found.files) == (2, 2)
    assert said(store, "projects") == type(before)(
        {row: count for row, count in before.items() if not {"7", "70"} & {*map(str, row)}}
    )
    assert deletion(store, "projects").delete(meant).rows == 0


def test_what_is_deleted_is_not_in_the_way_of_what_comes_next(store):
    """The writer that still knows the key merges into nothing; compaction keeps the layout."""
    writer = writer_of(store, "projects")
    write(writer, *(project(number) for number in range(50)))
    deletion(store, "projects").delete(of_projects(store, "7"))
    assert writer.reload()
    assert write(writer, project(7, "Bonn", at=1)).written == 1
    assert write(writer, project(8, "Bonn", at=1)).written == 1
    Maintenance(store.location("projects"), spec=store.spec("projects")).compact()
    cities = {row["project_id"]: row["city"] for row in stored(store, "projects")}
    assert len(cities) == 50
    assert cities["7"] == cities["8"] == "Bonn"


def test_a_file_of_which_all_rows_go_is_not_read(store, monkeypatch):
    write(writer_of(store, "events"), *(event(f"e{n}", minutes(n)) for n in range(5)))
    write(writer_of(store, "events"), *(event(f"l{n}", minutes(60 + n)) for n in range(5)))
    monkeypatch.setattr(deleting.TableFiles, "opened", None)
    assert deletion(store, "events").delete(Older("at", minutes(30))).rows == 5
    assert ids(store, "events", "event_id") == [f"l{n}" for n in range(5)]


def test_what_a_writer_brings_meanwhile_goes_too(store, monkeypatch):
    """It commits between the files of the deletion and their commit."""
    writer = writer_of(store, "events")
    write(writer, event("old", minutes(0)), event("new", minutes(60)))
    real = Deleting._without

    def overtaken(self, *args):
        made = real(self, *args)
        monkeypatch.setattr(Deleting, "_without", real)
        write(writer_of(store, "events"), event("late", minutes(1)), event("newer", minutes(61)))
        return made

    monkeypatch.setattr(Deleting, "_without", overtaken)
    found = deletion(store, "events").delete(Older("at", minutes(30)))
    assert found.rows == 2
    assert ids(store, "events", "event_id") == ["new", "newer"]
    assert writer.reload()
    assert write(writer, event("last", minutes(62))).written == 1


def test_a_compaction_that_is_faster_makes_it_begin_again(store, monkeypatch):
    for number in range(6):
        write(writer_of(store, "events"), event(f"e{number}", minutes(number * 10)))
    real = DeltaTable.create_write_transaction

    def overtaken(self, *args, **kwargs):
        monkeypatch.setattr(DeltaTable, "create_write_transaction", real)
        Maintenance(store.location("events"), spec=store.spec("events")).compact()
        return real(self, *args, **kwargs)

    monkeypatch.setattr(DeltaTable, "create_write_transaction", overtaken)
    assert deletion(store, "events").delete(Older("at", minutes(30))).rows == 3
    assert ids(store, "events", "event_id") == ["e3", "e4", "e5"]


async def test_rows_go_while_writers_and_a_compaction_are_at_work(store):
    """Two writers, a compaction and a deletion; no row is lost, doubled or left."""
    write(writer_of(store, "projects"), *(project(n) for n in range(0, 400, 4)))
    stop = threading.Event()

    async def writing(seed):
        sink = await acquired(store, "projects")
        for round_ in range(12):
            rows = (project(n, f"{seed}", at=1 + round_) for n in range(seed, 400, 20))
            await send(sink, *rows)
        await sink.close()

    def compacting():
        while not stop.is_set():
            Maintenance(store.location("projects"), spec=store.spec("projects")).compact()

    busy = asyncio.create_task(asyncio.to_thread(compacting))
    writers = asyncio.gather(writing(1), writing(2))
    gone = [f"{n}" for n in range(0, 400, 4)]
    work = deletion(store, "projects")
    deleted = await asyncio.to_thread(work.delete, of_projects(store, *gone))
    await writers
    stop.set()
    await busy
    assert deleted.rows == len(gone)
    found = ids(store, "projects", "project_id")
    assert found == sorted(f"{n}" for seed in (1, 2) for n in range(seed, 400, 20))


def test_a_table_that_only_grows_says_so(store):
    write(writer_of(store, "events"), event("e", minutes(0)))
    store.open("events").alter.set_table_properties({"delta.appendOnly": "true"})
    with pytest.raises(TableError, match=r"delta\.appendOnly is set, so no row can be deleted"):
        deletion(store, "events").delete(Older("at", minutes(30)))


def test_a_file_named_by_others_is_not_guessed_at(store, tmp_path):
    table = store.open("templates")
    add = AddAction("s3://elsewhere/a.parquet", 1, {}, 0, True, "{}")
    table.create_write_transaction([add], "append", table.schema())
    meant = Among("title", frozenset({"x"}))
    with pytest.raises(TableError, match="not named by a plain relative path"):
        deletion(store, "templates").delete(meant)


def test_rows_without_the_value_stay(store):
    write(writer_of(store, "events"), event("e", minutes(0)), event("f", minutes(0), note="x"))
    found = deletion(store, "events").delete(Among("note", frozenset({"x"})))
    assert found.rows == 1
    assert ids(store, "events", "event_id") == ["e"]
    assert pa.table(store.open("events").get_add_actions(flatten=True)).num_rows == 1


@pytest.mark.parametrize("name", ["events", "projects"])
async def test_a_writer_whose_files_are_deleted_reads_the_newest_version(store, name):
    """Rows and old files go while it does nothing; its next batch does not fail once."""
    row = {
        "events": lambda n: event(f"e{n}", minutes(n)),
        "projects": lambda n: project(n, at=n),
    }[name]
    sink = await acquired(store, name)
    await send(sink, *(row(n) for n in range(20)))
    meant = {"events": Older("at", minutes(5)), "projects": of_projects(store, "1", "2")}[name]
    assert deletion(store, name).delete(meant).rows
    Maintenance(store.location(name), spec=store.spec(name)).vacuum(0)
    again = await send(sink, *(row(n) for n in range(10, 30)))
    assert again.written == 10
    await sink.close()
