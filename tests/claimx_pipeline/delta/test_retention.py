"""Retention: old rows go, and a late repetition does not bring them back."""

from datetime import timedelta

import pytest
from attrs import evolve

from claimx_pipeline.delta.maintenance import Maintenance
from claimx_pipeline.delta.writing.marks import floor_of
from claimx_pipeline.errors import TableError
from tests.rigs.delta_tables import (
    EVENTS,
    NOON,
    PROJECTS,
    acquired,
    event,
    make_store,
    minutes,
    send,
    stored,
    write,
    writer_of,
)

LOG = evolve(PROJECTS, name="log", age="file_name_at", event_columns={})
SPECS = {"events": EVENTS, "log": LOG, "projects": PROJECTS}


@pytest.fixture
def store(tmp_path):
    return make_store(tmp_path, SPECS)


def maintained(store, name, oldest, **options):
    return Maintenance(
        store.location(name), spec=store.spec(name), oldest=oldest, **options
    ).maintain()


def ids(store):
    return sorted(row["event_id"] for row in stored(store, "events"))


@pytest.mark.parametrize("restarted", [False, True])
async def test_a_late_repetition_is_not_written_again(store, restarted):
    """By the writer that has seen the row, and by one that has not; positions stay."""
    sink = await acquired(store, "events")
    await send(sink, event("old", minutes(0)), event("new", minutes(60)))
    done = maintained(store, "events", minutes(30))
    assert done.expired == 1
    assert ids(store) == ["new"]
    if restarted:
        await sink.close()
        sink = await acquired(store, "events")
    again = await send(sink, event("old", minutes(0)), event("new", minutes(60)))
    assert again.written == 0
    newer = await send(sink, event("old", minutes(0)), event("newer", minutes(61)))
    assert newer.written == 1
    await sink.close()
    assert ids(store) == ["new", "newer"]


def test_an_event_that_is_too_old_already_is_not_written_at_all(store):
    write(writer_of(store, "events"), event("old", minutes(0)), event("new", minutes(60)))
    maintained(store, "events", minutes(30))
    assert write(writer_of(store, "events"), event("other", minutes(1))).written == 0
    assert write(writer_of(store, "events"), event("edge", minutes(30))).written == 1
    assert ids(store) == ["edge", "new"]


def test_without_retention_rows_of_any_age_are_written_again(store):
    write(writer_of(store, "events"), event("old", minutes(0)), event("new", minutes(60)))
    maintained(store, "events", minutes(30))
    assert floor_of(store.open("events")) is not None
    maintained(store, "events", None)
    assert floor_of(store.open("events")) is None
    assert write(writer_of(store, "events"), event("other", minutes(1))).written == 1


def test_a_longer_retention_does_not_bring_back_what_was_deleted(store):
    write(writer_of(store, "events"), event("old", minutes(0)), event("new", minutes(60)))
    maintained(store, "events", minutes(30))
    maintained(store, "events", NOON - timedelta(days=30))
    assert write(writer_of(store, "events"), event("old", minutes(0))).written == 0


def test_a_log_that_is_keyed_has_retention_by_its_own_time(store):
    def row(number, at):
        return {"project_id": f"{number}", "file_name_at": at, "answered_at": minutes(90)}

    writer = writer_of(store, "log")
    write(writer, row(1, minutes(0)), row(2, minutes(60)), row(3, None))
    assert maintained(store, "log", minutes(30)).expired == 1
    again = writer_of(store, "log")
    assert write(again, row(1, minutes(0)), row(4, minutes(61))).written == 1
    assert write(again, row(1, minutes(0))).written == 0
    assert sorted(row["project_id"] for row in stored(store, "log")) == ["2", "3", "4"]


def test_a_dry_run_counts_and_changes_nothing(store):
    write(writer_of(store, "events"), event("old", minutes(0)), event("new", minutes(60)))
    version = store.open("events").version()
    assert maintained(store, "events", minutes(30), dry_run=True).expired == 1
    assert store.open("events").version() == version


def test_a_table_of_states_has_none(store):
    with pytest.raises(TableError, match="keeps the latest state of each key"):
        maintained(store, "projects", minutes(30))
