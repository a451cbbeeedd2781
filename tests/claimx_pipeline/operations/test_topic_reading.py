"""Reading a topic from a time or an offset on, following it, and publishing to any topic."""

import asyncio
from datetime import UTC, datetime, timedelta

import pytest

from claimx_pipeline import operations
from claimx_pipeline.clock import EPOCH
from claimx_pipeline.errors import UnknownTopicError, UsageError
from claimx_pipeline.operations import RecordFilter, bound
from claimx_pipeline.operations.offset_search import offsets_at
from claimx_pipeline.operations.topics import open_admin
from tests.fakes.virtual_clock import VirtualClock

RAW = "claimx.events.raw"


async def read(pipeline, topic=RAW, **options):
    return [record async for record in operations.read_records(pipeline, topic, **options)]


@pytest.fixture
async def ready(pipeline):
    """A pipeline whose topics exist."""
    await operations.create_topics(pipeline)
    return pipeline


@pytest.fixture
async def timed(ready):
    """A pipeline with one record per minute over all partitions of the raw topic."""
    clock = VirtualClock(datetime.now(UTC))
    ready.clock = clock
    broker = ready.broker()
    broker._clock = clock  # the embedded broker stamps records by its own clock
    ready.broker = lambda: broker
    for n in range(30):
        await operations.publish(ready, RAW, [{"n": n}], keys=[str(n)])
        await clock.advance(60)
    return ready


async def test_records_come_in_the_order_of_their_times_whatever_their_partition(timed):
    found = await read(timed)
    assert [record.value for record in found] == [b'{"n":%d}' % n for n in range(30)]
    assert len({record.partition for record in found}) > 2


async def test_a_time_begins_and_ends_the_reading(timed):
    first = (await read(timed))[10]
    start = EPOCH + timedelta(milliseconds=first.timestamp)
    stop = start + timedelta(minutes=5)
    found = await read(timed, start=start, stop=stop)
    assert [record.value for record in found] == [b'{"n":%d}' % n for n in range(10, 15)]


async def test_a_time_is_found_in_few_reads(timed, monkeypatch):
    async with open_admin(timed) as admin:
        reads = []
        real = admin.read
        monkeypatch.setattr(
            type(admin), "read", lambda self, *a, **k: (reads.append(a), real(*a, **k))[1]
        )
        records = await read(timed)
        reads.clear()
        when = EPOCH + timedelta(milliseconds=records[10].timestamp)
        found = await offsets_at(admin, RAW, when)
        later = {(each.partition, each.offset) for each in records[10:]}
        for number, offset in found.items():
            assert (number, offset - 1) not in later
        assert sum(found.values()) == 10
        assert len(reads) <= 4 * len(found)


async def test_a_record_whose_clock_was_ahead_hides_none_within_the_slack(timed):
    """Times do not grow with the offsets where the clocks of producers differ."""
    now = timed.clock.now()
    timed.clock._start += timedelta(seconds=50)
    await operations.publish(timed, RAW, [b"ahead"], keys=["k"])
    timed.clock._start -= timedelta(seconds=50)
    await operations.publish(timed, RAW, [b"right"], keys=["k"])
    found = {each.value for each in await read(timed, start=now + timedelta(seconds=1))}
    assert found == {b"ahead"}
    assert {each.value for each in await read(timed, start=now)} == {b"ahead", b"right"}
    stop = now + timedelta(seconds=1)
    assert {each.value for each in await read(timed, start=now, stop=stop)} == {b"right"}


async def test_offsets_count_in_each_partition_from_the_end_if_negative(timed):
    everything = await read(timed)
    last = {record.partition: record.offset for record in everything}
    found = await read(timed, start={None: -1})
    assert {(each.partition, each.offset) for each in found} == set(last.items())
    one = next(iter(last))
    found = await read(timed, start={one: 0}, stop={one: 1})
    assert [(each.partition, each.offset) for each in found] == [(one, 0)]
    with pytest.raises(UsageError, match="has no partition 77; it has 6"):
        await read(timed, start={77: 0})


async def test_only_what_matches_is_read_up_to_the_limit(timed):
    wanted = RecordFilter.parse(["n>=7"])
    found = await read(timed, where=wanted, limit=3)
    assert [record.value for record in found] == [b'{"n":%d}' % n for n in (7, 8, 9)]


