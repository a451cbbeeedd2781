"""Whatever arrives, each record ends in one outcome, in the whole pipeline."""

import json
from collections import Counter

import pytest

from claimx_pipeline import OutRecord
from tests.rigs.whole_pipeline import whole_pipeline

GOOD = {"eventType": "PROJECT_CREATED", "ingestedAt": "2026-01-12T08:00:00Z"}


def bytes_of(**fields) -> bytes:
    return json.dumps({**GOOD, **fields}).encode()


@pytest.mark.incident("RET-09")
@pytest.mark.incident("DEL-11")
@pytest.mark.incident("RET-02")
async def test_each_record_of_any_kind_has_the_outcome_the_table_says(tmp_path):
    """Invalid UTF-8, JSON, schema, unknown type, unknown id, good: nothing is dropped."""
    async with whole_pipeline(tmp_path) as whole:
        project = whole.world.events(1)[0].project_id
        whole.world.set_clock(whole.world.end(1))
        # value -> what becomes of it: dead letters by topic, and the event log's outcome.
        undecodable = {"claimx.events.dlq": 2}  # of both workers that read raw events
        table = [
            (b"\xff\xfe\x00", undecodable, None),
            (b"{", undecodable, None),
            (b'["no", "object"]', undecodable, None),
            (b'{"eventType": "PROJECT_CREATED"}', undecodable, None),
            (bytes_of(projectId=project, eventType="SOMETHING_NEW"), {}, "skipped"),
            (bytes_of(projectId="no number"), {"claimx.enrichment.dlq": 1}, "dead"),
            (bytes_of(projectId=999_999_999), {"claimx.enrichment.dlq": 1}, "dead"),
            (bytes_of(projectId=project), {}, "enriched"),
        ]
        producer = whole.pipeline.broker().producer()
        await producer.start()
        await producer.publish(
            [OutRecord("claimx.events.raw", value, b"k") for value, _, _ in table]
        )
        await producer.close()
        whole.start()
        await whole.idle()
        expected: Counter[str] = Counter()
        for _, dead, _ in table:
            expected.update(dead)
        assert await whole.dead() == dict(expected)
        logged = Counter(
            row["outcome"] for row in whole.rows("SELECT outcome FROM claimx_event_log")
        )
        assert logged == Counter(outcome for _, _, outcome in table if outcome)
        (stored,) = whole.rows("SELECT count(*) AS n FROM claimx_events")
        assert stored["n"] == len([1 for _, dead, _ in table if dead != undecodable])
