"""An event is the same one whenever its source is read again."""

import json
import os

import pytest

from claimx_pipeline.claimx.events import decode_event
from claimx_pipeline.operations import create_all, query, restart_source, run_until_idle
from claimx_pipeline.runtime.raw_event import read_event
from tests.rigs.sources import pipeline_of, raw_records

NO_TIME = {"event_type": "PROJECT_CREATED", "project_id": "1"}


@pytest.fixture
async def pipeline(tmp_path):
    """Three events without id and time, two of them equal, read twice from the beginning."""
    texts = [NO_TIME, NO_TIME, {**NO_TIME, "project_id": "2"}]
    (tmp_path / "a.jsonl").write_text("".join(f"{json.dumps(text)}\n" for text in texts))
    os.utime(tmp_path / "a.jsonl", (1_767_607_200, 1_767_607_200))
    pipeline = pipeline_of(tmp_path, type="files", path=str(tmp_path / "a.jsonl"))
    await create_all(pipeline)
    await run_until_idle(pipeline, "source-old")
    await restart_source(pipeline, "old")
    await run_until_idle(pipeline, "source-old")
    return pipeline


async def test_it_has_one_id_and_one_time(pipeline):
    records = await raw_records(pipeline)
    events = [read_event(record, pipeline.clock, decode_event) for record in records]
    assert len(records) == 6
    assert len({each.event_id for each in events}) == 3, "equal lines are events of their own"
    assert {str(each.ingested_at) for each in events} == {"2026-01-05 10:00:00+00:00"}


async def test_it_is_one_row(pipeline):
    await run_until_idle(pipeline, "events")
    found = query(pipeline, "SELECT event_id FROM claimx_events").to_pylist()
    assert len(found) == 3
