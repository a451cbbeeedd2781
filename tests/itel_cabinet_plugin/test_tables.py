"""The plugin's tables: their columns, and what a real form and its photos look like in them."""

from __future__ import annotations

import json
from pathlib import Path

import attrs
import pytest

from claimx_pipeline import SystemClock
from claimx_pipeline.simulator.world import World
from itel_cabinet_plugin.form import CabinetForm, parse_form
from itel_cabinet_plugin.tables import ATTACHMENTS, FORMS, SUBMISSIONS, TASK_TRACKING
from tests.fakes.http_service import Asked, Reply, http_service
from tests.fakes.itel_samples import (
    ANSWERS,
    IDENTITY,
    PHOTOS,
    completed,
    old_wording,
    question,
    sample,
)
from tests.rigs.command import run
from tests.rigs.itel import cabinet_events, count, itel_rig, publish, status_message

pytestmark = pytest.mark.plugin

TRACKING_WORKERS = ("itel-tracking", "retry")


def message(**changes):
    task = completed()
    return {
        "event_id": "evt-1",
        "event_type": "CUSTOM_TASK_COMPLETED",
        "project_id": str(task["projectId"]),
        "task_id": 32513,
        "assignment_id": task["assignmentId"],
        "task_name": task["taskName"],
        "task_status": "COMPLETED",
        "timestamp": "2026-01-12T16:48:10.5+00:00",
        "task": {"assignment_id": task["assignmentId"]},
        "project": {"project_id": str(task["projectId"])},
        **changes,
    }


def answering(task):
    """Return a ClaimX that knows *task*, and the files of its project."""
    media = sample("project_media_response")

    def answer(asked: Asked) -> Reply:
        return Reply(media if asked.path.endswith("/media") else task)

    return answer


async def stored(folder: Path, task, *messages) -> tuple[dict, list[dict]]:
    """Pass *messages* through the worker while ClaimX answers *task*; return form and photos."""
    async with (
        http_service(answering(task)) as claimx,
        itel_rig(folder, workers=TRACKING_WORKERS, api=claimx.url) as rig,
    ):
        rig.start()
        await publish(rig, messages)
        await rig.idle()
        assert await rig.dead() == {}
        (form,) = rig.rows("SELECT * FROM claimx_itel_forms")
        photos = rig.rows("SELECT * FROM claimx_itel_attachments ORDER BY media_id")
        return form, photos


@pytest.mark.incident("DEL-12")
async def test_the_real_form_fills_all_36_columns_and_21_photos(tmp_path):
    form, photos = await stored(tmp_path, completed(), message())
    expected = {**IDENTITY, **ANSWERS}
    found = {name: form[name] for name in expected}
    assert found == expected
    assert {name: type(value) for name, value in found.items()} == {
        name: type(value) for name, value in expected.items()
    }
    assert form["event_id"] == "evt-1"
    assert '"Door style is discontinued; a spare door' in form["raw_data"]
    by_question: dict[str, list[int]] = {}
    for photo in photos:
        by_question.setdefault(photo["question_key"], []).append(int(photo["media_id"]))
        assert photo["assignment_id"] == 7001234
        assert (photo["status"], photo["blob_path"], photo["error"]) == (None, None, None)
    assert by_question == PHOTOS
    assert len(photos) == 21


async def test_the_old_wording_fills_every_column_and_its_16_photos(tmp_path):
    form, photos = await stored(tmp_path, old_wording(), message())
    parsed = attrs.asdict(parse_form(old_wording()).form)
    empty = [name for name in ANSWERS if form[name] is None]
    assert empty == []
    assert {name: form[name] for name in ANSWERS} == {name: parsed[name] for name in ANSWERS}
    assert len(photos) == 16
    assert {photo["question_key"] for photo in photos} <= set(PHOTOS)


async def test_half_a_box_is_kept_as_it_was_answered_counted_and_its_column_is_null(
    tmp_path, caplog
):
    task = completed()
    asked = question(task, "Enter Number of Damaged Lower Boxes")
    asked["responseAnswerExport"]["numberAnswer"]["value"] = 2.5
    async with (
        http_service(answering(task)) as claimx,
        itel_rig(tmp_path, workers=TRACKING_WORKERS, api=claimx.url) as rig,
    ):
        rig.start()
        await publish(rig, [message()])
        await rig.idle()
        (form,) = rig.rows("SELECT num_damaged_lower_boxes, raw_data FROM claimx_itel_forms")
        (told,) = await rig.records("itel.cabinet.task.tracking.success")
    assert form["num_damaged_lower_boxes"] is None
    assert '"a": 2.5' in form["raw_data"]
    assert json.loads(told.value)["form_misfits"] == {"bad_value": 1}
    assert "bad_value (not a whole number)" in caplog.text


