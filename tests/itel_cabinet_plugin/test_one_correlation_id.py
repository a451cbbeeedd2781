"""A raw record's id is on everything that it led to: topics of both distributions, and tables."""

import json

import pytest

from claimx_pipeline import OutRecord
from claimx_pipeline.runtime import headers
from claimx_pipeline.runtime.correlation import made_of, raw_of
from tests.rigs import topics
from tests.rigs.whole_pipeline import whole_pipeline

pytestmark = pytest.mark.plugin

EVENTS = 60
OWN = "order/17"


def id_of(record) -> str | None:
    return headers.header(record.headers, headers.CORRELATION)


@pytest.mark.incident("OBS-04")
async def test_every_message_names_the_raw_record_that_it_began_with(tmp_path):
    async with whole_pipeline(tmp_path) as whole:
        whole.start()
        whole.world.set_clock(whole.world.end(EVENTS))
        first, *others = whole.world.events(EVENTS)
        raw = whole.pipeline.topology.physical("claimx.events.raw")
        own = (("correlation-id", OWN.encode()),)
        records = [
            OutRecord(raw, json.dumps(first.value).encode(), b"p", own),
            *(OutRecord(raw, json.dumps(each.value).encode(), b"p") for each in others),
            OutRecord(raw, b"{broken", b"p"),
        ]
        await topics.publish(whole.pipeline.broker(), records)
        await whole.until(lambda: _all_in(whole))
        await whole.idle()
        events = whole.rows("SELECT event_id FROM claimx_events")
        ids = {made_of("claimx", row["event_id"]) for row in events} | {OWN}
        seen = set()
        for topic in whole.pipeline.topology.topics:
            # Where a worker of tables is up to is not about an event.
            if topic in ("claimx.events.raw", "claimx.maintenance.position"):
                continue
            for record in await whole.records(topic):
                found = id_of(record)
                assert found is not None, topic
                if not topic.endswith("events.dlq"):
                    assert found in ids, topic
                seen.add(topic)
        assert seen >= {
            "claimx.enrichment.pending",
            "claimx.entities.rows",
            "claimx.downloads.pending",
            "claimx.downloads.cached",
            "claimx.downloads.results",
            "claimx.events.dlq",
            "itel.cabinet.task.tracking",
            "itel.cabinet.api.attempts",
            "itel.cabinet.accepted",
            "itel.cabinet.sending",
        }
        lines = whole.rows(
            "SELECT event_id, correlation_id, raw_topic, raw_partition, raw_offset "
            "FROM claimx_event_log"
        )
        assert {row["raw_topic"] for row in lines} == {raw}
        there = {(each.partition, each.offset) for each in await whole.records("claimx.events.raw")}
        assert {(row["raw_partition"], row["raw_offset"]) for row in lines} <= there
        assert {row["correlation_id"] for row in lines} <= ids
        assert OWN in {row["correlation_id"] for row in lines}
        tasks = await whole.records("claimx.enrichment.pending")
        assert all(raw_of(each.headers) is not None for each in tasks)


def _all_in(whole) -> bool:
    return len(whole.rows("SELECT event_id FROM claimx_event_log")) >= EVENTS
