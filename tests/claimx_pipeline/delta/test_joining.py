"""Small files joined: the same rows, values and statistics, whatever others commit meanwhile."""

import json
import logging
import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, date, datetime
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from deltalake import CommitProperties, DeltaTable, write_deltalake
from deltalake.exceptions import CommitFailedError

from claimx_pipeline.delta import joining
from claimx_pipeline.delta.location import TableLocation
from claimx_pipeline.delta.maintenance import Maintenance
from claimx_pipeline.delta.small_files import TARGET_BYTES, SmallFile, SmallFiles
from claimx_pipeline.delta.writing.files import TableFiles
from claimx_pipeline.delta.writing.layout import DataFile
from claimx_pipeline.delta.writing.paths import logged, stored
from tests.rigs.changed_tables import mark_first_row_deleted, switch_on
from tests.rigs.delta_tables import (
    acquired,
    append_from_elsewhere,
    event,
    make_store,
    place,
    said,
    send_range,
)
from tests.rigs.delta_tables import stored as rows_in

JOINED = 3
DAY = (("day", "2026-01-12"),)


@pytest.fixture
def store(tmp_path):
    return make_store(tmp_path)


def append(store, first, last):
    for number in range(first, last):
        append_from_elsewhere(store, "events", event(f"{number}"))


def compacted(store, name="events"):
    return Maintenance(store.location(name), spec=store.spec(name)).compact()


def ids(store):
    return sorted(row["event_id"] for row in rows_in(store, "events"))


def overtaken(monkeypatch, theirs):
    """Let *theirs* happen between the writing of files and their commit."""
    real = joining.Joining._joined

    def write_then_be_overtaken(self, group, partition):
        made = real(self, group, partition)
        monkeypatch.setattr(joining.Joining, "_joined", real)
        theirs()
        return made

    monkeypatch.setattr(joining.Joining, "_joined", write_then_be_overtaken)


def last_commit(table):
    path = Path(
        table.table_uri.removeprefix("file://"), "_delta_log", f"{table.version():020}.json"
    )
    return [json.loads(line) for line in path.read_text().splitlines()]


def test_two_that_have_both_written_their_files_double_no_row(store, monkeypatch):
    """Two compactions and a writer, each at the same version, each ready to commit."""
    append(store, 0, 4)
    ready, real = threading.Barrier(3), DeltaTable.create_write_transaction
    waited = threading.local()

    def meet(self, *args, **options):
        if not getattr(waited, "once", False):
            waited.once = True
            ready.wait(30)
        return real(self, *args, **options)

    def write():
        table = store.open("events")
        row = pa.Table.from_pylist([event("late")], schema=store.spec("events").schema())
        ready.wait(30)
        while True:
            try:
                return write_deltalake(table, row, mode="append")
            except CommitFailedError:  # as a writer does that a compaction has overtaken
                table.update_incremental()

    monkeypatch.setattr(DeltaTable, "create_write_transaction", meet)
    with ThreadPoolExecutor(3) as pool:
        work = [pool.submit(compacted, store), pool.submit(compacted, store), pool.submit(write)]
        done = [each.result(60) for each in work]
    assert [each.busy for each in done[:2]] == [0, 0]
    assert ids(store) == ["0", "1", "2", "3", "late"]


def test_an_append_in_between_costs_a_commit_and_no_file(store, monkeypatch, tmp_path):
    append(store, 0, 4)
    overtaken(monkeypatch, lambda: append(store, 4, 6))
    assert compacted(store).after.files == JOINED
    assert ids(store) == [*"012345"]
    assert len(list(tmp_path.glob("events/day=*/*.zstd.parquet"))) == 1


def test_an_optimize_in_between_loses_and_doubles_no_row(store, monkeypatch):
    append(store, 0, 4)
    overtaken(monkeypatch, store.open("events").optimize.compact)
    done = compacted(store)
    assert (done.after.files, done.busy) == (1, 0)
    assert ids(store) == [*"0123"]


def test_a_delete_in_between_is_not_undone(store, monkeypatch):
    append(store, 0, 4)
    overtaken(monkeypatch, lambda: store.open("events").delete("event_id = '2'"))
    assert compacted(store).after.files == 1
    assert ids(store) == [*"013"]


