from __future__ import annotations

import json
from datetime import UTC, date, datetime

import pytest

from claimx_pipeline.claimx.entities import EntityRows
from claimx_pipeline.claimx.events import Event
from claimx_pipeline.claimx.messages import (
    EnrichmentTask,
    EntityMessage,
    decode_entities,
    decode_task,
    encode_entities,
    encode_task,
)
from claimx_pipeline.errors import DecodeError

NOON = datetime(2026, 1, 15, 12, 0, 0, 123456, tzinfo=UTC)
EVENT = Event("e1", "CUSTOM_TASK_ASSIGNED", "7", NOON, "1", "2", "3", "F", id_has_time=True)


def test_a_task_brings_its_event_through():
    task = decode_task(encode_task(EnrichmentTask.of(EVENT, NOON)))
    assert task.event() == EVENT
    assert task.event().ingested_at.tzinfo is UTC
    assert task.created_at == NOON


def test_a_task_is_json_with_the_time_in_utc():
    sent = json.loads(encode_task(EnrichmentTask.of(EVENT, NOON)))
    assert sent["ingested_at"] == "2026-01-15T12:00:00.123456Z"
    assert sent["task_assignment_id"] == "2"


def test_a_time_with_an_offset_becomes_utc():
    task = EnrichmentTask.of(EVENT, NOON)
    sent = encode_task(task).replace(b"12:00:00.123456Z", b"05:00:00.123456-07:00")
    assert decode_task(sent).event() == EVENT


@pytest.mark.parametrize("decode", [decode_task, decode_entities])
@pytest.mark.parametrize("value", [None, b"", b"{", b"[]", b"{}", b'{"event_id": 5}', b"\xff"])
def test_what_is_no_message_is_refused(decode, value):
    with pytest.raises(DecodeError, match="the record is"):
        decode(value)


def test_a_task_whose_time_has_no_zone_is_refused():
    sent = encode_task(EnrichmentTask.of(EVENT, NOON)).replace(b"123456Z", b"123456")
    with pytest.raises(DecodeError, match="enrichment task"):
        decode_task(sent)


def test_rows_keep_values_and_types():
    rows = EntityRows(
        projects=[
            {"project_id": "7", "created_date": NOON, "year_built": 1990, "square_footage": 1.5}
        ],
        contacts=[{"project_id": "7", "created_date": date(2026, 1, 15), "first_name": None}],
        tasks=[{"assignment_id": 2**60, "stp_enabled": False, "date_assigned": NOON}],
        media=[{"media_id": "1", "a_plugins_column": {"a": [1]}, "taken_date": None}],
    )
    log = {"event_id": "e1", "enriched_at": NOON, "reason": ""}
    message = EntityMessage("e1", "A", "7", log, rows)
    assert decode_entities(encode_entities(message)) == message


def test_an_event_without_rows_has_a_message():
    message = EntityMessage("e1", "A", "7", {"event_id": "e1", "outcome": "skipped"})
    assert decode_entities(encode_entities(message)) == message


def test_a_row_with_a_wrong_time_is_refused():
    sent = b'{"event_id":"e","event_type":"A","project_id":"7","log":{},"rows":{"tasks":[%s]}}'
    with pytest.raises(DecodeError, match="'claimx_tasks' has 'soon' in 'date_assigned'"):
        decode_entities(sent % b'{"date_assigned":"soon"}')
