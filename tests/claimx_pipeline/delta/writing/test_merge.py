import subprocess
import sys
import textwrap
from itertools import pairwise

import pytest
from attrs import evolve
from deltalake.exceptions import CommitFailedError
from hypothesis import given, settings
from hypothesis import strategies as st

from claimx_pipeline.delta.faults import TableFencedError
from claimx_pipeline.delta.spec import STRING, Column, bucket_of
from claimx_pipeline.delta.writing.fold import Rules
from claimx_pipeline.delta.writing.known import KnownRows
from claimx_pipeline.delta.writing.merge import MergeWriter
from claimx_pipeline.delta.writing.rewriting import Rewriting
from claimx_pipeline.delta.writing.sink import WriteResult
from tests.fakes.hasty_clock import HastyClock
from tests.rigs import processes
from tests.rigs.delta_tables import (
    NOON,
    PROJECTS,
    acquired,
    append_from_elsewhere,
    commit,
    make_store,
    minutes,
    prepare,
    send,
    stored,
    write,
    writer_of,
)


@pytest.fixture
def clock():
    return HastyClock(NOON)


@pytest.fixture
def store(tmp_path, clock):
    return make_store(tmp_path, clock=clock)


@pytest.fixture
def writer(store):
    return writer_of(store, "projects")


def project(number, at=NOON, **values):
    return {"project_id": number, "answered_at": at, **values}


def version(store, name="projects"):
    return store.open(name).version()


def test_a_new_key_is_inserted_whole(store, writer, clock):
    assert write(writer, project("7", city="Bern", rooms=2)) == WriteResult(1)
    (row,) = stored(store, "projects")
    expected = {"project_id": "7", "city": "Bern", "rooms": 2, "answered_at": NOON}
    assert row.items() >= expected.items()
    assert (row["created_at"], row["updated_at"]) == (NOON, NOON)
    assert row["_bucket"] == bucket_of("7")
    assert row["_row_hash"] == Rules(PROJECTS).row_hash(expected)


def test_a_later_answer_updates_the_row_and_keeps_created_at(store, writer, clock):
    write(writer, project("7", city="Bern", rooms=2))
    clock.move(60)
    assert write(writer, project("7", minutes(1), city="Basel")) == WriteResult(1)
    (row,) = stored(store, "projects")
    assert (row["city"], row["rooms"], row["answered_at"]) == ("Basel", 2, minutes(1))
    assert (row["created_at"], row["updated_at"]) == (NOON, minutes(1))


def test_rows_of_one_key_in_a_batch_make_one_row(store, writer):
    batch = [project("7", minutes(n), city=f"city {n}") for n in (1, 3, 2)]
    assert write(writer, *batch) == WriteResult(3)
    (row,) = stored(store, "projects")
    assert (row["city"], row["answered_at"]) == ("city 3", minutes(3))


@pytest.mark.incident("DEL-01")
def test_a_row_without_its_whole_key_is_refused_alone(store, writer):
    found = write(writer, project("1"), project(None, city="?"), {"city": "?"}, project("2"))
    assert found.written == 2
    assert [index for index, _ in found.refused] == [1, 2]
    assert "column 'project_id' (string) is missing" in found.refused[0][1]


def test_a_row_that_lacks_a_required_value_is_refused_unless_the_table_has_it(tmp_path):
    columns = (*PROJECTS.columns, Column("kind", STRING, nullable=False))
    store = make_store(tmp_path, {"projects": evolve(PROJECTS, columns=columns)})
    writer = writer_of(store, "projects")
    found = write(writer, project("1"), project("2", kind="k"), project("1"))
    assert found == WriteResult(
        1, refused=tuple((at, "table 'projects': column 'kind' is missing") for at in (0, 2))
    )
    assert write(writer, project("2", minutes(1), city="Bern")).written == 1
    assert write(writer, project("1", kind="k")).written == 1


@pytest.mark.parametrize("again", ["same writer", "new writer", "forgotten"])
def test_rows_that_change_nothing_make_no_commit(store, writer, again):
    batch = [project(str(n), city="Bern") for n in range(5)]
    write(writer, *batch)
    if again == "new writer":
        writer = writer_of(store, "projects")
    elif again == "forgotten":
        writer.reload()
    later = [{**row, "answered_at": minutes(5)} for row in batch]
    assert write(writer, *later) == WriteResult(0, skipped=5)
    assert version(store) == 1