async def test_a_task_not_completed_has_a_form_without_answers(tmp_path):
    form, photos = await stored(tmp_path, sample("task_32513_assigned"), message())
    assert (form["status"], form["form_response_id"]) == ("ASSIGNED", None)
    assert photos == []
    assert [name for name in ANSWERS if form[name] is not None] == []


@pytest.mark.incident("DEL-09")
async def test_assigned_and_completed_within_the_cache_time_give_two_right_rows(tmp_path):
    async with itel_rig(tmp_path, workers=TRACKING_WORKERS) as rig:
        events = cabinet_events(World(seed=7), 120)
        assigned, completed_event = two_events_of_one_task(events)
        rig.start()
        rig.world.set_clock(assigned.at)
        await publish(rig, [status_message(assigned)])
        await rig.until(lambda: count(rig, FORMS.name) == 1)
        rig.world.set_clock(completed_event.at)
        await publish(rig, [status_message(completed_event)])
        # An old event that comes late takes nothing back.
        await publish(rig, [status_message(assigned, event_id="late")])
        await rig.idle()
        rows = rig.rows(
            "SELECT event_id, task_status, task_completed_at, claimx_task_full FROM "
            "itel_cabinet_task_tracking WHERE event_id <> 'late' ORDER BY event_timestamp"
        )
        assert [row["task_status"] for row in rows] == ["ASSIGNED", "COMPLETED"]
        assert rows[0]["task_completed_at"] is None
        assert '"COMPLETED"' not in rows[0]["claimx_task_full"]
        assert rows[1]["task_completed_at"] is not None
        (form,) = rig.rows("SELECT status, form_response_id FROM claimx_itel_forms")
        assert form["status"] == "COMPLETED"
        assert form["form_response_id"]


def two_events_of_one_task(events):
    for event in events:
        for other in events:
            same = event.assignment_id == other.assignment_id
            if same and event.type.endswith("ASSIGNED") and other.type.endswith("COMPLETED"):
                return event, other
    raise AssertionError("no task of the world was assigned and completed")


def test_the_forms_table_has_the_columns_of_the_form_in_its_order_and_types():
    assert [column.name for column in FORMS.columns] == [f.name for f in attrs.fields(CabinetForm)]
    assert len(FORMS.columns) == 56
    types = {column.name: str(column.type) for column in FORMS.columns}
    for name, kind in types.items():
        if name.endswith("_lf"):
            assert kind == "double", name
        elif name.startswith("num_damaged"):
            assert kind == "int32", name
        elif name.endswith(("drawers_available", "drawers_damaged", "counter_type")):
            assert kind == "string", name
        elif name.endswith(("_damaged", "_detached", "_present")):
            assert kind == "bool", name
    assert types["assignment_id"] == types["task_id"] == "int64"
    assert types["project_id"] == "string"
    assert types["date_completed"] == "timestamp[us, tz=UTC]"


def test_the_keys_are_those_by_which_a_repetition_is_known():
    assert TASK_TRACKING.key == ("event_id", "assignment_id")
    assert TASK_TRACKING.partitions() == ("year", "month", "day")
    assert FORMS.key == ("assignment_id",)
    assert ATTACHMENTS.key == ("assignment_id", "media_id")
    assert SUBMISSIONS.key == ("idempotency_key", "attempt_id")


def test_all_tables_are_registered(tmp_path):
    found = run("tables", "create", "--dry-run", cwd=tmp_path)
    assert found.returncode == 0
    for table in (TASK_TRACKING, FORMS, ATTACHMENTS, SUBMISSIONS):
        assert f"would create {table.name} " in found.stdout + found.stderr


def test_an_extra_column_is_one_of_the_table(tmp_path):
    (tmp_path / "claimx.yaml").write_text(
        "itel_cabinet: {extra_columns: {state: {path: claimx_task_full.externalLinkData.stateId, "
        "type: long}}}\n"
    )
    found = run("tables", "describe", TASK_TRACKING.name, "--json", cwd=tmp_path)
    assert found.returncode == 0, found.stderr
    assert '"state"' in found.stdout


def test_a_clock_is_all_that_a_form_needs_to_be_dated():
    now = SystemClock().now()
    assert parse_form(completed(), parsed_at=now).form.ingested_at == now
