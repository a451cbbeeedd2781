"""Rows and positions of an append table: one commit, one owner, no row twice."""

import asyncio
from datetime import UTC, datetime

import pytest
from attrs import evolve
from hypothesis import given, settings
from hypothesis import strategies as st

from claimx_pipeline.delta.faults import TableFencedError, TableWriteError
from claimx_pipeline.delta.writing.append import AppendWriter
from claimx_pipeline.delta.writing.held_positions import Positions
from claimx_pipeline.delta.writing.sink import WriteResult
from claimx_pipeline.errors import TableError
from tests.rigs.delta_tables import (
    EVENTS,
    GROUP,
    Gate,
    acquired,
    append_from_elsewhere,
    event,
    make_store,
    place,
    rows_of,
    send_range,
    sources,
    stored,
)

BLIND = evolve(EVENTS, dedupe=False, event_time=None)
"""Finds no double by its key, so that positions alone keep rows from coming twice."""

P0, P1 = place(0), place(1)


@pytest.fixture
def store(tmp_path):
    return make_store(tmp_path, {"events": BLIND})


@pytest.fixture
async def sink(store):
    sink = await acquired(store, "events", P0, P1)
    yield sink
    await sink.close()


def ids(store):
    return sorted(row["event_id"] for row in stored(store, "events"))


def offsets(store, *places):
    return dict(store.positions("events", GROUP, places or (P0, P1)).positions.offsets)


def names(first, last, partition=0):
    return [f"{partition}-{offset}" for offset in range(first, last)]


@pytest.mark.incident("OFF-02")
async def test_rows_and_positions_go_into_one_commit(store, sink):
    assert await send_range(sink, 0, 3) == WriteResult(3)
    assert offsets(store) == {P0: 3, P1: 0}
    assert store.open("events").version() == 1


async def test_every_commit_states_every_position_the_owner_holds(store, sink, tmp_path):
    await send_range(sink, 0, 3)
    await send_range(sink, 0, 5, partition=1)
    newest = max((tmp_path / "events" / "_delta_log").glob("*.json")).read_text()
    assert f'"appId":"claimx-pipeline/{GROUP}/t@1/0","version":3' in newest
    assert f'"appId":"claimx-pipeline/{GROUP}/t@1/1","version":5' in newest


@pytest.mark.incident("OFF-04")
async def test_what_was_written_is_left_out_when_it_comes_again_in_other_batches(store, sink):
    await send_range(sink, 0, 5)
    await send_range(sink, 5, 8)
    after_restart = await acquired(store, "events", P0)
    assert await send_range(after_restart, 2, 6) == WriteResult(0, skipped=4)
    assert await send_range(after_restart, 6, 11) == WriteResult(3, skipped=2)
    await after_restart.close()
    assert ids(store) == sorted(names(0, 11))
    assert offsets(store, P0) == {P0: 11}


async def test_a_batch_without_a_new_row_makes_no_commit(store, sink):
    await send_range(sink, 0, 5)
    await send_range(sink, 1, 4)
    assert store.open("events").version() == 1


async def test_records_without_rows_move_the_position_along(store, sink):
    values = rows_of("events", event("only"))
    await sink.write(values, sources([4]), {P0: 9, P1: 2})
    assert offsets(store) == {P0: 9, P1: 2}


async def test_a_refused_row_is_refused_again_when_it_comes_again(store, sink):
    """Else its dead letter is lost by a crash between the table and the dead letters."""
    batch = rows_of("events", event("a"), event("bad", note=True), event("b"))
    for written in (2, 0):
        found = await sink.write(batch, sources([0, 1, 2]), {P0: 3})
        assert (found.written, [at for at, _ in found.refused]) == (written, [1])


async def test_without_dead_letters_a_table_does_not_move_past_a_row_it_refuses(store):
    sink = await acquired(store, "events", P0, P1, stops_at_refused=True)
    batch = rows_of("events", event("a"), event("bad", note=True), event("b"), event("other"))
    origins = [*sources([0, 1, 2]), *sources([7], partition=1)]
    assert (await sink.write(batch, origins, {P0: 3, P1: 8})).written == 2
    assert (ids(store), offsets(store)) == (["a", "other"], {P0: 1, P1: 8})
    # The cause is repaired, and all of it comes again.
    mended = rows_of("events", event("a"), event("bad"), event("b"))
    assert (await sink.write(mended, origins[:3], {P0: 3})).written == 2
    assert ids(store) == ["a", "b", "bad", "other"]
    await sink.close()


async def test_rows_of_a_partition_that_is_not_owned_are_refused(sink):
    with pytest.raises(RuntimeError, match=r"rows of t\[2\], which was not acquired"):
        await send_range(sink, 0, 1, partition=2)


