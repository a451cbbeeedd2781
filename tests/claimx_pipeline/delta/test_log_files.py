"""The log of a table is bounded by its number of files, and a restore is noticed all the same."""

from pathlib import Path

import pytest
from deltalake import DeltaTable
from deltalake.exceptions import CommitFailedError, DeltaError

from claimx_pipeline.delta import handle, log_files
from claimx_pipeline.delta.handle import KeptHandle
from claimx_pipeline.delta.log_files import COMMITS, KEPT_COMMITS, SLACK, LogFiles, trim
from claimx_pipeline.delta.maintenance import Maintenance
from claimx_pipeline.delta.schemas import CHECKPOINT_INTERVAL
from claimx_pipeline.delta.writing.held_positions import Claim
from tests.rigs.delta_tables import (
    GROUP,
    acquired,
    append_from_elsewhere,
    create_as_before,
    event,
    make_store,
    minutes,
    prepare,
    send,
    send_range,
    stored,
    write,
    writer_of,
)
from tests.rigs.delta_tables import place as partition


@pytest.fixture
def store(tmp_path):
    return make_store(tmp_path)


def files_of(store, name):
    return LogFiles(store.location(name)).names()


def keep(store, name, commits):
    """Keep fewer commits in the log of a table, so that a test needs fewer."""
    kept = {KEPT_COMMITS: str(commits)}
    store.open(name).alter.set_table_properties(kept, raise_if_not_exists=False)


def append_many(store, name, count):
    """Commit as others do: nothing of the log is deleted."""
    for number in range(count):
        append_from_elsewhere(store, name, event(f"other {number}"))


def cut(store, name):
    return trim(store.location(name), store.open(name), slack=0)


def test_a_new_table_keeps_a_bounded_number_of_commits_whatever_is_written(store):
    writer = writer_of(store, "templates")
    most = 0
    for number in range(1, 1201):
        assert write(writer, {"task_id": number % 7, "title": str(number)}).written == 1
        if number % 20 == 0:
            most = max(most, len(files_of(store, "templates")))
    kept = COMMITS + SLACK + handle.TRIM_AFTER + CHECKPOINT_INTERVAL
    assert most <= kept + kept // CHECKPOINT_INTERVAL + 2
    assert {row["title"] for row in stored(store, "templates")} == {
        str(n) for n in range(1194, 1201)
    }
    assert store.open("templates").version() == 1200


@pytest.mark.parametrize("name", ["events", "templates"])
def test_writers_of_both_kinds_cut_the_log(store, monkeypatch, name):
    keep(store, name, 30)
    monkeypatch.setattr(handle, "TRIM_AFTER", 10)
    writer = writer_of(store, name)
    for number in range(170):
        row = {"task_id": number} if name == "templates" else event(f"{number}", minutes(number))
        write(writer, row)
    assert len(files_of(store, name)) < 160
    assert len(stored(store, name)) == 170


def test_a_table_of_an_older_version_keeps_all_unless_it_is_asked_for(tmp_path):
    store = make_store(tmp_path, created=False)
    create_as_before(store, "events")
    append_many(store, "events", 60)
    before = files_of(store, "events")
    assert cut(store, "events") == 0
    work = Maintenance(store.location("events"), spec=store.spec("events"))
    assert work.maintain().log_deleted == 0
    assert set(before) <= set(files_of(store, "events"))


def test_no_file_is_deleted_that_a_kept_version_needs(store):
    keep(store, "events", 10)
    append_many(store, "events", 60)
    assert cut(store, "events") > 0
    newest = store.open("events").version()
    uri = store.location("events").uri
    for version in range(newest - 10, newest + 1):
        assert DeltaTable(uri, version=version).version() == version
    assert len(stored(store, "events")) == 60


def test_without_a_checkpoint_to_go_on_from_nothing_is_deleted(store):
    keep(store, "events", 3)
    append_many(store, "events", CHECKPOINT_INTERVAL - 3)
    assert cut(store, "events") == 0


