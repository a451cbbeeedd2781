"""The API worker's chain: completed forms reach iTel, each once, and nothing else does."""

from __future__ import annotations

import json

import pytest
from attrs import evolve

from claimx_pipeline.errors import Category
from claimx_pipeline.runtime.outcome import Dead, Done, Retry
from claimx_pipeline.settings.secret import Secret
from claimx_pipeline.settings.tree.connections import ConnectionSettings
from claimx_pipeline.simulator.faults import Fault
from claimx_pipeline.stages.protocol import Item
from itel_cabinet_plugin.form import parse_form
from itel_cabinet_plugin.settings import SECTION, ItelSettings
from itel_cabinet_plugin.submission.attempts import payload_hash
from itel_cabinet_plugin.submission.stage import SubmitConfig, SubmitStage
from itel_cabinet_plugin.submission.worker import WORKER, build
from tests.fakes.itel_samples import completed
from tests.itel_cabinet_plugin.conftest import Given


async def test_a_completed_form_is_submitted(outside, message):
    sent = message()
    (outcome,) = await outside.run(build, sent)
    assert isinstance(outcome, Done)
    assert not outcome.skipped
    (submission,) = outside.server.submissions.accepted
    assignment, response = submission.pair
    assert assignment == sent["assignment_id"]
    assert submission.idempotency_key == f"itel/{assignment}/{response}"
    (told,) = outcome.confirm
    assert told.topic == "itel.cabinet.api.success"
    assert json.loads(told.value) == {
        "event_id": "evt-1",
        "assignment_id": assignment,
        "project_id": "8800456",
        "idempotency_key": submission.idempotency_key,
        "form_response_id": response,
        "status_code": 200,
        "itel_task_id": submission.itel_task_id,
    }


async def test_every_request_is_reported_with_what_they_said(outside, message):
    await outside.run(build, message())
    (report,) = await outside.attempts()
    assert report.topic == "itel.cabinet.api.attempts"
    told = json.loads(report.value)
    request = outside.server.requests.find("/itel")[-1]
    assert told["attempt_id"] == request.headers["x-attempt-id"]
    assert told["idempotency_key"] == request.idempotency_key == report.key.decode()
    assert (told["outcome"], told["status_code"]) == ("accepted", 200)
    assert told["itel_task_id"] == outside.server.submissions.accepted[0].itel_task_id
    assert told["payload_hash"] == payload_hash(request.json())
    assert told["latency_ms"] >= 0
    assert told["error"] is None


async def test_each_try_of_the_connection_is_a_request_of_its_own(outside, message):
    outside.server.faults.add(Fault(kind="error", path="/itel", times=1))
    await outside.run(build, message())
    told = [json.loads(report.value) for report in await outside.attempts()]
    assert [each["outcome"] for each in told] == ["failed", "accepted"]
    assert [each["status_code"] for each in told] == [503, 200]
    assert len({each["attempt_id"] for each in told}) == 2
    assert len({each["idempotency_key"] for each in told}) == 1


async def test_what_claimx_says_decides_not_what_the_event_said(outside, message):
    late = message(task_status="ASSIGNED")
    early = message(completed=False, task_status="COMPLETED")
    submitted, skipped = await outside.run(build, late, early)
    assert submitted.skipped == ""
    assert "ASSIGNED" in skipped.skipped
    assert outside.server.submissions.pairs()[0][0] == late["assignment_id"]
    assert len(outside.server.submissions) == 1


async def test_other_statuses_can_be_submitted(outside, message):
    settings = ItelSettings(submit_statuses=("approved",))
    outside.settings = evolve(outside.settings, sections={SECTION: settings})
    (outcome,) = await outside.run(build, message())
    assert outcome.skipped


async def test_two_events_of_one_form_make_one_request(outside, message):
    outcomes = await outside.run(build, message(event_id="evt-1"), message(event_id="evt-2"))
    assert all(isinstance(outcome, Done) for outcome in outcomes)
    assert len(await outside.attempts()) == 1
    assert len(outside.server.requests.find("/itel")) == 1


@pytest.mark.parametrize(
    ("status", "outcome", "category"),
    [
        (503, Retry, Category.TRANSIENT),
        (401, Retry, Category.AUTH),
        (422, Dead, Category.PERMANENT),
    ],
)
async def test_a_refusal_is_the_failure_of_its_record(outside, message, status, outcome, category):
    outside.server.faults.add(Fault(kind="error", path="/itel", status=status))
    failed, skipped = await outside.run(build, message(), message(completed=False))
    assert isinstance(failed, outcome)
    assert failed.error.category is category
    told = [json.loads(report.value) for report in failed.reports]
    assert {each["status_code"] for each in told} == {status}
    assert told[-1]["outcome"] == ("refused" if outcome is Dead else "failed")
    assert f"{status}" in told[-1]["error"]
    assert isinstance(skipped, Done)
    assert skipped.reports == ()


async def test_a_form_that_makes_no_valid_payload_is_dead_and_not_sent(outside):
    task = completed()
    task["formResponseId"] = None
    stage = SubmitStage(SubmitConfig())
    await stage.open(outside.resources)
    item = Item(Given(b"{}"), {}, {"form": parse_form(task)})
    await stage.process([item])
    assert isinstance(item.outcome, Dead)
    assert "$.formResponseId" in str(item.outcome.error)
    assert outside.server.requests.total == 0


async def test_without_a_form_the_error_says_what_comes_before(outside):
    stage = SubmitStage(SubmitConfig())
    await stage.open(outside.resources)
    item = Item(None, {}, {})
    await stage.process([item])
    assert "itel_form must come before" in str(item.outcome.error)


@pytest.mark.incident("PLG-07")
async def test_submissions_of_one_batch_are_under_way_together(outside, message):
    world = outside.server.world
    ids = {
        event.assignment_id for event in world.events(200) if event.type == "CUSTOM_TASK_COMPLETED"
    }
    outside.server.faults.add(Fault(kind="latency", path="/itel", seconds=0.2))
    outcomes = await outside.run(build, *(message(assignment_id=each) for each in ids))
    assert all(isinstance(outcome, Done) for outcome in outcomes)
    assert len(outside.server.submissions) == len(ids) > 2
    assert outside.server.requests.most_in_flight > 1


async def test_a_file_connection_writes_the_payload_instead_of_sending_it(
    outside, message, tmp_path
):
    connections = dict(outside.settings.connections)
    connections["itel_cabinet_api"] = ConnectionSettings(
        base_url=tmp_path.as_uri(), auth_type="bearer", auth_token=Secret("unused")
    )
    outside.settings = evolve(outside.settings, connections=connections)
    outside.__attrs_post_init__()
    sent = message()
    await outside.run(build, sent)
    (file,) = tmp_path.rglob("*.json")
    written = json.loads(file.read_text())
    assert written["body"]["assignmentId"] == sent["assignment_id"]
    (report,) = await outside.attempts()
    assert json.loads(report.value)["attempt_id"] == written["headers"]["X-Attempt-Id"]
    assert len(outside.server.submissions) == 0


def test_the_worker_has_a_group_of_its_own():
    assert WORKER.group == "itel_cabinet_api_worker_group"
    assert "connections.itel_cabinet_api" in WORKER.needs
