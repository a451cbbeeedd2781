"""Offsets from Python: shown side by side, set back, and accepted as they are."""

from datetime import timedelta

import pytest

from claimx_pipeline import UsageError, operations
from claimx_pipeline.errors import UnknownTopicError

RAW = "claimx.events.raw"


@pytest.fixture
async def written(ready):
    """Six events in one partition, written to the table."""
    events = [{"eventId": f"e{n}", "eventType": "X", "projectId": "1"} for n in range(6)]
    await operations.publish(ready, RAW, events, keys=["1"] * 6)
    await operations.run_until_idle(ready, "events")
    return ready


async def used(pipeline):
    """Return the partition that holds the events, as worker ``events`` has it."""
    shown = await operations.show_offsets(pipeline, "events")
    return next(each for each in shown if each.log_end)


def rows(pipeline):
    return operations.query(pipeline, "SELECT event_id FROM claimx_events").num_rows


async def test_table_group_and_topic_are_side_by_side(written):
    found = await used(written)
    assert (found.worker, found.table, found.topic) == ("events", "claimx_events", RAW)
    assert (found.stored, found.committed, found.log_start, found.log_end) == (6, 6, 0, 6)
    assert (found.state, found.refusal) == ("ok", "")
    everything = await operations.show_offsets(written)
    assert {each.worker for each in everything} == set(written.workers)


async def test_a_topic_that_is_missing_is_shown_as_such(pipeline):
    (found,) = await operations.show_offsets(pipeline, "ingest")
    assert (found.topic, found.state, found.topic_created) == (RAW, "not created", False)
    with pytest.raises(UnknownTopicError):
        await operations.adopt_offsets(pipeline, "ingest")


async def test_rewinding_to_the_earliest_reads_all_again_and_doubles_nothing(written):
    moved = await operations.rewind_offsets(written, "events", "earliest")
    assert {(each.before, each.after) for each in moved} == {(6, 0)}
    assert {each.what.split()[0] for each in moved} == {"group", "table"}
    (again,) = await operations.run_until_idle(written, "events")
    assert (again.records, rows(written)) == (6, 6)


async def test_one_partition_is_rewound_by_number(written):
    partition = (await used(written)).partition
    await operations.rewind_offsets(written, "events", {partition: 4})
    assert (await used(written)).committed == 4
    await operations.rewind_offsets(written, "events", {None: 0, partition: 5}, topic=RAW)
    assert (await used(written)).committed == 5
    await operations.rewind_offsets(written, "events", 0)
    assert (await used(written)).committed == 0
    await operations.rewind_offsets(written, "events", "table")
    assert (await used(written)).state == "ok"


async def test_a_topic_that_was_recreated_is_adopted(written, load, tmp_path):
    (tmp_path / "claimx-data" / "broker.db").unlink()
    pipeline = load()
    await operations.create_topics(pipeline)
    assert any(each.refusal for each in await operations.show_offsets(pipeline, "events"))
    moved = await operations.adopt_offsets(pipeline, "events")
    assert {each.after for each in moved} == {0}
    assert not any(each.refusal for each in await operations.show_offsets(pipeline, "events"))


@pytest.mark.parametrize(
    ("worker", "to", "topic", "what"),
    [
        ("eventz", 0, None, "there is no worker 'eventz'; did you mean 'events'"),
        ("claimx", 0, None, "'claimx' is a set of workers; name one of them"),
        ("events", {99: 1}, None, "there is no partition 99"),
        ("events", {0: 1}, "other", "worker 'events' does not read topic 'other'"),
        ("events", 7, None, "so it cannot go on at 7"),
        ("ingest", "table", None, "writes no append table"),
    ],
)
async def test_what_cannot_be_done_is_said_in_one_sentence(written, worker, to, topic, what):
    with pytest.raises(UsageError, match=what):
        await operations.rewind_offsets(written, worker, to, topic=topic)
    assert (await used(written)).committed == 6


async def test_a_group_is_rewound_to_a_time(ready):
    raw = "claimx.events.raw"
    await operations.publish(ready, raw, [{"n": 1}, {"n": 2}], keys=["k", "k"])
    between = ready.clock.now() + timedelta(milliseconds=5)
    while ready.clock.now() < between + timedelta(milliseconds=5):
        await ready.clock.sleep(0.005)
    await operations.publish(ready, raw, [{"n": 3}], keys=["k"])
    (number,) = {record.partition for record in await operations.read_topic(ready, raw)}
    await operations.rewind_offsets(ready, "ingest", {None: 0, number: 3})
    moved = await operations.rewind_offsets(ready, "ingest", between)
    assert [(each.partition.partition, each.after) for each in moved] == [(number, 2)]
    shown = await operations.show_offsets(ready, "ingest")
    assert {each.partition: each.lag for each in shown}[number] == 1
    assert sum(each.lag for each in shown) == 1
