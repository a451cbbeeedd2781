from __future__ import annotations

import json
from datetime import UTC, date, datetime
from pathlib import Path

import msgspec
import pytest
from attrs import evolve

from claimx_pipeline.claimx.domain import CLAIMX
from claimx_pipeline.claimx.entities import EntityRows
from claimx_pipeline.claimx.events import Event
from claimx_pipeline.domain.messages import EntityMessage, created
from claimx_pipeline.errors import DecodeError

NOON = datetime(2026, 1, 15, 12, 0, 0, 123456, tzinfo=UTC)
MESSAGES = CLAIMX.messages
EVENT = Event("e1", "CUSTOM_TASK_ASSIGNED", "7", NOON, "1", "2", "3", "F", id_has_time=True)


def test_a_task_brings_its_event_through():
    event = evolve(EVENT, payload=msgspec.Raw(b'{"eventId": "e1", "further": [1.50]}'))
    read = MESSAGES.event_of_task(MESSAGES.task(event, created(NOON)))
    assert read == event
    assert bytes(read.payload) == bytes(event.payload), "byte for byte"
    assert read.ingested_at.tzinfo is UTC


OLD = (
    b'{"event_id":"e1","event_type":"CUSTOM_TASK_ASSIGNED","project_id":"7",'
    b'"ingested_at":"2026-01-15T12:00:00.123456Z","created_at":"2026-01-15T12:00:00.123456Z",'
    b'"media_id":"1","task_assignment_id":"2","video_collaboration_id":"3",'
    b'"master_file_name":"F","id_has_time":true}'
)


def test_a_task_that_the_last_version_wrote_is_read_without_a_payload():
    event = MESSAGES.event_of_task(OLD)
    assert event == EVENT
    assert bytes(event.payload) == b"null"


def test_a_task_has_every_field_that_the_last_version_reads():
    """It would refuse one that lacks a field; what it does not know it passes over."""
    sent = json.loads(MESSAGES.task(EVENT, created(NOON)))
    assert (sent.pop("payload"), sent.pop("media_ids")) == (None, [])
    assert sent == json.loads(OLD)


def test_a_task_brings_the_files_and_the_payload_of_its_event_through():
    payload = msgspec.Raw(b' {"eventType": "A", "new": ["\\u00e9", 1e400]}')
    event = evolve(EVENT, media_ids=("1", "2"), payload=payload)
    sent = MESSAGES.task(event, created(NOON))
    found = MESSAGES.event_of_task(sent)
    assert found == event
    assert bytes(found.payload).strip() == bytes(payload).strip()
    known = {"media_ids", "payload"}
    older = {name: value for name, value in json.loads(sent).items() if name not in known}
    found = MESSAGES.event_of_task(json.dumps(older).encode())
    assert (found, bytes(found.payload)) == (EVENT, b"null")


def test_a_task_is_json_with_the_time_in_utc():
    sent = json.loads(MESSAGES.task(EVENT, created(NOON)))
    assert sent["ingested_at"] == "2026-01-15T12:00:00.123456Z"
    assert sent["task_assignment_id"] == "2"


def test_a_time_with_an_offset_becomes_utc():
    task = MESSAGES.task(EVENT, created(NOON))
    sent = task.replace(b"12:00:00.123456Z", b"05:00:00.123456-07:00")
    assert MESSAGES.event_of_task(sent) == EVENT


@pytest.mark.parametrize("decode", [MESSAGES.event_of_task, MESSAGES.decode])
@pytest.mark.parametrize("value", [None, b"", b"{", b"[]", b"{}", b'{"event_id": 5}', b"\xff"])
def test_what_is_no_message_is_refused(decode, value):
    with pytest.raises(DecodeError, match="the record is"):
        decode(value)


def test_a_task_whose_time_has_no_zone_is_refused():
    sent = MESSAGES.task(EVENT, created(NOON)).replace(b"123456Z", b"123456")
    with pytest.raises(DecodeError, match="enrichment task"):
        MESSAGES.event_of_task(sent)


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
    assert MESSAGES.decode(MESSAGES.encode(message)) == message


def test_an_event_without_rows_has_a_message():
    message = EntityMessage("e1", "A", "7", {"event_id": "e1", "outcome": "skipped"}, EntityRows())
    assert MESSAGES.decode(MESSAGES.encode(message)) == message


def test_a_row_with_a_wrong_time_is_refused():
    sent = b'{"event_id":"e","event_type":"A","project_id":"7","log":{},"rows":{"tasks":[%s]}}'
    with pytest.raises(DecodeError, match="'claimx_tasks' has 'soon' in 'date_assigned'"):
        MESSAGES.decode(sent % b'{"date_assigned":"soon"}')


def test_a_message_as_version_0_2_wrote_it_is_read_with_every_kind():
    """The file was written before kinds were declared in one list; it must not be made again."""
    sent = (Path(__file__).parents[2] / "data" / "messages" / "entity_rows.json").read_bytes()
    message = MESSAGES.decode(sent)
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
    again = json.loads(MESSAGES.encode(message))
    assert {kind: rows for kind, rows in again["rows"].items() if rows} == json.loads(sent)["rows"]
    assert again["log"] == json.loads(sent)["log"]


UNKNOWN = b'{"event_id":"e","event_type":"A","project_id":"7","log":{},"rows":{"unheard_of":[%s]}}'


def test_a_kind_that_is_not_known_is_named_with_what_to_do():
    with pytest.raises(
        DecodeError, match=r"2 row\(s\) of the kind 'unheard_of'.*install the plugin"
    ):
        MESSAGES.decode(UNKNOWN % b"{},{}")


def test_a_kind_that_is_not_known_and_has_no_rows_loses_nothing():
    assert MESSAGES.decode(UNKNOWN % b"").rows == EntityRows()