async def test_a_sink_is_not_written_to_before_it_knows_its_partitions(store):
    sink = store.sink("events", GROUP)
    with pytest.raises(RuntimeError, match="written to before it was acquired"):
        await send_range(sink, 0, 1)


@pytest.mark.incident("OFF-09")
async def test_a_new_owner_is_told_how_far_the_table_is(store, sink):
    await send_range(sink, 0, 7)
    other = store.sink("events", GROUP)
    assert (await other.acquire((P0, P1))).positions.offsets == {P0: 7, P1: 0}
    assert (await other.acquire((P1,))).positions.offsets == {P1: 0}
    await other.close()


async def test_an_owner_that_was_never_told_is_fenced(store, sink):
    await send_range(sink, 0, 3)
    successor = await acquired(store, "events", P0, P1)
    await send_range(successor, 3, 6)
    how = r"'events': t\[0\] is at offset 6 there and at 3 here, so another worker has taken it"
    with pytest.raises(TableFencedError, match=how):
        await send_range(sink, 3, 5)
    with pytest.raises(RuntimeError, match="before it was acquired"):
        await send_range(sink, 3, 5)
    await sink.acquire((P0,))
    assert await send_range(sink, 3, 8) == WriteResult(2, skipped=3)
    assert ids(store) == sorted(names(0, 8))
    await successor.close()


async def test_a_commit_to_one_partition_does_not_pass_over_anothers_to_the_other(store, sink):
    """The commit that a writer passes over silently, if it states only what it moves."""
    await send_range(sink, 0, 3)
    successor = await acquired(store, "events", P1)
    await send_range(successor, 0, 4, partition=1)
    with pytest.raises(TableFencedError, match=r"t\[1\] is at offset 4 there and at 0 here"):
        await send_range(sink, 3, 6)
    assert ids(store) == sorted(names(0, 3) + names(0, 4, 1))
    await successor.close()


async def test_an_owner_is_looked_at_again_when_its_handle_is_opened_anew(store, sink):
    for number in range(15):  # after these commits the handle is dropped
        await send_range(sink, number, number + 1)
    successor = await acquired(store, "events", P0, P1)
    await send_range(successor, 15, 18)
    with pytest.raises(TableFencedError):
        await send_range(sink, 15, 16)
    assert ids(store) == sorted(names(0, 18))
    await successor.close()


async def test_other_commits_are_followed_without_losing_ownership(store, sink):
    await send_range(sink, 0, 3)
    append_from_elsewhere(store, "events", event("by hand"))
    other = store.sink("events", "another group")
    await other.acquire((P0,))
    await send_range(other, 0, 2)
    store.open("events").optimize.compact()
    assert await send_range(sink, 3, 6) == WriteResult(3)
    assert offsets(store, P0) == {P0: 6}
    await other.close()


def cut_off_after_commit(monkeypatch, error):
    real = AppendWriter.commit

    def commit(self, prepared, claim):
        real(self, prepared, claim)
        monkeypatch.setattr(AppendWriter, "commit", real)
        raise error

    monkeypatch.setattr(AppendWriter, "commit", commit)


@pytest.mark.incident("LAT-13")
async def test_a_commit_that_landed_without_an_answer_is_recognised(store, sink, monkeypatch):
    await send_range(sink, 0, 3)
    cut_off_after_commit(monkeypatch, OSError("connection reset"))
    with pytest.raises(TableWriteError, match="connection reset"):
        await send_range(sink, 3, 6)
    # It comes again with more behind it, since meanwhile more has arrived.
    assert await send_range(sink, 3, 9) == WriteResult(3, skipped=3)
    assert ids(store) == sorted(names(0, 9))


@pytest.mark.incident("REB-06")
@pytest.mark.incident("LAT-13")
async def test_a_commit_that_lands_after_its_time_limit_is_recognised(tmp_path, monkeypatch):
    """The thread that was given up commits in the end, before or after the second try."""
    store = make_store(tmp_path, {"events": BLIND})
    store.time_limit = 0.5
    sink = await acquired(store, "events", P0)
    await send_range(sink, 0, 3)
    gate, real = Gate(), AppendWriter._append

    def late(self, table, data, held):
        monkeypatch.setattr(AppendWriter, "_append", real)
        gate.wait()
        return real(self, table, data, held)

    monkeypatch.setattr(AppendWriter, "_append", late)
    with pytest.raises(TableWriteError, match="outcome unknown"):
        await send_range(sink, 3, 6)
    gate.opened.set()
    async with asyncio.timeout(20):
        while offsets(store, P0) != {P0: 6}:
            await asyncio.sleep(0.01)
    assert await send_range(sink, 3, 7) == WriteResult(1, skipped=3)
    assert ids(store) == sorted(names(0, 7))
    await sink.close()


