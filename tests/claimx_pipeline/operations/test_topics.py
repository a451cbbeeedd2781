"""Topics from Python: created once, listed with who uses them, published to and read."""

import os
import uuid

import pytest

from claimx_pipeline import operations
from claimx_pipeline.errors import UnknownTopicError
from claimx_pipeline.operations import RefusedLine, topics
from tests.rigs.kafka_topics import create_limited

RAW = "claimx.events.raw"
EVENT = b'{"eventId": "e1", "eventType": "PROJECT_CREATED", "projectId": 7}'


async def test_missing_topics_are_created_once(pipeline):
    created = await operations.create_topics(pipeline)
    assert set(created) >= {RAW, "claimx.enrichment.pending"}
    assert await operations.create_topics(pipeline) == []


async def test_a_listed_topic_says_who_uses_it_and_how_much_it_has_seen(pipeline):
    before = {each.name: each for each in await operations.list_topics(pipeline)}
    assert (before[RAW].created, before[RAW].records) == (False, None)
    await operations.create_topics(pipeline)
    await operations.publish(pipeline, RAW, [EVENT, EVENT])
    after = {each.name: each for each in await operations.list_topics(pipeline)}
    assert (after[RAW].created, after[RAW].records, after[RAW].used) == (True, 2, True)
    assert (list(after[RAW].written_by), set(after[RAW].read_by)) == (
        ["outside"],
        {"ingest", "events"},
    )


async def test_a_prefix_of_the_broker_is_not_part_of_the_logical_name(load):
    pipeline = load(broker__prefix="dev.")
    await operations.create_topics(pipeline)
    await operations.publish(pipeline, RAW, [{"a": 1}], keys=["k"])
    (listed,) = [each for each in await operations.list_topics(pipeline) if each.name == RAW]
    assert (listed.physical, listed.records) == (f"dev.{RAW}", 1)
    (record,) = await operations.read_topic(pipeline, RAW)
    assert (record.topic, record.key, record.value) == (f"dev.{RAW}", b"k", b'{"a":1}')


async def test_lines_that_are_not_valid_events_are_named_and_the_others_published(pipeline):
    await operations.create_topics(pipeline)
    done = await operations.publish_events(pipeline, [EVENT, b"", b"nothing\n", EVENT + b"\n"])
    assert done.published == 2
    (refused,) = done.refused
    assert isinstance(refused, RefusedLine)
    assert refused.line == 3
    assert {record.key for record in await operations.read_topic(pipeline, RAW)} == {b"7"}


async def test_many_events_go_out_in_parts_and_in_order(pipeline, monkeypatch):
    monkeypatch.setattr(topics, "BATCH", 2)
    await operations.create_topics(pipeline)
    lines = [EVENT.replace(b"e1", b"e%d" % n) for n in range(5)]
    assert (await operations.publish_events(pipeline, lines)).published == 5
    assert [record.value for record in await operations.read_topic(pipeline, RAW)] == lines


async def test_nothing_to_publish_asks_no_broker(load):
    pipeline = load(broker__url="kafka://127.0.0.1:1")
    assert (await operations.publish_events(pipeline, [b"nothing"])).published == 0


async def test_a_topic_that_does_not_exist_is_an_error(pipeline):
    with pytest.raises(UnknownTopicError, match="claimx-run topics create"):
        await operations.read_topic(pipeline, RAW)


@pytest.mark.incident("STR-65")
async def test_lines_that_are_too_large_are_named_and_all_others_published(pipeline, monkeypatch):
    """More than one of them, in several parts; beside lines that are not events."""
    monkeypatch.setattr(topics, "BATCH", 100)
    await operations.create_topics(pipeline)
    lines = [EVENT.replace(b"e1", b"e%d" % n) for n in range(1000)]
    padding = b'"pad": "%s", "projectId"' % (b"x" * 1_200_000)
    for large in (0, 4, 5, 250, 999):
        lines[large] = lines[large].replace(b'"projectId"', padding)
    lines[300] = b"[" * 3_000_000
    done = await operations.publish_events(pipeline, lines)
    assert done.published == 994
    assert [each.line for each in done.refused] == [1, 5, 6, 251, 301, 1000]
    assert "1200" in done.refused[0].reason
    assert "broker.max_record_bytes" in done.refused[0].reason
    assert len(await operations.read_topic(pipeline, RAW)) == 994


@pytest.mark.incident("STR-65")
async def test_the_limit_is_a_setting(load):
    pipeline = load(broker__max_record_bytes="2000000")
    await operations.create_topics(pipeline)
    line = EVENT.replace(b'"projectId"', b'"pad": "%s", "projectId"' % (b"x" * 1_200_000))
    assert (await operations.publish_events(pipeline, [line])).published == 1
    # With the default it is not published any more, and what is stored stays readable.
    pipeline = load()
    assert (await operations.publish_events(pipeline, [line])).published == 0
    (record,) = await operations.read_topic(pipeline, RAW)
    assert record.value == line


@pytest.mark.incident("STR-65")
async def test_a_line_that_only_the_broker_finds_too_large_is_named_as_well(load, monkeypatch):
    """Its limit is lower than what the settings say; several lines, one after the other."""
    pipeline = load()
    await operations.create_topics(pipeline)
    generous = load(broker__max_record_bytes="2000000")
    monkeypatch.setattr(generous, "broker", pipeline.broker)
    lines = [EVENT.replace(b"e1", b"e%d" % n) for n in range(50)]
    for large in (0, 1, 20, 49):
        pad = b'"pad": "%s", "projectId"' % (b"x" * 1_200_000)
        lines[large] = lines[large].replace(b'"projectId"', pad)
    done = await operations.publish_events(generous, lines)
    assert ([each.line for each in done.refused], done.published) == ([1, 2, 21, 50], 46)
    assert len(await operations.read_topic(pipeline, RAW)) == 46


@pytest.mark.kafka
@pytest.mark.incident("STR-65")
@pytest.mark.parametrize("server", [1_048_588, 20_000])
async def test_kafka_takes_all_lines_but_those_too_large_for_settings_or_topic(
    load, kafka_url, server
):
    """Whichever of the two is lower; a line that a topic refuses is named as well."""
    pipeline = load(broker__url=kafka_url, broker__prefix=f"l{uuid.uuid4().hex[:8]}.")
    await create_limited(kafka_url, pipeline.topology.physical(RAW), server)
    await operations.create_topics(pipeline)
    lines = [EVENT.replace(b"e1", b"e%d" % n) for n in range(1000)]
    for large, size in ((17, 1_200_000), (500, 600_000)):
        noise = os.urandom(size // 2).hex().encode()
        lines[large] = EVENT.replace(b'"projectId"', b'"pad": "%s", "projectId"' % noise)
    done = await operations.publish_events(pipeline, lines)
    expected = [18] if server > 1_000_000 else [18, 501]
    assert [each.line for each in done.refused] == expected
    assert done.published == 1000 - len(expected)
    assert len(await operations.read_topic(pipeline, RAW)) == done.published
