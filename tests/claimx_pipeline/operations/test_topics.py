"""Topics from Python: created once, listed with who uses them, published to and read."""

import pytest

from claimx_pipeline import operations
from claimx_pipeline.errors import UnknownTopicError
from claimx_pipeline.operations import RefusedLine, topics

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
