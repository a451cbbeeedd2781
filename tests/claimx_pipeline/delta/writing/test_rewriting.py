"""Copy-on-write: exactly the files hit, and the same rows as MERGE."""

import json
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from attrs import evolve
from deltalake import write_deltalake

from claimx_pipeline.delta.faults import TableUnusableError
from claimx_pipeline.delta.writing import layout, rewriting
from claimx_pipeline.delta.writing.merging import Merging
from claimx_pipeline.delta.writing.rewriting import Rewriting
from tests.fakes.hasty_clock import HastyClock
from tests.rigs.delta_tables import (
    NOON,
    PROJECTS,
    append_from_elsewhere,
    make_store,
    minutes,
    stored,
    write,
    writer_of,
)
from tests.rigs.keyed_tables import actions, between, compacted, in_bucket, paths, project


@pytest.fixture
def store(tmp_path):
    return make_store(tmp_path, clock=HastyClock(NOON))


@pytest.fixture
def writer(store):
    return writer_of(store, "projects")


@pytest.fixture
def only_rewriting(monkeypatch):
    """Fail where the engine's MERGE would be used."""
    monkeypatch.setattr(Merging, "write", None)
    monkeypatch.setattr(Merging, "read", None)


@pytest.fixture
def ten_thousand(store, writer, only_rewriting):
    """10,000 rows in one bucket, laid out."""
    keys = in_bucket(3, 10_000)
    write(writer, *(project(key, city="Bern") for key in keys))
    return sorted(keys)


def test_rows_are_laid_out_in_files_of_thousands_sorted_by_key(store, ten_thousand):
    found = sorted(actions(store), key=lambda each: each["min.project_id"])
    assert [each["num_records"] for each in found] == [2000] * 5
    assert [each["min.project_id"] for each in found] == ten_thousand[::2000]
    assert [each["max.project_id"] for each in found] == ten_thousand[1999::2000]
    for each in found:
        rows = pq.ParquetFile(Path(store.location("projects").uri, each["path"])).read()
        assert rows["project_id"].to_pylist() == sorted(rows["project_id"].to_pylist())


def test_exactly_the_file_that_holds_the_key_is_rewritten(store, writer, ten_thousand):
    before = paths(store)
    write(writer, project(ten_thousand[4100], minutes(1), city="Basel"))
    after = paths(store)
    assert (len(before - after), len(after - before)) == (1, 1)
    assert store.facts("projects").rows == 10_000
    changed = [row["project_id"] for row in stored(store, "projects") if row["city"] == "Basel"]
    assert changed == [ten_thousand[4100]]


def test_a_new_key_joins_the_file_of_its_range_only_if_that_is_rewritten_anyway(
    store, writer, ten_thousand
):
    new = between(ten_thousand[20], 3)
    before = paths(store)
    write(writer, project(new[0]))
    assert len(paths(store) - before) == 1
    assert before < paths(store)
    before = paths(store)
    write(writer, project(ten_thousand[20], minutes(1), city="x"), project(new[1]))
    write(writer, project(ten_thousand[20], minutes(2), city="y"), project(new[2]))
    assert store.facts("projects").files == len(before)
    assert store.facts("projects").rows == 10_003


def test_many_small_files_of_a_bucket_are_joined_by_the_commit_that_adds_one(store, writer):
    keys = in_bucket(3, 40)
    for key in keys:
        write(writer, project(key, city="Bern"))
        assert store.facts("projects").files <= rewriting.MOST_SMALL
    assert store.facts("projects").rows == 40


def test_a_file_that_grows_is_cut(store, writer, ten_thousand):
    low, high = ten_thousand[0], ten_thousand[1999]
    more = between(low, 2500)
    assert low < more[-1] < high
    write(writer, project(low, minutes(1), city="Basel"), *(project(key) for key in more))
    sizes = sorted(each["num_records"] for each in actions(store))
    assert sizes == [1500] * 3 + [2000] * 4


def test_the_log_has_the_bounds_of_keys_and_times_to_the_safe_side(store, writer):
    late = NOON.replace(microsecond=123_456)
    write(writer, project("a", late), project("a" * 300, NOON))
    in_log = [
        json.loads(line)["add"]["stats"]
        for line in Path(store.location("projects").uri, "_delta_log", f"{1:020}.json")
        .read_text()
        .splitlines()
        if "add" in json.loads(line)
    ]
    by_size = [json.loads(each) for each in in_log]
    (short,) = [each for each in by_size if each["minValues"].get("project_id") == "a"]
    assert short["maxValues"]["project_id"] == "a"
    assert short["minValues"]["answered_at"].endswith("T12:00:00.123Z")
    assert short["maxValues"]["answered_at"].endswith("T12:00:00.124Z")
    assert short["nullCount"]["answered_at"] == 0
    # A text of 300 characters is not kept in the log: its file is always looked at.
    assert [each for each in by_size if "project_id" not in each["minValues"]]
    assert write(writer_of(store, "projects"), project("a" * 300, late, city="x")).written == 1
    assert len(stored(store, "projects")) == 2


def test_rows_of_others_without_a_key_stay(tmp_path, only_rewriting):
    columns = tuple(evolve(column, nullable=True) for column in PROJECTS.columns)
    store = make_store(tmp_path, {"projects": evolve(PROJECTS, columns=columns)})
    key = in_bucket(0, 1)[0]
    rows = [{"project_id": None, "city": "x", "_bucket": 0}, {"project_id": key, "_bucket": 0}]
    append_from_elsewhere(store, "projects", *rows)
    writer = writer_of(store, "projects")
    write(writer, project(key, city="Bern"))
    assert sorted(row["city"] for row in stored(store, "projects")) == ["Bern", "x"]
    write(writer, *(project(other) for other in in_bucket(0, 20_000)))
    compacted(store)
    assert [row["city"] for row in stored(store, "projects") if not row["project_id"]] == ["x"]


