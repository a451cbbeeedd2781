"""The form of production from ClaimX's answer to the vendor, through the worker itself."""

from __future__ import annotations

import json
from importlib import resources

import pytest
from attrs import evolve

from claimx_pipeline.runtime.outcome import Done
from claimx_pipeline.settings.secret import Secret
from claimx_pipeline.settings.tree.connections import ConnectionSettings
from itel_cabinet_plugin.settings import SECTION, ItelSettings, VendorSettings
from itel_cabinet_plugin.submission.worker import build
from tests.fakes.http_service import Reply, http_service
from tests.fakes.itel_payloads import CARRIER, EVENT_ID, LINKS, SUBSCRIPTION
from tests.fakes.itel_production import PROJECT, SUBMIT_WHEN, TASK_IDS, option, production
from tests.fakes.itel_samples import question
from tests.rigs.itel import itel_rig, publish
from tests.rigs.whole_pipeline import SETTINGS

VENDOR = VendorSettings(
    carrier_id=CARRIER, subscription_id=Secret(SUBSCRIPTION), endpoint="/api/v1/tasks"
)
MESSAGE = {
    "event_id": EVENT_ID,
    "event_type": "CUSTOM_TASK_COMPLETED",
    "project_id": "8800456",
    "task_id": TASK_IDS[0],
    "assignment_id": 7001234,
    "task_status": "COMPLETED",
    "timestamp": "2026-01-12T16:48:10.5+00:00",
}


def claimx(task):
    """Return what answers as ClaimX does: task, project and photos."""

    def answer(asked):
        if "/customTasks/" in asked.path:
            return Reply(task)
        if asked.path.endswith("/media"):
            ids = next(iter(asked.query.values()))[0].split(",")
            return Reply({"data": [{"mediaID": int(each), **LINKS[each]} for each in ids]})
        return Reply({"data": {"project": PROJECT}})

    return answer


@pytest.mark.parametrize("name", ["v1", "vendor", "vendor-2026"])
async def test_the_form_goes_out_as_the_example(outside, name):
    async with http_service(claimx(production())) as service:
        connections = dict(outside.settings.connections)
        connections["claimx_api"] = ConnectionSettings(base_url=service.url)
        itel = ItelSettings(task_ids=TASK_IDS, submit_when=SUBMIT_WHEN, payload=name, vendor=VENDOR)
        outside.settings = evolve(
            outside.settings, connections=connections, sections={SECTION: itel}
        )
        outside.__attrs_post_init__()
        (outcome,) = await outside.run(build, MESSAGE)
    assert isinstance(outcome, Done)
    assert not outcome.skipped
    (request,) = outside.server.requests.find("/itel")
    shipped = resources.files("itel_cabinet_plugin").joinpath(f"examples/{name}.json")
    assert request.json() == json.loads(shipped.read_text(encoding="utf-8"))
    assert request.headers.get("ocp-apim-subscription-key") == (
        None if name == "v1" else SUBSCRIPTION
    )


ITEL = """\
itel_cabinet:
  task_ids: [32615, 24454]
  submit_when: {{all: [{{question: Kitchen cabinet damage present, is_yes: true}}]}}
"""


@pytest.mark.plugin
@pytest.mark.parametrize(("said", "sent"), [("Yes", 1), ("No", 0)])
async def test_a_form_that_is_not_for_itel_is_tracked_and_its_row_says_why(tmp_path, said, sent):
    task = production()
    question(task, "Kitchen cabinet damage present")["responseAnswerExport"] = option(said)
    async with (
        http_service(claimx(task)) as service,
        itel_rig(tmp_path, api=service.url, settings=SETTINGS + ITEL) as rig,
    ):
        rig.start()
        await publish(rig, [MESSAGE, {**MESSAGE, "event_id": "evt-2", "task_id": TASK_IDS[1]}])
        await rig.idle()
        assert await rig.dead() == {}
        assert len(rig.simulator.submissions) == sent
        assert len(rig.rows("SELECT event_id FROM itel_cabinet_task_tracking")) == 2
        (form,) = rig.rows("SELECT status, raw_data FROM claimx_itel_forms")
        assert form["status"] == "COMPLETED"
        (row,) = rig.rows("SELECT * FROM itel_cabinet_submissions")
    assert row["idempotency_key"] == "itel/7001234/6a1f4b8890fe12dc34ab56cd"
    assert row["outcome"] == ("accepted" if sent else "not_routed")
    if not sent:
        assert row["error"] == (
            "it does not meet itel_cabinet.submit_when: "
            "question 'Kitchen cabinet damage present' is answered otherwise"
        )
        assert row["sent_at"] is row["status_code"] is None
