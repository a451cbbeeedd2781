"""The cabinet plugin by the suites and the sandbox that every plugin author has."""

import json

from claimx_pipeline import EnrichmentContext, EntityRows
from claimx_pipeline.testing import PluginContract, StageContract, make_event
from itel_cabinet_plugin.form.stage import FormConfig, FormStage
from itel_cabinet_plugin.trigger import CabinetTrigger
from tests.fakes.itel_samples import FOLDER

COMPLETED = json.loads((FOLDER / "task_32513_completed.json").read_text())


class TestTrigger(PluginContract):
    """What the enrichment relies on."""

    def make_plugin(self):
        return CabinetTrigger()

    def make_context(self):
        task = {"task_id": 32513, "assignment_id": 7, "status": "COMPLETED", "task_name": "x"}
        return EnrichmentContext(make_event("CUSTOM_TASK_COMPLETED"), EntityRows(tasks=[task]))

    def test_a_cabinet_task_is_published(self):
        (action, *_) = self.result().actions
        assert action.topic == "itel.cabinet.task.tracking"


class TestForm(StageContract):
    """What the chains rely on."""

    def make_stage(self):
        return FormStage(FormConfig())

    def good(self):
        return {"claimx_task_full": COMPLETED}

    def bad(self):
        return {"claimx_task_full": "no assignment"}


def test_from_a_raw_event_to_a_submission(claimx_sandbox):
    simulator = claimx_sandbox.simulator
    claimx_sandbox.environ |= {
        "ITEL_CABINET_API_BASE_URL": simulator.itel_url,
        "ITEL_CABINET_API_TOKEN": "demo-itel-token",
    }
    claimx_sandbox.happen(80)
    claimx_sandbox.run("ingest", "enrichment", "itel-tracking", "itel-api", "itel-results")
    accepted = {
        one.idempotency_key
        for one in simulator.requests.find(method="POST")
        if one.idempotency_key is not None and one.status // 100 == 2
    }
    stored = claimx_sandbox.rows(
        "SELECT idempotency_key FROM itel_cabinet_submissions WHERE status_code / 100 = 2"
    )
    assert {row["idempotency_key"] for row in stored} == accepted != set()
    assert claimx_sandbox.rows("itel_cabinet_task_tracking")
    assert claimx_sandbox.dead_letters() == []
