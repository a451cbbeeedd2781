import subprocess
import sys
import textwrap

import pytest
from attrs import evolve
from deltalake.exceptions import CommitFailedError
from hypothesis import given, settings
from hypothesis import strategies as st

from claimx_pipeline.delta.writing.sink import WriteResult
from claimx_pipeline.errors import TableError
from tests.rigs import processes
from tests.rigs.delta_tables import (
    EVENTS,
    NOON,
    append_from_elsewhere,
    commit,
    event,
    make_store,
    minutes,
    prepare,
    stored,
    write,
    writer_of,
)


def ids(store):
    return sorted(row["event_id"] for row in stored(store, "events"))


@pytest.fixture
def store(tmp_path):
    return make_store(tmp_path)


@pytest.fixture
def writer(store):
    return writer_of(store, "events")


def test_rows_are_written_as_they_are(store, writer):
    given = event("a", note="n", made_at=minutes(1))
    assert write(writer, given) == WriteResult(1)
    assert stored(store, "events") == [given]


@pytest.mark.incident("OFF-11")
def test_the_first_of_two_rows_of_one_key_in_a_batch_is_written(store, writer):
    result = write(writer, event("a", note="first"), event("b"), event("a", note="second"))
    assert result == WriteResult(2, skipped=1)
    assert {row["note"] for row in stored(store, "events")} == {"first", None}


@pytest.mark.incident("OFF-11")
@pytest.mark.parametrize("time_in_key", [True, False])
def test_a_row_that_the_table_has_is_skipped(store, writer, time_in_key):
    write(writer, event("a"), time_in_key=time_in_key)
    found = write(writer, event("a"), event("b"), time_in_key=time_in_key)
    assert found == WriteResult(1, skipped=1)
    # A writer that has just started knows nothing and finds it as well.
    found = write(writer_of(store, "events"), event("a"), event("b"), time_in_key=time_in_key)
    assert found == WriteResult(0, skipped=2)
    assert ids(store) == ["a", "b"]


def test_a_batch_of_doubles_makes_no_commit(store, writer):
    write(writer, event("a"))
    write(writer, event("a"))
    assert store.open("events").version() == 1


def test_a_double_within_the_window_on_either_side_is_found(store):
    write(writer_of(store, "events"), event("a", NOON))
    for hours in (-167, 167):
        assert write(writer_of(store, "events"), event("a", minutes(60 * hours))).skipped == 1


def test_a_double_beyond_the_window_is_another_row(store):
    write(writer_of(store, "events"), event("a", NOON))
    assert write(writer_of(store, "events"), event("a", minutes(60 * 169))).written == 1


def test_a_wrong_row_is_refused_alone(store, writer):
    found = write(
        writer, event("a"), event("b", note=True), {"event_id": "c"}, event("a"), event("d")
    )
    assert (found.written, found.skipped) == (2, 1)
    assert [index for index, _ in found.refused] == [1, 2]
    assert "'at' (timestamp[us, tz=UTC]) is missing" in found.refused[1][1]
    assert ids(store) == ["a", "d"]


def test_without_dedupe_every_row_is_written(tmp_path):
    store = make_store(tmp_path, {"events": evolve(EVENTS, dedupe=False, event_time=None)})
    writer = writer_of(store, "events")
    assert write(writer, event("a"), event("a")) == WriteResult(2)
    append_from_elsewhere(store, "events", event("b"))
    writer.reload()
    assert write(writer, event("a")) == WriteResult(1)
    assert ids(store) == ["a", "a", "a", "b"]


def test_a_spec_without_event_time_must_switch_dedupe_off(tmp_path):
    store = make_store(tmp_path, {"events": evolve(EVENTS, event_time=None)})
    with pytest.raises(TableError, match="needs event_time to find doubles, or dedupe: false"):
        writer_of(store, "events")


def test_a_bucket_is_computed(tmp_path):
    spec = evolve(EVENTS, bucket_column="event_id", partition_by=())
    store = make_store(tmp_path, {"events": spec})
    write(writer_of(store, "events"), event("a"))
    assert stored(store, "events")[0]["_bucket"] == 3


