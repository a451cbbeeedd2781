"""What others commit between the reading of files and the commit that replaces them."""

from pathlib import Path

import pytest
from deltalake.exceptions import CommitFailedError

from claimx_pipeline.delta.faults import TableFencedError
from claimx_pipeline.delta.writing import merge
from claimx_pipeline.delta.writing.rewriting import Rewriting
from tests.fakes.hasty_clock import HastyClock
from tests.rigs.delta_tables import (
    NOON,
    commit,
    make_store,
    minutes,
    prepare,
    stored,
    write,
    writer_of,
)
from tests.rigs.keyed_tables import in_bucket, project


@pytest.fixture
def store(tmp_path):
    return make_store(tmp_path, clock=HastyClock(NOON))


@pytest.fixture
def writer(store):
    return writer_of(store, "projects")


def left_behind(store):
    """Return data files that no version has ever had."""
    folder = Path(store.location("projects").uri)
    log = "".join(file.read_text() for file in (folder / "_delta_log").glob("*.json"))
    return [file for file in folder.rglob("part-*.parquet") if file.name not in log]


def test_a_commit_to_other_buckets_in_between_costs_a_commit_and_no_file(store, writer):
    (one,), (other,) = in_bucket(3, 1), in_bucket(4, 1)
    write(writer, project(one, city="Bern"), project(other, city="Bern"))
    late = writer_of(store, "projects")
    late.handle.table()
    for at in range(1, 4):
        write(writer, project(one, minutes(at), city=f"{at}"))
    assert write(late, project(other, minutes(1), city="Chur")).written == 1
    assert left_behind(store) == []
    assert sorted(row["city"] for row in stored(store, "projects")) == ["3", "Chur"]


def overtaken(monkeypatch, theirs):
    """Let *theirs* happen between writing files and their commit."""
    real = Rewriting.write

    def write_then_be_overtaken(self, keys, rows):
        made = real(self, keys, rows)
        monkeypatch.setattr(Rewriting, "write", real)
        theirs()
        return made

    monkeypatch.setattr(Rewriting, "write", write_then_be_overtaken)


def test_a_change_of_the_table_in_between_is_looked_at_first(store, writer, monkeypatch):
    one = in_bucket(3, 1)[0]
    write(writer, project(one, rooms=1))
    prepared = prepare(writer, project(one, minutes(1), rooms=10))
    overtaken(
        monkeypatch, lambda: store.open("projects").alter.add_constraint({"few": "rooms < 9"})
    )
    with pytest.raises(CommitFailedError, match="changed meanwhile"):
        commit(writer, prepared)
    writer.reload()
    assert "breaks constraint 'few'" in commit(writer, prepared).refused[0][1]
    assert [row["rooms"] for row in stored(store, "projects")] == [1]


def test_a_restore_in_between_that_leaves_the_bucket_alone_fences(store, writer, monkeypatch):
    (one,), (other,) = in_bucket(3, 1), in_bucket(4, 1)
    write(writer, project(one, city="Bern"))
    write(writer, project(other, city="Bern"))
    prepared = prepare(writer, project(one, minutes(1), city="Basel"))
    overtaken(monkeypatch, lambda: store.open("projects").restore(1))
    held = writer.acquire(()).positions
    with pytest.raises(TableFencedError, match="version 3 has restored"):
        writer.commit(prepared, merge.Claim(held))


def test_a_commit_that_was_reported_as_failed_and_is_in_is_found(store, writer, monkeypatch):
    """As when the answer of an object store is lost and the request is sent again."""
    keys = in_bucket(3, 2)
    write(writer, project(keys[0], city="Bern"))
    table = type(writer.handle.table())
    real = table.create_write_transaction

    def lose_the_answer(self, *args, **options):
        real(self, *args, **options)
        monkeypatch.setattr(table, "create_write_transaction", real)
        raise CommitFailedError("already there")

    monkeypatch.setattr(table, "create_write_transaction", lose_the_answer)
    assert write(writer, project(keys[1], city="Chur")).written == 1
    assert sorted(row["city"] for row in stored(store, "projects")) == ["Bern", "Chur"]
    assert store.open("projects").version() == 2
