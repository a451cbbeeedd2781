"""Topics are deleted by name or prefix, on both brokers, and not while they are read."""

import uuid

import pytest

from claimx_pipeline import operations
from claimx_pipeline.broker.inspection import inspector_of
from claimx_pipeline.errors import BrokerError, UsageError
from tests.rigs.until import until

RAW = "claimx.events.raw"


@pytest.fixture(params=["sqlite", pytest.param("kafka", marks=pytest.mark.kafka)])
def prefixed(request, load):
    """A pipeline whose topics have a prefix of this test's own."""
    prefix = f"d{uuid.uuid4().hex[:8]}."
    if request.param == "sqlite":
        return load(broker__prefix=prefix)
    url = request.getfixturevalue("kafka_url")
    return load(broker__url=url, broker__prefix=prefix)


async def existing(pipeline, prefix):
    async with operations.topics.open_admin(pipeline) as admin:
        return {each for each in await admin.topics() if each.startswith(prefix)}


async def test_all_topics_of_a_prefix_and_no_others_are_deleted(prefixed, load):
    raw = prefixed.topology.physical(RAW)
    prefix = raw.removesuffix(RAW)
    created = set(await operations.create_topics(prefixed))
    other = load(broker__url=prefixed.settings.broker.url, broker__prefix=f"o{prefix}")
    await operations.create_topics(other)
    await operations.publish(prefixed, RAW, [b"1", b"2"])
    found = {
        each.topic: each for each in await operations.topics_to_delete(prefixed, prefix=prefix)
    }
    assert found.keys() == created, "nothing is changed by looking"
    assert (found[raw].records, found[raw].members) == (2, {})
    assert prefixed.topology.group(prefixed.workers["ingest"].group) in found[raw].groups
    assert set(await operations.delete_topics(prefixed, prefix=prefix)) == created

    async def none_left():
        return not await existing(prefixed, prefix)

    await until(none_left)
    assert await existing(other, f"o{prefix}")
    await operations.delete_topics(other, prefix=f"o{prefix}")


async def test_a_topic_is_not_deleted_while_a_group_that_reads_it_has_members(prefixed):
    await operations.create_topics(prefixed)
    raw = prefixed.topology.physical(RAW)
    group = prefixed.topology.group(prefixed.workers["events"].group)
    member = prefixed.broker().consumer(group=group, topics=[raw])
    await member.start()
    try:

        async def joined():
            inspector = inspector_of(prefixed.broker())
            try:
                return (await inspector.members([group]))[group]
            finally:
                await inspector.close()

        await member.poll(max_records=1, timeout=0.1)
        await until(joined)
        with pytest.raises(BrokerError, match=f"{group} has 1.*nothing was deleted"):
            await operations.delete_topics(prefixed, [RAW])
        assert await existing(prefixed, raw) == {raw}
    finally:
        await member.close()
    assert await operations.delete_topics(prefixed, [RAW]) == [raw]


async def test_a_misspelt_topic_is_refused_and_nothing_named_is_wrong_use(ready):
    with pytest.raises(UsageError, match=f"did you mean '{RAW}'"):
        await operations.delete_topics(ready, [RAW, "claimx.event.raw"])
    with pytest.raises(UsageError, match="--prefix"):
        await operations.delete_topics(ready, prefix="")
    assert await existing(ready, RAW) == {RAW}