async def test_adopted_partitions_start_again_and_fence_the_old_owner(store, sink):
    await send_range(sink, 0, 5)
    held = store.positions("events", GROUP, (P0, P1)).positions
    store.set_positions("events", evolve(held, offsets={P0: 0, P1: 0}, generations={"t": 2}))
    assert offsets(store) == {P0: 0, P1: 0}
    with pytest.raises(TableFencedError, match="topic t has been adopted again"):
        await send_range(sink, 5, 6)
    assert (await sink.acquire((P0, P1))).positions.generations == {"t": 2}
    assert await send_range(sink, 0, 2) == WriteResult(2)
    # Equal offsets of the old and the new topic are different positions.
    assert len(ids(store)) == 7
    assert offsets(store, P0) == {P0: 2}


@pytest.mark.parametrize("by_time", [False, True])
async def test_a_restored_table_says_so_and_what_its_rows_reach(store, sink, by_time):
    await send_range(sink, 0, 3)
    moment = datetime.now(UTC)
    await asyncio.sleep(0.01)
    await send_range(sink, 3, 8)
    store.open("events").restore(moment if by_time else 1)
    found = store.positions("events", GROUP, (P0,))
    assert (found.positions.offsets, found.restored) == ({P0: 8}, 3)
    assert store.positions_of_rows("events", GROUP, (P0,)).offsets == {P0: 3}
    # Whoever commits the positions again has decided.
    store.set_positions("events", store.positions_of_rows("events", GROUP, (P0,)))
    found = store.positions("events", GROUP, (P0,))
    assert (found.positions.offsets, found.restored) == ({P0: 3}, None)


async def test_a_restore_under_a_running_writer_fences_it(store, sink):
    await send_range(sink, 0, 3)
    store.open("events").restore(0)
    with pytest.raises(TableFencedError, match="version 2 has restored an older one meanwhile"):
        await send_range(sink, 3, 6)
    assert (await sink.acquire((P0,))).restored == 2


async def test_a_restore_of_another_time_is_no_concern_of_a_new_group(store, sink):
    await send_range(sink, 0, 3)
    store.open("events").restore(0)
    assert store.positions("events", "new group", (P0,)).restored is None


async def test_what_was_restored_may_be_out_of_the_log(store, sink, tmp_path):
    for number in range(4):
        await send_range(sink, number, number + 1)
    store.open("events").restore(1)
    store.open("events").create_checkpoint()
    for version in range(4):
        (tmp_path / "events" / "_delta_log" / f"{version:020}.json").unlink()
    with pytest.raises(TableError, match="cannot tell what version 5 has restored .* --to OFFSET"):
        store.positions_of_rows("events", GROUP, (P0,))


def test_a_table_that_forgets_positions_is_refused(store):
    store.open("events").alter.set_table_properties(
        {"delta.setTransactionRetentionDuration": "interval 1 days"}
    )
    with pytest.raises(TableError, match="setTransactionRetentionDuration is set, so rows could"):
        store.check("events")


@pytest.mark.incident("OFF-01")
def test_positions_never_move_back():
    held = Positions(GROUP, {P0: 5, P1: 7}, {"t": 1})
    assert held.advanced({P0: 3, P1: 9}).offsets == {P0: 5, P1: 9}


STEPS = st.lists(
    st.tuples(st.sampled_from("abc"), st.sampled_from([0, 1]), st.integers(1, 4), st.booleans()),
    max_size=14,
)


@settings(max_examples=25, deadline=None)
@given(STEPS)
async def test_owners_that_overlap_in_any_way_store_each_row_once(tmp_path_factory, steps):
    """Three owners of the same partitions, none told of the others, each where it believes to be.

    One whose write is refused joins anew, as a worker does; one that dies reads its group's
    offset again, which lags behind.
    """
    store = make_store(tmp_path_factory.mktemp("t"), {"events": BLIND})
    owners = {}
    committed = {0: 0, 1: 0}
    reached = {0: 0, 1: 0}
    for who, partition, count, keeps_offset in steps:
        if who not in owners:
            owners[who] = (await acquired(store, "events", P0, P1), dict(committed))
        sink, position = owners[who]
        first = position[partition]
        try:
            await send_range(sink, first, first + count, partition)
        except TableFencedError:
            await sink.close()
            del owners[who]
            continue
        position[partition] = first + count
        reached[partition] = max(reached[partition], first + count)
        if keeps_offset:
            committed[partition] = max(committed[partition], first + count)
    for sink, _ in owners.values():
        await sink.close()
    assert ids(store) == sorted(names(0, reached[0]) + names(0, reached[1], 1))