def test_an_optimize_that_was_overtaken_is_refused(store):
    append(store, 0, 4)
    stale = store.open("events")
    assert compacted(store).compacted == 1
    with pytest.raises(CommitFailedError):
        stale.optimize.compact()
    assert ids(store) == [*"0123"]


async def test_a_writer_goes_on_with_its_positions_and_is_not_fenced(store):
    sink = await acquired(store, "events", place())
    for first in (0, 2, 4):
        await send_range(sink, first, first + 2)
    assert compacted(store).compacted == 1
    assert (await send_range(sink, 4, 8)).written == 2
    await sink.close()
    again = store.sink("events", "group")
    await again.open()
    found = await again.acquire([place()])
    await again.close()
    assert found.positions.offsets == {place(): 8}
    assert len(ids(store)) == 8


def everything(count):
    """Return rows with a column of every type, nulls in each."""
    numbers = range(count)
    at = [None if n % 5 == 0 else datetime(2026, 1, 12, 1, 2, n % 60, 345678, UTC) for n in numbers]
    return pa.table(
        {
            "part": pa.array(["a b/ü%"] * count),
            "flag": pa.array([n % 2 == 0 for n in numbers]),
            "small": pa.array([n - 3 for n in numbers], pa.int16()),
            "double": pa.array([n / 2 for n in numbers]),
            "odd": pa.array([float("nan")] * count),
            "text": pa.array([None if n == 1 else f"t{n}" for n in numbers]),
            "long": pa.array(["x" * 300] * count),
            "at": pa.array(at, pa.timestamp("us", "UTC")),
            "local": pa.array([0] * count, pa.timestamp("us")),
            "day": pa.array([date(2026, 1, 1 + n % 28) for n in numbers]),
            "price": pa.array(list(numbers), pa.decimal128(10, 2)),
            "raw": pa.array([b"x"] * count),
            "many": pa.array([[n, None] for n in numbers], pa.list_(pa.int64())),
            "nested": pa.array(
                [{"x": n, "y": None} for n in numbers],
                pa.struct([("x", pa.int64()), ("y", pa.string())]),
            ),
        }
    )


def test_values_types_nulls_and_statistics_are_the_same(tmp_path):
    uri = str(tmp_path / "t")
    rows = everything(40)
    for at in range(0, 40, 8):
        part = rows.slice(at, 8)
        if at:  # the first file is of a time before this column
            part = part.append_column("later", pa.array(["l"] * 8))
        write_deltalake(
            uri, part, mode="append", partition_by=["part", "flag"], schema_mode="merge"
        )
    before = DeltaTable(uri)
    assert Maintenance(TableLocation("t", uri)).compact().after.files == 2
    after = DeltaTable(uri)
    assert values(after) == values(before)
    assert after.schema() == before.schema()
    (part,) = {each["part"] for each in after.partitions()}
    assert part == "a b/ü%"
    (found,) = (each for each in files(after) if each["partition.flag"])
    assert found["num_records"] == 20
    assert (found["min.small"], found["max.small"]) == (-3, 35)
    assert (found["min.double"], found["max.double"]) == (0, 19)
    assert (found["min.text"], found["max.text"]) == ("t0", "t8")
    assert found["null_count.text"] == 0
    assert (found["null_count.at"], found["null_count.later"]) == (4, 4)
    assert found["min.day"] == date(2026, 1, 1)
    assert found["max.at"] >= datetime(2026, 1, 12, 1, 2, 38, 345678, UTC)
    assert found.get("max.odd") is None
    assert found.get("max.long") is None


def values(table):
    rows = table.to_pyarrow_table().sort_by([("small", "ascending")])
    odd = rows["odd"].to_pylist()
    assert all(number != number for number in odd)  # noqa: PLR0124 - so is NaN
    return rows.drop_columns(["odd"]).to_pylist(), len(odd)


def files(table):
    return pa.table(table.get_add_actions(flatten=True)).to_pylist()


def test_a_partition_is_joined_in_files_of_the_size_aimed_at():
    half = TARGET_BYTES // 2
    sizes = (half, half, 9, half, half, half, TARGET_BYTES - 1)
    found = SmallFiles((), tuple(SmallFile(str(n), size, n) for n, size in enumerate(sizes)))
    groups = [[file.path for file in group] for group in found.groups()]
    assert groups == [["0", "1"], ["2", "3"], ["4", "5"]]


