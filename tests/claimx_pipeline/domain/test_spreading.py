"""One setting says over how many buckets tables and the messages of their rows are spread."""

import asyncio
import zlib

import pytest

from claimx_pipeline import Pipeline
from claimx_pipeline.broker.partitioning import partition_of
from claimx_pipeline.domain.messages import EntityMessage
from claimx_pipeline.errors import SettingsError, TableError
from tests.rigs.whole_pipeline import whole_pipeline

TOPIC = "claimx.entities.rows"


def pipeline(folder, **overrides) -> Pipeline:
    given = {name.replace("__", "."): value for name, value in overrides.items()}
    return Pipeline.load(environ={}, cwd=folder, overrides={"plugins.dir": "", **given})


def created(found: Pipeline) -> int:
    return {each.name: each.partitions for each in found.topology.new_topics()}[TOPIC]


@pytest.mark.parametrize(("buckets", "partitions"), [("16", 6), ("64", 6), ("4", 4)])
def test_the_topic_has_at_most_as_many_partitions_as_buckets(tmp_path, buckets, partitions):
    assert created(pipeline(tmp_path, tables__buckets=buckets)) == partitions


def test_more_partitions_than_buckets_are_refused(tmp_path):
    (tmp_path / "claimx.yaml").write_text(
        f"broker: {{topics: {{{TOPIC}: {{partitions: 24}}}}}}\nplugins: {{dir: ''}}\n"
    )
    with pytest.raises(SettingsError, match="24 partitions for 16 buckets"):
        _ = Pipeline.load(environ={}, cwd=tmp_path).topology
    wider = Pipeline.load(environ={}, cwd=tmp_path, overrides={"tables.buckets": "48"})
    assert created(wider) == 24


def test_a_message_goes_where_its_bucket_is(tmp_path):
    domain = pipeline(tmp_path, tables__buckets="64").domains["claimx"]
    for number in range(200):
        message = EntityMessage(
            event_id="e", event_type="t", key=str(number), log={}, rows=domain.rows()
        )
        record = domain.messages.record(message)
        assert record.bucket == zlib.crc32(str(number).encode()) % 64
        assert partition_of(record, 24, 0) == record.bucket % 24


async def test_events_end_in_tables_of_that_many_buckets(tmp_path):
    async with whole_pipeline(tmp_path, overrides={"tables.buckets": "5"}) as running:
        running.start()
        await running.publish(40)
        await running.idle()
        store = running.pipeline.table_store
        assert store.open("claimx_projects").metadata().configuration["claimx.buckets"] == "5"
        rows = running.rows("SELECT project_id, _bucket FROM claimx_projects")
        assert rows
        assert all(each["_bucket"] == zlib.crc32(each["project_id"].encode()) % 5 for each in rows)
        assert len(running.keys("projects")) == len(set(running.keys("projects")))


async def test_a_table_of_another_number_is_refused_in_a_sentence(tmp_path):
    before = pipeline(tmp_path)
    await asyncio.to_thread(before.table_store.create, "claimx_projects")
    after = pipeline(tmp_path, tables__buckets="32")
    sink = after.table_store.sink("claimx_projects", "test")
    with pytest.raises(
        TableError,
        match="its rows are in 16 buckets and the setting 'tables.buckets' says 32, .* set it to 16",
    ):
        await sink.open()