async def test_a_followed_topic_is_read_on_when_something_comes(ready):
    await operations.publish(ready, RAW, [{"n": 1}])
    seen: asyncio.Queue = asyncio.Queue()

    async def follow():
        async for record in operations.read_records(ready, RAW, follow=True, limit=3):
            await seen.put(record.value)

    task = asyncio.create_task(follow())
    assert await asyncio.wait_for(seen.get(), 10) == b'{"n":1}'
    await operations.publish(ready, RAW, [{"n": 2}])
    assert await asyncio.wait_for(seen.get(), 10) == b'{"n":2}'
    await operations.publish(ready, RAW, [{"n": 3}])
    assert await asyncio.wait_for(seen.get(), 10) == b'{"n":3}'
    await asyncio.wait_for(task, 10)
    with pytest.raises(UsageError, match="followed has no end"):
        await read(ready, follow=True, stop={None: 3})


async def test_a_topic_that_does_not_exist_is_named_with_the_nearest(ready, load):
    with pytest.raises(UsageError, match="did you mean 'claimx.events.raw'"):
        await read(ready, "claimx.event.raw")
    with pytest.raises(UnknownTopicError, match="topics create"):
        await read(load(broker__url="sqlite:///other.db"), RAW)


def test_a_bound_is_a_time_or_offsets():
    now = EPOCH + timedelta(days=1)
    assert bound([], now) is None
    assert bound(["2h"], now) == now - timedelta(hours=2)
    assert bound(["1970-01-01T06:00"], now) == EPOCH + timedelta(hours=6)
    assert bound(["7"], now) == {None: 7}
    assert bound(["7", "2:-1"], now) == {None: 7, 2: -1}
    for wrong in (["yesterday"], ["1h", "2h"], ["7", "1h"], ["x:7"]):
        with pytest.raises(UsageError):
            bound(wrong, now)


async def test_a_shown_record_keeps_numbers_digit_by_digit_and_shows_bytes_as_base64(ready):
    value = b'{ "n": 1.50, "big": 123456789012345678901234567890 }'
    await operations.publish(ready, RAW, [value, b"\xff\x00", b"plain"])
    shown = [operations.ShownRecord(each).as_json() for each in await read(ready)]
    by_kind = {each["value_encoding"]: each["value"] for each in shown}
    assert bytes(by_kind["json"]) == b'{"n":1.50,"big":123456789012345678901234567890}'
    assert (by_kind["base64"], by_kind["utf-8"]) == ("/wA=", "plain")


async def test_a_planned_publication_says_everything_and_changes_nothing(ready):
    lines = [b'{"id": 5}\n', b'{"id": 6}\n', b"nothing\n", b'{"other": 1}\n']
    plan = await operations.plan_publication(ready, RAW, lines, key_from="id", headers={"x-a": "1"})
    assert (plan.topic, plan.partitions, set(plan.read_by)) == (RAW, 6, {"ingest", "events"})
    assert [record.key for record in plan.records] == [b"5", b"6"]
    assert [each.line for each in plan.refused] == [3, 4]
    assert "'id'" in plan.refused[1].reason
    assert await read(ready) == []
    assert await operations.publish_planned(ready, plan) == 2
    found = await read(ready)
    assert {each.partition for each in found} == {*plan.by_partition}
    assert {each.headers for each in map(_with_tuple, found)} == {(("x-a", b"1"),)}


def _with_tuple(record):
    record.headers = tuple(tuple(each) for each in record.headers)
    return record


async def test_a_publication_warns_of_what_nothing_reads_and_of_what_workers_write(ready):
    plan = await operations.plan_publication(ready, "claimx.enrichment.pending", [b"{}"], key="k")
    assert "written by ingest" in plan.warnings[0]
    assert (await operations.plan_publication(ready, RAW, [b"{}"])).warnings == []


@pytest.mark.parametrize(
    ("lines", "options", "said"),
    [
        ([b"{}"], {"key": "a", "key_from": "b"}, "not both"),
        ([b"{}"], {"headers": {"claimx-group": "x"}}, "the pipeline's own"),
        ([b"PK\x03\x04"], {}, "ZIP archive"),
        (b"{}", {}, "single text"),
    ],
)
async def test_a_publication_that_makes_no_sense_is_refused(ready, lines, options, said):
    with pytest.raises(UsageError, match=said):
        await operations.plan_publication(ready, RAW, lines, **options)


async def test_what_a_trigger_of_a_directory_plugin_writes_counts_as_written(tmp_path, load):
    folder = tmp_path / "plugins" / "photo"
    folder.mkdir(parents=True)
    (folder / "config.yaml").write_text(
        "module: claimx_pipeline.plugins.task_trigger\n"
        "class: TaskTriggerPlugin\n"
        "config: {triggers: {4001: {name: photo, on_any: {publish_to_topic: acme.photos}}}}\n"
    )
    pipeline = load("plugins: {dir: plugins}\n")
    listed = {each.name: each for each in await operations.list_topics(pipeline)}
    assert list(listed["acme.photos"].written_by) == ["plugin photo"]
    assert not listed["acme.photos"].used  # nothing reads it