def test_a_commit_of_another_writer_conflicts_and_is_then_searched(store, writer):
    write(writer, event("a"))
    prepared = prepare(writer, event("theirs"), event("mine"))
    append_from_elsewhere(store, "events", event("theirs"))
    with pytest.raises(CommitFailedError):
        commit(writer, prepared)
    writer.reload()
    assert commit(writer, prepared) == WriteResult(1, skipped=1)
    assert ids(store) == ["a", "mine", "theirs"]


def test_a_compaction_in_between_loses_and_doubles_nothing(store, writer):
    for number in range(4):
        write(writer, event(str(number)))
    prepared = prepare(writer, event("1"), event("new"))
    store.open("events").optimize.compact()
    with pytest.raises(CommitFailedError):
        commit(writer, prepared)
    writer.reload()
    assert commit(writer, prepared) == WriteResult(1, skipped=1)
    assert ids(store) == ["0", "1", "2", "3", "new"]


def test_the_handle_is_opened_anew_now_and_then(store, writer):
    handles = set()
    kept = []
    for number in range(40):
        write(writer, event(str(number)))
        kept.append(writer.handle.table())
        handles.add(id(kept[-1]))
    assert len(handles) == 3
    assert len(ids(store)) == 40


@pytest.mark.incident("OFF-11")
@pytest.mark.incident("OFF-06")
@settings(max_examples=12, deadline=None)
@given(
    st.lists(
        st.lists(
            st.tuples(st.sampled_from("abcdefgh"), st.sampled_from(["us", "them", "again"])),
            max_size=5,
        ),
        max_size=6,
    )
)
def test_each_key_is_stored_once_whoever_writes_when(tmp_path_factory, batches):
    """Two writers, and one that forgets between its batches, take turns with any keys."""
    store = make_store(tmp_path_factory.mktemp("t"), {"events": EVENTS})
    writers = {who: writer_of(store, "events") for who in ("us", "them")}
    given = set()
    for batch in batches:
        for who in ("us", "them", "again"):
            values = [event(key, minutes(ord(key))) for key, whose in batch if whose == who]
            given |= {value["event_id"] for value in values}
            writer = writers.get(who) or writer_of(store, "events")
            prepared = prepare(writer, *values)
            try:
                commit(writer, prepared)
            except CommitFailedError:
                writer.reload()
                commit(writer, prepared)
    assert ids(store) == sorted(given)


PROCESS = """
    import asyncio, sys
    from tests.rigs.delta_tables import acquired, event, make_store, minutes, send
    from claimx_pipeline.clock import SystemClock

    async def main(folder, seed):
        store = make_store(folder, created=False, clock=SystemClock())
        sink = await acquired(store, "events")
        done = 0
        for batch in range(12):
            names = [f"e{(seed * 37 + batch * 7 + n) % 150}" for n in range(20)]
            values = [event(name, minutes(int(name[1:]))) for name in names]
            done += (await send(sink, *values)).written
        await sink.close()
        print(done)

    asyncio.run(main(sys.argv[1], int(sys.argv[2])))
"""


@pytest.mark.incident("DEL-06")
def test_processes_that_write_the_same_keys_store_each_once(store, tmp_path):
    command = [sys.executable, "-c", textwrap.dedent(PROCESS), str(tmp_path)]
    environ = processes.importing()
    running = [
        subprocess.Popen([*command, str(seed)], stdout=subprocess.PIPE, text=True, env=environ)
        for seed in range(3)
    ]
    written = [int(process.communicate(timeout=120)[0]) for process in running]
    assert [process.returncode for process in running] == [0, 0, 0]
    found = ids(store)
    assert len(found) == len(set(found)) == sum(written)
    expected = {
        f"e{(s * 37 + b * 7 + n) % 150}" for s in range(3) for b in range(12) for n in range(20)
    }
    assert set(found) == expected
