"""Many forms in one request, to an iTel that takes them so."""

from __future__ import annotations

import json

import pytest
from attrs import evolve

from claimx_pipeline.clock import SystemClock
from claimx_pipeline.connections.registry import Connections
from claimx_pipeline.errors import Category
from claimx_pipeline.runtime.outcome import Dead, Retry
from claimx_pipeline.settings.tree.connections import ConnectionSettings
from claimx_pipeline.stages.protocol import Item
from itel_cabinet_plugin.form import parse_form
from itel_cabinet_plugin.submission.stage import SubmitConfig, SubmitStage
from tests.fakes.http_service import Reply, http_service
from tests.fakes.itel_samples import completed
from tests.itel_cabinet_plugin.conftest import Given


def item(assignment_id):
    task = completed()
    task["assignmentId"] = assignment_id
    return Item(Given(b"{}"), {}, {"form": parse_form(task)})


@pytest.fixture
def send(outside):
    async def send(answer, *ids, size=3):
        async with http_service(answer) as service:
            settings = ConnectionSettings(base_url=service.url, max_retries=0)
            made = Connections({"itel_cabinet_api": settings}, SystemClock())
            outside.connections = made
            stage = SubmitStage(SubmitConfig(batch_size=size))
            await stage.open(outside.resources)
            items = [item(each) for each in ids]
            await stage.process(items)
            await stage.close()
            await made.close()
        return items, service.asked

    return send


def ids(asked):
    return [task["assignmentId"] for task in asked.json()["tasks"]]


async def test_as_many_forms_as_fit_share_a_request(send, outside):
    items, asked = await send(lambda _asked: Reply({"success": True}), 1, 2, 3, 4)
    assert sorted(map(ids, asked)) == [[1, 2, 3], [4]]
    assert sorted(each.json()["batch_size"] for each in asked) == [1, 3]
    assert all(each.outcome is None for each in items)
    reports = await outside.attempts()
    told = [json.loads(report.value) for report in reports]
    assert sorted(each["assignment_id"] for each in told) == [1, 2, 3, 4]
    assert len({each["attempt_id"] for each in told}) == 2
    causes = {str(report.headers) for report in reports}
    assert len(causes) == 4, "each message has an id of its own"


async def test_other_forms_are_another_request(send):
    _, first = await send(lambda _asked: Reply({}, 503), 1, 2)
    _, again = await send(lambda _asked: Reply({}, 503), 2, 1)
    _, other = await send(lambda _asked: Reply({}, 503), 3, 4)
    keys = [asked[0].headers["idempotency-key"] for asked in (first, again, other)]
    assert keys[0] == keys[1] != keys[2]


async def test_a_batch_refused_for_good_is_sent_form_by_form(send, outside):
    def picky(asked):
        return Reply({}, 422 if 2 in ids(asked) else 200)

    items, asked = await send(picky, 1, 2, 3)
    assert [ids(each) for each in asked[:1]] == [[1, 2, 3]]
    assert sorted(ids(each) for each in asked[1:]) == [[1], [2], [3]]
    assert [type(each.outcome) for each in items] == [type(None), Dead, type(None)]
    refused = [json.loads(each.value) for item in items for each in item.reports]
    assert sorted(each["assignment_id"] for each in refused) == [1, 2, 2, 3]
    accepted = [json.loads(each.value) for each in await outside.attempts()]
    assert sorted(each["assignment_id"] for each in accepted) == [1, 3]
    assert {each["outcome"] for each in accepted} == {"accepted"}


async def test_a_batch_that_fails_for_now_is_the_failure_of_each_of_its_records(send):
    items, asked = await send(lambda _asked: Reply({}, 503), 1, 2)
    assert len(asked) == 1
    assert all(isinstance(each.outcome, Retry) for each in items)
    assert {each.outcome.error.category for each in items} == {Category.TRANSIENT}


async def test_two_records_of_one_form_are_one_task_of_the_batch(send):
    items, asked = await send(lambda _asked: Reply({}), 1, 1, 2)
    assert ids(asked[0]) == [1, 2]
    assert evolve(items[0], reports=[]).data["submission"] == items[1].data["submission"]