def test_files_that_another_worker_has_deleted_are_no_failure(store):
    keep(store, "events", 10)
    append_many(store, "events", 60)
    files = LogFiles(store.location("events"))
    found = files.cut(10)
    Path(store.location("events").uri, "_delta_log", found.files[-1]).unlink()
    assert files.delete(found) == len(found.files)


def test_a_writer_that_the_log_has_left_behind_begins_again(store):
    """Its version is not in the log any more: what it commits must not be lost below it."""
    writer = writer_of(store, "templates")
    write(writer, {"task_id": 1, "title": "a"})
    other = writer_of(store, "templates")
    keep(store, "templates", 10)
    for number in range(60):
        write(other, {"task_id": 2, "title": str(number)})
    cut(store, "templates")
    prepared = writer.prepare([], ())
    assert prepared.groups == {}
    with pytest.raises((CommitFailedError, DeltaError)):
        writer.handle.table().create_write_transaction([], "append", writer.handle.table().schema())
    writer.reload()
    write(writer, {"task_id": 1, "title": "b"})
    assert {row["title"] for row in stored(store, "templates")} == {"59", "b"}


def test_a_commit_that_was_frozen_while_the_log_was_cut_is_reported_as_failed(store, monkeypatch):
    monkeypatch.setattr(handle, "SLOW", -1.0)
    keep(store, "events", 10)
    kept = KeptHandle(store.location("events"))
    with kept.commit(kept.table().version()):
        append_many(store, "events", 1)
    append_many(store, "events", 60)
    cut(store, "events")
    log = Path(store.location("events").uri, "_delta_log")
    with pytest.raises(CommitFailedError, match="version 3 has been deleted"), kept.commit(2):
        (log / f"{3:020}.json").write_text('{"commitInfo":{}}')


def restored_and_cut(store, name, write_more):
    """Restore the table as it was one commit ago; go on until that is not in the log any more."""
    table = store.open(name)
    table.restore(table.version() - 1)
    restored = store.open(name).version()
    write_more(60)
    keep(store, name, 10)
    write_more(20)
    store.open(name).create_checkpoint()
    write_more(11)
    assert cut(store, name) > 0
    assert f"{restored:020}.json" not in files_of(store, name)
    return restored


async def test_a_restore_that_is_not_in_the_log_any_more_is_noticed_by_who_has_not_seen_it(store):
    sink = await acquired(store, "events", partition())
    await send_range(sink, 0, 3)
    await send_range(sink, 3, 5)
    restored = restored_and_cut(store, "events", lambda count: append_many(store, "events", count))
    found = store.positions("events", GROUP, [partition()])
    assert found.restored == restored
    store.set_positions("events", found.positions)
    assert store.positions("events", GROUP, [partition()]).restored is None
    append_many(store, "events", 60)
    cut(store, "events")
    # That the group has seen it is kept as well, once its commit is deleted.
    assert store.positions("events", GROUP, [partition()]).restored is None
    await sink.close()


async def test_a_keyed_table_notices_it_too_and_a_running_writer_is_fenced(store):
    sink = await acquired(store, "templates")
    await send(sink, {"task_id": 1, "title": "a"})
    await send(sink, {"task_id": 1, "title": "b"})

    def write_more(count):
        other = store.sink("templates", "another group").make_writer()
        held = other.acquire(()).positions
        for number in range(count):
            held = other.commit(
                prepare(other, {"task_id": 2, "title": f"{count} {number}"}), Claim(held)
            ).positions

    restored = restored_and_cut(store, "templates", write_more)
    assert (await sink.acquire(())).restored == restored
    assert store.positions("templates", "another group", ()).restored is None
    await sink.close()


def test_what_cannot_be_deleted_does_not_fail_the_commit(store, monkeypatch, caplog):
    keep(store, "templates", 10)
    monkeypatch.setattr(handle, "TRIM_AFTER", 1)
    monkeypatch.setattr(log_files, "_THREADS", 0)
    writer = writer_of(store, "templates")
    for number in range(150):
        write(writer, {"task_id": number})
    assert "the log of a table is not cut: table 'templates': its log cannot be" in caplog.text
    assert len(stored(store, "templates")) == 150