def test_rows_are_read_and_written_a_piece_at_a_time(store, monkeypatch):
    append(store, 0, 6)
    monkeypatch.setattr(joining, "PIECE_BYTES", 1)
    before = said(store, "events")
    assert compacted(store).after.files == 1
    (path,) = store.open("events").file_uris()
    assert pq.ParquetFile(path).num_row_groups == 6
    assert said(store, "events") == before


@pytest.mark.parametrize("name", ["delta.appendOnly", "delta.enableChangeDataFeed"])
def test_a_table_that_forbids_to_remove_rows_is_joined_without_saying_so(store, name):
    append(store, 0, 4)
    store.open("events").alter.set_table_properties({name: "true"})
    stale = store.open("events")
    assert compacted(store).after.files == 1
    removed = [each["remove"] for each in last_commit(store.open("events")) if "remove" in each]
    assert [each["dataChange"] for each in removed] == [False] * 4
    joined = joining.Joining.of(stale, store.location("events"))
    with pytest.raises(CommitFailedError):
        joined.join(DAY, CommitProperties(max_commit_retries=0))
    assert ids(store) == [*"0123"]


def test_constraints_and_spare_features_forbid_nothing(store):
    append(store, 0, 4)
    store.open("events").alter.add_constraint({"named": "event_id <> ''"})
    switch_on(store, "events", "deletionVectors", reader=True)
    assert compacted(store).after.files == 1
    assert ids(store) == [*"0123"]


def test_a_keyed_table_that_is_merged_is_joined_as_well(store):
    for key in ("1000015", "1000022"):
        append_from_elsewhere(store, "projects", {"project_id": key, "_bucket": 3})
    store.open("projects").alter.add_constraint({"named": "project_id <> ''"})
    stale = store.open("projects")
    assert compacted(store, "projects").after.files == 1
    joined = joining.Joining.of(stale, store.location("projects"))
    with pytest.raises(CommitFailedError):
        joined.join((("_bucket", "3"),), CommitProperties(max_commit_retries=0))
    assert len(rows_in(store, "projects")) == 2


@pytest.mark.parametrize("when", ["before", "meanwhile"])
def test_rows_that_a_vector_deletes_stay_deleted(store, monkeypatch, when):
    """A file of which rows are marked as deleted is neither read nor removed."""
    append(store, 0, 4)
    switch_on(store, "events", "deletionVectors", reader=True)
    marked = Path(store.open("events").file_uris()[0]).name
    if when == "before":
        mark_first_row_deleted(store, "events", marked)
    else:
        overtaken(monkeypatch, lambda: mark_first_row_deleted(store, "events", marked))
    assert compacted(store).after.files == 2
    assert marked in {Path(uri).name for uri in store.open("events").file_uris()}
    assert len(ids(store)) == 3


def test_long_rows_are_read_a_few_at_a_time(store):
    append_from_elsewhere(
        store, "events", *(event(f"{n}", note=f"{n}" * 2**20) for n in range(10, 50))
    )
    (path,) = store.open("events").file_uris()
    files = TableFiles.of(store.open("events"), store.location("events"), ())
    relative = f"day=2026-01-12/{Path(path).name}"
    with files.opened(DataFile(relative, None, None, Path(path).stat().st_size)) as opened:
        counts = [len(batch) for batch in opened.batches()]
    assert counts == [7, 7, 7, 7, 7, 5]


def test_what_forbids_it_is_said_and_the_files_stay(tmp_path, caplog):
    uri = str(tmp_path / "t")
    for number in range(4):
        rows = pa.table({"price": pa.array([1.5]), "x": [number]})
        write_deltalake(uri, rows, mode="append", partition_by=["price"])
    with caplog.at_level(logging.WARNING):
        done = Maintenance(TableLocation("t", uri)).maintain()
    assert (done.compacted, done.after.files) == (0, 4)
    assert (
        "table 't': its small files are left as they are: it is partitioned by price" in caplog.text
    )
    assert done.checkpoint == 3


def test_a_path_that_deltalake_would_write_otherwise_is_left_alone():
    assert stored("p=a%2520b/part.parquet") == "p=a%20b/part.parquet"
    assert logged("p=a%20b/part.parquet") == "p=a%2520b/part.parquet"
    for path in ("/tmp/part", "s3://b/part", "p=%c3%bc/part", "p=ü/part", "p=a%41/part"):
        assert stored(path) is None