def test_a_known_row_is_skipped_without_touching_the_table(store, writer, monkeypatch):
    write(writer, project("7", city="Bern", file_name="f", file_name_at=NOON))
    partial = project("7", minutes(1), file_name="answered")
    assert write(writer, partial).skipped == 1
    monkeypatch.setattr(MergeWriter, "_way", None)
    assert (
        write(
            writer, partial, project("7", minutes(2), city="Bern", file_name="f", file_name_at=NOON)
        ).skipped
        == 2
    )


def test_an_answer_that_changed_nothing_still_outdates_an_older_one(store, writer):
    write(writer, project("7", minutes(1), city="Bern"))
    write(writer, project("7", minutes(3), city="Bern"))
    assert write(writer, project("7", minutes(2), city="Basel")).skipped == 1
    assert stored(store, "projects")[0]["city"] == "Bern"


def test_a_merge_rewrites_only_the_buckets_of_its_rows(store, writer):
    write(writer, *(project(str(n), city="Bern") for n in range(200)))
    before = set(store.open("projects").file_uris())
    write(writer, project("7", minutes(1), city="Basel"))
    gone = before - set(store.open("projects").file_uris())
    assert len(gone) == 1
    assert f"_bucket={bucket_of('7')}/" in gone.pop()


def test_new_and_changed_keys_are_written_in_one_commit(store, writer):
    write(writer, project("1", city="Bern"))
    assert (
        write(writer, project("1", minutes(1), city="Basel"), project("2", city="Chur")).written
        == 2
    )
    assert version(store) == 2
    assert sorted(row["city"] for row in stored(store, "projects")) == ["Basel", "Chur"]


def test_more_keys_than_are_listed_in_sql_are_found_as_well(store, writer):
    write(writer, *(project(str(n), city="Bern") for n in range(450)))
    writer.reload()
    changed = [project(str(n), minutes(1), city="Basel" if n % 2 else "Bern") for n in range(500)]
    assert write(writer, *changed) == WriteResult(275, skipped=225)
    assert len(stored(store, "projects")) == 500


@pytest.mark.parametrize("key", ["O'Hara", 'say "x"', "a\\b", "é/:%", "x\ny"])
def test_any_text_is_a_key(store, writer, key):
    write(writer, project(key, city="Bern"))
    writer.reload()
    assert write(writer, project(key, minutes(1), city="Basel")).written == 1
    assert [row["project_id"] for row in stored(store, "projects")] == [key]


def test_a_compound_key_is_compared_whole(tmp_path):
    store = make_store(tmp_path, {"projects": evolve(PROJECTS, key=("project_id", "city"))})
    writer = writer_of(store, "projects")
    write(writer, project("1", city="a", rooms=1), project("1", city="b", rooms=2))
    write(writer, project("1", minutes(1), city="b", rooms=3))
    assert sorted(row["rooms"] for row in stored(store, "projects")) == [1, 3]


def append_theirs(store):
    append_from_elsewhere(store, "templates", {"task_id": 2, "title": "theirs"})


def merge_theirs(store):
    write(writer_of(store, "templates"), {"task_id": 1, "title": "c"}, {"task_id": 2, "title": "c"})


def compact_theirs(store):
    append_from_elsewhere(store, "templates", {"task_id": 3, "title": "x"})
    store.open("templates").optimize.compact()


@pytest.mark.parametrize("theirs", [append_theirs, merge_theirs, compact_theirs])
def test_a_commit_between_reading_and_merging_makes_the_merge_fail(store, monkeypatch, theirs):
    writer = writer_of(store, "templates")
    write(writer, {"task_id": 1, "title": "a"})
    prepared = prepare(writer, {"task_id": 1, "title": "b"}, {"task_id": 2, "title": "b"})
    real = Rewriting.read

    def read_then_be_overtaken(self, keys, columns):
        found = real(self, keys, columns)
        monkeypatch.setattr(Rewriting, "read", real)
        theirs(store)
        return found

    monkeypatch.setattr(Rewriting, "read", read_then_be_overtaken)
    with pytest.raises(CommitFailedError):
        commit(writer, prepared)
    writer.reload()
    commit(writer, prepared)
    found = stored(store, "templates")
    assert {row["task_id"]: row["title"] for row in found}.items() >= {1: "b", 2: "b"}.items()
    assert len(found) == len({row["task_id"] for row in found})


