"""The tracking worker's chain: one row per event, completed by what ClaimX says."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from attrs import evolve

from claimx_pipeline.delta.writing.convert import to_arrow
from claimx_pipeline.errors import Category, SettingsError
from claimx_pipeline.runtime.outcome import Dead, Done, Retry
from claimx_pipeline.simulator.faults import Fault
from itel_cabinet_plugin.settings import SECTION, ExtraColumn, ItelSettings
from itel_cabinet_plugin.tables import TASK_TRACKING, tracking_table
from itel_cabinet_plugin.tracking.worker import WORKER, build


async def test_an_event_becomes_a_row_that_the_table_takes(outside, message):
    sent = message()
    (done,) = await outside.run(build, sent)
    assert isinstance(done, Done)
    row, form, *photos = done.rows
    assert form.table == "claimx_itel_forms"
    assert {photo.table for photo in photos} == {"claimx_itel_attachments"}
    assert row.table == "itel_cabinet_task_tracking"
    table, refused = to_arrow(TASK_TRACKING, [row.values])
    assert refused == []
    (stored,) = table.to_pylist()
    asked = outside.connections.get("claimx_api")
    path = f"/customTasks/assignment/{sent['assignment_id']}"
    task = (await asked.request("GET", path, params={"full": "true"})).json()
    assert stored == {
        "event_id": "evt-1",
        "event_type": "CUSTOM_TASK_COMPLETED",
        "event_timestamp": datetime(2026, 1, 12, 16, 48, 10, 500_000, UTC),
        "processed_timestamp": outside.clock.now(),
        "task_id": 32513,
        "assignment_id": sent["assignment_id"],
        "project_id": "8800456",
        "task_status": "COMPLETED",
        "task_name": "ITEL Cabinet Repair Form",
        "assigned_to_user_id": task["assigneeId"],
        "assigned_by_user_id": task["assignorId"],
        "task_created_at": datetime.fromisoformat(task["dateAssigned"]),
        "task_completed_at": datetime.fromisoformat(task["dateCompleted"]),
        "claimx_task_full": stored["claimx_task_full"],
        "original_event": f'{{"assignment_id":{sent["assignment_id"]}}}',
        "project_data": '{"project_id":"8800456"}',
        "tracking_version": "1.0",
        "source": "claimx_itel_plugin",
        "year": 2026,
        "month": 1,
        "day": 12,
    }
    assert '"questionAndAnswers"' in stored["claimx_task_full"]


async def test_a_task_that_is_not_completed_has_a_row_too(outside, message):
    (done,) = await outside.run(build, message(completed=False))
    assert done.rows[0].values["task_status"] == "ASSIGNED"
    assert done.rows[0].values["task_completed_at"] is None


async def test_the_partition_is_the_events_own_day_in_utc(outside, message):
    (done,) = await outside.run(build, message(timestamp="2026-02-28T23:30:00-05:00"))
    values = done.rows[0].values
    assert (values["year"], values["month"], values["day"]) == (2026, 3, 1)


async def test_the_task_is_looked_up_by_assignment_not_by_template(outside, message):
    sent = message()
    await outside.run(build, sent)
    (request,) = outside.server.requests.find("/service/cxedirest/customTasks/")
    assert request.path.endswith(f"/{sent['assignment_id']}")
    assert request.query == "full=true"


@pytest.mark.parametrize(
    "field", ["event_id", "event_type", "timestamp", "task_id", "assignment_id", "project_id"]
)
async def test_a_message_without_a_needed_field_is_dead(outside, message, field):
    (outcome,) = await outside.run(build, message(**{field: None}))
    assert isinstance(outcome, Dead)
    assert field in str(outcome.error)
    assert outside.server.requests.total == 0


async def test_a_time_that_cannot_be_read_is_dead_alone(outside, message):
    dead, done = await outside.run(build, message(timestamp="yesterday"), message())
    assert isinstance(dead, Dead)
    assert "'yesterday'" in str(dead.error)
    assert isinstance(done, Done)


async def test_with_claimx_in_trouble_the_status_is_kept_and_the_rest_is_tried_again(
    outside, message
):
    outside.server.faults.add(Fault(kind="error", path="/service"))
    brought = {"assignee_id": 7, "assignor_id": 8, "date_assigned": "2026-01-12T14:05:31Z"}
    (outcome,) = await outside.run(build, message(task=brought))
    assert isinstance(outcome, Retry)
    assert outcome.error.category is Category.TRANSIENT
    (row,) = outcome.rows
    table, refused = to_arrow(TASK_TRACKING, [row.values])
    assert refused == []
    (stored,) = table.to_pylist()
    assert stored["task_status"] == "COMPLETED"
    assert (stored["assigned_to_user_id"], stored["assigned_by_user_id"]) == (7, 8)
    assert stored["task_created_at"] == datetime(2026, 1, 12, 14, 5, 31, tzinfo=UTC)
    assert stored["claimx_task_full"] is None


async def test_extra_columns_are_filled_from_anywhere_in_the_record(outside, message):
    extra = {
        "form": ExtraColumn(path="claimx_task_full.formId"),
        "mfn": ExtraColumn(path="task.mfn"),
        "nowhere": ExtraColumn(path="claimx_task_full.customTask.no[3]", type="long"),
    }
    settings = ItelSettings(extra_columns=extra)
    outside.settings = evolve(outside.settings, sections={SECTION: settings})
    table = tracking_table(extra)
    outside.tables = [table]
    (done,) = await outside.run(build, message(task={"mfn": "ABC"}))
    arrow, refused = to_arrow(table, [done.rows[0].values])
    assert refused == []
    (stored,) = arrow.to_pylist()
    assert len(stored) == 24
    assert len(stored["form"]) == 24
    assert (stored["mfn"], stored["nowhere"]) == ("ABC", None)


def test_an_extra_column_cannot_take_the_place_of_another():
    with pytest.raises(SettingsError, match="itel_cabinet.extra_columns.source: table .* has"):
        tracking_table({"source": ExtraColumn(path="x")})


def test_the_table_is_the_one_of_the_contract():
    assert [column.name for column in TASK_TRACKING.columns][:5] == [
        "event_id",
        "event_type",
        "event_timestamp",
        "processed_timestamp",
        "task_id",
    ]
    assert len(TASK_TRACKING.columns) == 21
    assert TASK_TRACKING.key == ("event_id", "assignment_id")
    assert {c.name for c in TASK_TRACKING.columns if c.bookkeeping} == {
        "processed_timestamp",
        "claimx_task_full",
    }


def test_the_worker_has_a_group_of_its_own():
    assert WORKER.group == "itel_cabinet_tracking_worker_group"
    assert WORKER.tables == (
        "itel_cabinet_task_tracking",
        "claimx_itel_forms",
        "claimx_itel_attachments",
    )
