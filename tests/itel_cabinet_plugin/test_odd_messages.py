"""Whatever a message of the topic or an answer holds, both workers say what is wrong with it."""

from __future__ import annotations

from typing import Any

import pytest
from attrs import evolve
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from claimx_pipeline.errors import ClaimxError
from claimx_pipeline.runtime.outcome import Dead, Done
from claimx_pipeline.settings.tree.connections import ConnectionSettings
from claimx_pipeline.simulator.faults import Fault
from claimx_pipeline.simulator.vendor_api import mistakes_of
from itel_cabinet_plugin.settings import SECTION, ItelSettings
from itel_cabinet_plugin.submission.worker import build as api
from itel_cabinet_plugin.tracking.worker import build as tracking
from tests.fakes.http_service import Reply, http_service
from tests.fakes.itel_production import PROJECT, TASK_IDS, production
from tests.itel_cabinet_plugin.form.test_parse_properties import JSON
from tests.itel_cabinet_plugin.test_golden_run import MESSAGE, VENDOR, claimx

FIELDS = (
    "event_id",
    "event_type",
    "timestamp",
    "task_id",
    "project_id",
    "task_name",
    "task_status",
    "task",
    "project",
    "form",
    "form_misfits",
    "claimx_task_full",
    "claimx_answered_at",
    "submission",
    "processed_timestamp",
)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    changes=st.dictionaries(st.sampled_from(FIELDS), JSON, min_size=1, max_size=4),
    down=st.booleans(),
)
async def test_an_odd_message_fails_as_a_record_and_not_as_a_mistake_in_the_code(
    outside, message, changes: dict[str, Any], down: bool
):
    outside.server.faults.clear()
    if down:
        outside.server.faults.add(Fault(kind="error", path="/service/cxedirest", status=400))
    for build in (tracking, api):
        (outcome,) = await outside.run(build, message(**changes))
        assert isinstance(outcome, Done) or isinstance(outcome.error, ClaimxError), outcome


async def test_an_event_without_a_name_is_a_dead_letter_and_not_tried_again(outside, message):
    (outcome,) = await outside.run(tracking, message(event_id=""))
    assert isinstance(outcome, Dead)
    assert "cannot be asked for: event_id" in str(outcome.error)


@pytest.mark.parametrize("said", ["seven", [7], {"bad_value": "seven"}, 7])
async def test_what_a_message_calls_misfits_is_not_counted(outside, message, said):
    outside.server.faults.add(Fault(kind="error", path="/service/cxedirest", status=500))
    task = {"assignee_id": "nobody", "assignor_id": 88}
    (outcome,) = await outside.run(tracking, message(form_misfits=said, task=task))
    assert "answered 500" in str(outcome.error)
    (row,) = outcome.rows
    assert row.values["assigned_by_user_id"] == 88


ANSWERS = st.fixed_dictionaries(
    {},
    optional={
        "task": st.dictionaries(st.sampled_from(sorted(production())), JSON, max_size=3) | JSON,
        "project": st.fixed_dictionaries(
            {}, optional=dict.fromkeys(("data", "project", *PROJECT), JSON)
        )
        | JSON,
        "media": st.fixed_dictionaries(
            {
                "data": st.lists(
                    st.fixed_dictionaries(
                        {},
                        optional={
                            "mediaID": JSON | st.sampled_from([91000101, "91000102"]),
                            "fullDownloadLink": JSON | st.just("https://files.example.com/1.jpg"),
                            "expiresAt": JSON,
                        },
                    )
                    | JSON,
                    max_size=4,
                )
            }
        )
        | JSON,
    },
)


@settings(
    max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(answers=ANSWERS)
async def test_an_odd_answer_of_claimx_fails_as_a_record_too(outside, answers: dict[str, Any]):
    task = answers.get("task", {})
    usual = claimx({**production(), **task} if isinstance(task, dict) else task)

    def answer(asked):
        kind = "media" if asked.path.endswith("/media") else "project"
        if "/customTasks/" in asked.path or kind not in answers:
            return usual(asked)
        odd = answers[kind]
        return Reply({**PROJECT, **odd} if kind == "project" and isinstance(odd, dict) else odd)

    async with http_service(answer) as service:
        itel = ItelSettings(
            task_ids=TASK_IDS, payload="vendor-2026", vendor=evolve(VENDOR, fractions="round")
        )
        outside.settings = evolve(
            outside.settings,
            connections={
                **outside.settings.connections,
                "claimx_api": ConnectionSettings(base_url=service.url, max_retries=0),
            },
            sections={SECTION: itel},
        )
        outside.__attrs_post_init__()
        for build in (tracking, api):
            (outcome,) = await outside.run(build, MESSAGE)
            assert isinstance(outcome, Done) or isinstance(outcome.error, ClaimxError), outcome
        await outside.connections.close()
    for request in outside.server.requests.find("/itel"):
        assert list(mistakes_of(request.json())) == []
    outside.server.requests.clear()