@pytest.mark.parametrize(
    ("properties", "reason"),
    [
        ({"delta.enableChangeDataFeed": "true"}, "delta.enableChangeDataFeed is set"),
        ({"delta.constraints.rooms": "rooms < 9"}, "it has a rule, constraint 'rooms'"),
    ],
)
def test_what_the_engine_has_to_check_is_left_to_it(store, monkeypatch, properties, reason):
    writer = writer_of(store, "projects")
    write(writer, project("1", city="Bern", rooms=1))
    assert store.way_of_writing("projects") == "copy-on-write"
    table = store.open("projects")
    if "delta.constraints.rooms" in properties:
        table.alter.add_constraint({"rooms": "rooms < 9"})
    else:
        table.alter.set_table_properties(properties)
    writer.reload()
    monkeypatch.setattr(Rewriting, "write", None)
    assert write(writer, project("1", minutes(1), city="Basel")).written == 1
    assert store.way_of_writing("projects").startswith(f"MERGE: {reason}")
    assert [row["city"] for row in stored(store, "projects")] == ["Basel"]


def test_a_table_partitioned_by_more_is_merged(tmp_path, monkeypatch):
    store = make_store(tmp_path, {"projects": evolve(PROJECTS, partition_by=("city",))})
    monkeypatch.setattr(Rewriting, "write", None)
    writer = writer_of(store, "projects")
    write(writer, project("1", city="Bern"))
    write(writer, project("1", minutes(1), city="Basel"))
    assert [row["city"] for row in stored(store, "projects")] == ["Basel"]
    assert "partitioned by city" in store.way_of_writing("projects")


@pytest.fixture
def as_before(store):
    """A bucket of 20,000 rows in one file, as the engine's compaction makes it."""
    keys = in_bucket(3, 20_000)
    schema = store.spec("projects").schema()
    rows = [{"project_id": key, "city": "Bern", "answered_at": NOON, "_bucket": 3} for key in keys]
    write_deltalake(
        store.open("projects"), pa.Table.from_pylist(rows, schema=schema), mode="append"
    )
    assert store.facts("projects").files == 1
    return keys


def test_a_large_file_of_an_older_version_is_merged_until_it_is_compacted(
    store, as_before, monkeypatch
):
    told = store.way_of_writing("projects")
    assert "1 of 1 files are hit" in told
    assert "has 20000 rows, more than 16000" in told
    assert "'claimx-run tables compact projects'" in told
    writer = writer_of(store, "projects")
    rewrite = Rewriting.write
    monkeypatch.setattr(Rewriting, "write", None)
    assert write(writer, project(as_before[7], minutes(1), city="Basel")).written == 1
    monkeypatch.setattr(Rewriting, "write", rewrite)
    assert compacted(store).after.files == 9
    assert store.way_of_writing("projects") == "copy-on-write"
    monkeypatch.setattr(Merging, "write", None)
    writer.reload()
    assert write(writer, project(as_before[8], minutes(1), city="Basel")).written == 1
    found = stored(store, "projects")
    assert len(found) == 20_000
    assert sum(row["city"] == "Basel" for row in found) == 2


def test_compaction_sorts_what_overlaps_and_then_leaves_it_alone(store, only_rewriting):
    writer = writer_of(store, "projects")
    keys = in_bucket(3, 9_000)
    for turn in range(3):
        write(writer, *(project(key, city=str(turn)) for key in keys[turn::3]))
    assert store.facts("projects").files == 3
    done = compacted(store)
    assert done.compacted == 1
    sizes = [each["num_records"] for each in actions(store)]
    assert sum(sizes) == 9_000
    assert all(layout.FEWEST_ROWS <= size <= layout.MOST_ROWS for size in sizes)
    ends = sorted((each["min.project_id"], each["max.project_id"]) for each in actions(store))
    assert [end for pair in ends for end in pair] == sorted(end for pair in ends for end in pair)
    version = store.open("projects").version()
    assert compacted(store).compacted == 0
    assert store.open("projects").version() == version


def test_a_compaction_adds_no_data_for_those_who_follow_the_log(store, as_before):
    compacted(store)
    log = Path(store.location("projects").uri, "_delta_log", f"{2:020}.json").read_text()
    added = [each["add"] for line in log.splitlines() if "add" in (each := json.loads(line))]
    assert [each["dataChange"] for each in added] == [False] * 9


def test_a_file_that_cannot_be_read_is_a_failure_of_the_table(store, writer, ten_thousand):
    for uri in store.open("projects").file_uris():
        Path(uri).write_bytes(b"PAR1 torn")
    with pytest.raises(TableUnusableError, match="part-.* cannot be read"):
        write(writer_of(store, "projects"), project(ten_thousand[5], minutes(1), city="x"))


def test_rows_that_do_not_fit_in_memory_together_are_read_again(store, ten_thousand, monkeypatch):
    monkeypatch.setattr(rewriting, "KEPT_BYTES", 1)
    writer = writer_of(store, "projects")
    assert write(writer, *(project(key, minutes(1), city="x") for key in ten_thousand[::500]))
    found = stored(store, "projects")
    assert len(found) == 10_000
    assert sum(row["city"] == "x" for row in found) == 20
