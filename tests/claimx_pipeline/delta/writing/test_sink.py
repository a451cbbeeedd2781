import logging

import pytest
from attrs import evolve
from deltalake.exceptions import CommitFailedError, DeltaError, SchemaMismatchError

from claimx_pipeline.delta.faults import TableWriteError
from claimx_pipeline.delta.spec import STRING, Column
from claimx_pipeline.delta.writing.append import AppendWriter
from claimx_pipeline.delta.writing.sink import WriteResult
from claimx_pipeline.errors import Category
from tests.fakes.hasty_clock import HastyClock
from tests.rigs.delta_tables import (
    EVENTS,
    acquired,
    append_from_elsewhere,
    event,
    make_store,
    minutes,
    send,
    stored,
)


@pytest.fixture
def clock():
    return HastyClock()


@pytest.fixture
def store(tmp_path, clock):
    return make_store(tmp_path, clock=clock)


@pytest.fixture
async def sink(store):
    sink = await acquired(store, "events")
    yield sink
    await sink.close()


def failing(monkeypatch, *errors):
    """Let commits fail with *errors*, one after the other, before they reach the table."""
    real, left = AppendWriter.commit, list(errors)

    def commit(self, prepared, claim):
        if left:
            raise left.pop(0)
        return real(self, prepared, claim)

    monkeypatch.setattr(AppendWriter, "commit", commit)


async def test_an_empty_batch_touches_nothing(store, sink):
    assert await send(sink) == WriteResult(0)
    assert store.open("events").version() == 0


@pytest.mark.incident("DEL-06")
async def test_a_conflict_is_settled_within_the_sink(store, sink):
    await send(sink, event("a"))
    append_from_elsewhere(store, "events", event("b"))
    assert await send(sink, event("b"), event("c")) == WriteResult(1, skipped=1)
    assert sorted(row["event_id"] for row in stored(store, "events")) == ["a", "b", "c"]


@pytest.mark.incident("DEL-06")
async def test_the_waits_between_conflicts_grow_and_end(store, sink, clock, monkeypatch):
    failing(monkeypatch, *(CommitFailedError("x") for _ in range(30)))
    with pytest.raises(
        TableWriteError, match="'events': other writers were first 30 times"
    ) as caught:
        await send(sink, event("a"))
    assert caught.value.category is Category.TRANSIENT
    assert clock.slept[0] < 0.01
    assert 0.5 <= clock.slept[-1] <= 1.5
    assert (await send(sink, event("a"))).written == 1


@pytest.mark.incident("DEL-09")
@pytest.mark.parametrize(
    ("error", "category"),
    [(DeltaError("403"), Category.TRANSIENT), (SchemaMismatchError("m"), Category.PERMANENT)],
)
async def test_a_failure_is_raised_with_its_category_and_the_sink_recovers(
    sink, monkeypatch, error, category
):
    failing(monkeypatch, error)
    with pytest.raises(TableWriteError, match=f"table 'events': {error}") as caught:
        await send(sink, event("a"))
    assert caught.value.category is category
    assert caught.value.__cause__ is error
    assert await send(sink, event("a")) == WriteResult(1)


@pytest.mark.incident("LAT-13")
async def test_a_write_that_landed_without_an_answer_is_not_repeated(sink, store, monkeypatch):
    real = AppendWriter.commit

    def commit(self, prepared, claim):
        real(self, prepared, claim)
        monkeypatch.setattr(AppendWriter, "commit", real)
        raise OSError("connection reset")

    monkeypatch.setattr(AppendWriter, "commit", commit)
    with pytest.raises(TableWriteError, match="connection reset"):
        await send(sink, event("a"))
    assert await send(sink, event("a")) == WriteResult(0, skipped=1)
    assert len(stored(store, "events")) == 1


async def test_a_merge_sink_forgets_when_partitions_change_hands(store):
    sink = await acquired(store, "projects")
    row = {"project_id": "7", "city": "Bern", "answered_at": minutes(0)}
    await send(sink, row)
    other = await acquired(store, "projects")
    await send(other, {**row, "city": "Basel", "answered_at": minutes(1)})
    again = {**row, "answered_at": minutes(2)}
    await sink.acquire(())
    assert (await send(sink, again)).written == 1
    assert stored(store, "projects")[0]["city"] == "Bern"
    await sink.close()
    await other.close()


async def test_open_adds_a_column_that_is_declared_since(tmp_path, store):
    spec = evolve(EVENTS, columns=(*EVENTS.columns, Column("colour", STRING)))
    wider = make_store(tmp_path, {"events": spec}, created=False)
    sink = await acquired(wider, "events")
    assert (await send(sink, event("a", colour="red"))).written == 1
    await sink.close()


async def test_normal_writing_logs_nothing(sink, caplog):
    with caplog.at_level(logging.INFO, "claimx_pipeline"):
        await send(sink, event("a"), event("a"))
    assert caplog.records == []