async def test_a_restore_that_a_merge_has_passed_over_is_still_noticed(store):
    """A merge of another bucket goes on top of it, and fails to hide it."""
    (one,), (other,) = in_bucket(3, 1), in_bucket(4, 1)
    sink = await acquired(store, "projects")
    await send(sink, project(one, city="Bern"), project(other, city="Bern"))
    await send(sink, project(one, minutes(1), city="Basel"))
    late = await acquired(store, "projects")
    writer = late._opened()
    await late._run(writer.handle.table)
    store.open("projects").restore(1)
    writer._contended = True
    with pytest.raises(TableFencedError, match="version 3 has restored an older one meanwhile"):
        for at in range(2, 4):
            await send(late, project(other, minutes(at), city=f"Chur {at}"))
    assert (await late.acquire(())).restored == 3
    store.set_positions("projects", (await late.acquire(())).positions)
    assert (await late.acquire(())).restored is None
    await send(late, project(other, minutes(9), city="Genf"))
    await sink.close()
    await late.close()


def in_bucket(bucket, count):
    return [str(n) for n in range(1000) if bucket_of(str(n)) == bucket][:count]


@pytest.mark.parametrize("new", [True, False], ids=["new key", "stored key"])
def test_two_writers_of_one_bucket_conflict(store, writer, new):
    one, other = in_bucket(3, 2)
    write(writer, project(one, city="Bern"))
    late = writer_of(store, "projects")
    late.handle.table()
    write(writer, project(one, minutes(5), city="Basel"))
    prepared = prepare(late, project(other if new else one, minutes(3), city="late"))
    with pytest.raises(CommitFailedError):
        commit(late, prepared)
    late.reload()
    commit(late, prepared)
    found = {row["project_id"]: row["city"] for row in stored(store, "projects")}
    assert found == ({one: "Basel", other: "late"} if new else {one: "Basel"})


def test_writers_of_different_buckets_do_not_conflict_once_contended(store, writer):
    (one,), (other,) = in_bucket(3, 1), in_bucket(4, 1)
    write(writer, project(one, city="Bern"), project(other, city="Bern"))
    late = writer_of(store, "projects")
    late.handle.table()
    write(writer, project(one, minutes(1), city="Basel"))
    assert write(late, project(other, minutes(1), city="Chur")).written == 1
    assert sorted(row["city"] for row in stored(store, "projects")) == ["Basel", "Chur"]


def test_a_writer_that_was_never_told_does_not_skip_what_another_changed(store):
    """A table without buckets has several writers of one key; a new version is noticed."""
    writer, other = writer_of(store, "templates"), writer_of(store, "templates")
    write(writer, {"task_id": 1, "title": "a"})
    write(other, {"task_id": 1, "title": "b"})
    assert write(writer, {"task_id": 1, "title": "a"}).written == 1


ROWS = st.lists(
    st.tuples(
        st.sampled_from(["1", "2"]),
        st.none() | st.integers(0, 6),
        st.fixed_dictionaries(
            {},
            optional={
                "city": st.sampled_from(["a", "b"]),
                "rooms": st.integers(1, 2),
                "file_name": st.sampled_from(["f", "g"]),
                "file_name_at": st.integers(0, 3).map(minutes),
            },
        ),
    ).map(
        lambda found: project(found[0], None if found[1] is None else minutes(found[1]), **found[2])
    ),
    max_size=7,
)


def cut(rows, cuts):
    """Return *rows* in batches, cut at the positions *cuts*."""
    borders = [0, *sorted({min(at, len(rows)) for at in cuts}), len(rows)]
    return [rows[a:b] for a, b in pairwise(borders) if a < b]


