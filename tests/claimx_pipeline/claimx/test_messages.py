from __future__ import annotations

import json
from datetime import UTC, date, datetime
from pathlib import Path

import msgspec
import pytest
from attrs import evolve

from claimx_pipeline.claimx.entities import EntityRows
from claimx_pipeline.claimx.events import Event
from claimx_pipeline.claimx.messages import (
    DECODER,
    EnrichmentTask,
    EntityMessage,
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


def test_a_task_brings_the_files_and_the_payload_of_its_event_through():
    payload = msgspec.Raw(b' {"eventType": "A", "new": ["\\u00e9", 1e400]}')
    event = evolve(EVENT, media_ids=("1", "2"), payload=payload)
    sent = encode_task(EnrichmentTask.of(event, NOON))
    found = decode_task(sent).event()
    assert found == event
    assert bytes(found.payload).strip() == bytes(payload).strip()
    known = {"media_ids", "payload"}
    older = {name: value for name, value in json.loads(sent).items() if name not in known}
    found = decode_task(json.dumps(older).encode()).event()
    assert (found, bytes(found.payload)) == (EVENT, b"null")


def test_a_task_is_json_with_the_time_in_utc():
    sent = json.loads(encode_task(EnrichmentTask.of(EVENT, NOON)))
    assert sent["ingested_at"] == "2026-01-15T12:00:00.123456Z"
    assert sent["task_assignment_id"] == "2"


def test_a_time_with_an_offset_becomes_utc():
    task = EnrichmentTask.of(EVENT, NOON)
    sent = encode_task(task).replace(b"12:00:00.123456Z", b"05:00:00.123456-07:00")
    assert decode_task(sent).event() == EVENT


@pytest.mark.parametrize("decode", [decode_task, DECODER.decode])
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
    assert DECODER.decode(encode_entities(message)) == message


def test_an_event_without_rows_has_a_message():
    message = EntityMessage("e1", "A", "7", {"event_id": "e1", "outcome": "skipped"})
    assert DECODER.decode(encode_entities(message)) == message


def test_a_row_with_a_wrong_time_is_refused():
    sent = b'{"event_id":"e","event_type":"A","project_id":"7","log":{},"rows":{"tasks":[%s]}}'
    with pytest.raises(DecodeError, match="'claimx_tasks' has 'soon' in 'date_assigned'"):
        DECODER.decode(sent % b'{"date_assigned":"soon"}')


def test_a_message_as_version_0_2_wrote_it_is_read_with_every_kind():
    """The file was written before kinds were declared in one list; it must not be made again."""
    sent = (Path(__file__).parents[2] / "data" / "messages" / "entity_rows.json").read_bytes()
    message = DECODER.decode(sent)
    assert {kind: len(rows) for kind, rows in message.rows.items() if rows} == {
        "projects": 1,
        "contacts": 4,
        "media": 1,
        "task_templates": 1,
        "tasks": 1,
        "external_links": 1,
        "video_collab": 1,
    }
    assert message.rows.tasks[0]["date_assigned"] == datetime(2026, 1, 5, 10, tzinfo=UTC)
    assert message.rows.contacts[0]["created_date"] == date(2026, 1, 10)
    again = json.loads(encode_entities(message))
    assert {kind: rows for kind, rows in again["rows"].items() if rows} == json.loads(sent)["rows"]
    assert again["log"] == json.loads(sent)["log"]


UNKNOWN = b'{"event_id":"e","event_type":"A","project_id":"7","log":{},"rows":{"unheard_of":[%s]}}'


def test_a_kind_that_is_not_known_is_named_with_what_to_do():
    with pytest.raises(
        DecodeError, match=r"2 row\(s\) of the kind 'unheard_of'.*install the plugin"
    ):
        DECODER.decode(UNKNOWN % b"{},{}")


def test_a_kind_that_is_not_known_and_has_no_rows_loses_nothing():
    assert DECODER.decode(UNKNOWN % b"").rows == EntityRows()