def reference(spec, rows):
    """Return the contents that the rules alone make of *rows*."""
    rules, states = Rules(spec), {}
    for row in rows:
        rules.apply(states.setdefault(row["project_id"], {}), row)
    return sorted(map(rules.content, states.values()), key=repr)


def content_of(store, spec=PROJECTS):
    return sorted(map(Rules(spec).content, stored(store, "projects")), key=repr)


@settings(max_examples=25, deadline=None)
@given(ROWS, st.lists(st.integers(0, 7), max_size=4), st.booleans())
def test_how_rows_are_cut_into_batches_makes_no_difference(tmp_path_factory, rows, cuts, bucketed):
    spec = PROJECTS if bucketed else evolve(PROJECTS, bucket_column=None)
    store = make_store(tmp_path_factory.mktemp("t"), {"projects": spec})
    writer = writer_of(store, "projects")
    for batch in cut(rows, cuts):
        write(writer, *batch)
    assert content_of(store, spec) == reference(spec, rows)


@settings(max_examples=20, deadline=None)
@given(ROWS, st.lists(st.integers(0, 7), max_size=4), st.integers(0, 7), st.integers(0, 2))
def test_a_replay_changes_nothing_even_if_all_is_forgotten(
    tmp_path_factory, rows, cuts, start, remembered
):
    """Answers and events in their order, as a worker's partition brings them."""
    rows = [{**row, "answered_at": minutes(n)} for n, row in enumerate(rows)]
    rows = [
        {**row, "file_name_at": minutes(n)} if "file_name_at" in row else row
        for n, row in enumerate(rows)
    ]
    store = make_store(tmp_path_factory.mktemp("t"), {"projects": PROJECTS})
    writer = writer_of(store, "projects")
    writer.known = KnownRows(limit=remembered)
    for batch in cut(rows, cuts):
        write(writer, *batch)
    expected = reference(PROJECTS, rows)
    assert content_of(store) == expected
    write(writer_of(store, "projects"), *rows[start:])
    assert content_of(store) == expected
    for row in rows[start:]:
        write(writer_of(store, "projects"), row)
    assert content_of(store) == expected


@settings(max_examples=15, deadline=None)
@given(ROWS, st.lists(st.booleans(), min_size=7, max_size=7))
def test_two_writers_taking_turns_lose_and_double_nothing(tmp_path_factory, rows, turns):
    """Both keep handle and memory, and neither is told of the other."""
    rows = [{**row, "answered_at": minutes(n)} for n, row in enumerate(rows)]
    spec = evolve(PROJECTS, bucket_column=None)
    store = make_store(tmp_path_factory.mktemp("t"), {"projects": spec})
    writers = [writer_of(store, "projects"), writer_of(store, "projects")]
    for row, turn in zip(rows, turns, strict=False):
        writer = writers[turn]
        prepared = prepare(writer, row)
        try:
            commit(writer, prepared)
        except CommitFailedError:
            writer.reload()
            commit(writer, prepared)
    assert content_of(store, spec) == reference(spec, rows)


PROCESS = """
    import asyncio, sys
    from tests.rigs.delta_tables import acquired, make_store, minutes, send
    from claimx_pipeline.clock import SystemClock

    async def main(folder, seed):
        store = make_store(folder, created=False, clock=SystemClock())
        sink = await acquired(store, "projects")
        for n in range(10):
            at = minutes(n * 3 + seed)
            values = [{"project_id": str(k), "city": f"{n * 3 + seed}", "answered_at": at} for k in range(20)]
            await send(sink, *values)
        await sink.close()

    asyncio.run(main(sys.argv[1], int(sys.argv[2])))
"""


@pytest.mark.incident("DEL-06")
def test_processes_that_merge_the_same_keys_end_with_the_latest_answer(store, tmp_path):
    command = [sys.executable, "-c", textwrap.dedent(PROCESS), str(tmp_path)]
    environ = processes.importing()
    running = [subprocess.Popen([*command, str(seed)], env=environ) for seed in range(3)]
    assert [process.wait(120) for process in running] == [0, 0, 0]
    found = stored(store, "projects")
    assert len(found) == 20
    assert {row["city"] for row in found} == {"29"}
