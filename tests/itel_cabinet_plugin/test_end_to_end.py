"""From a raw event to iTel and back, through every worker of both distributions."""

from __future__ import annotations

import pytest

from claimx_pipeline.simulator.entities import CABINET_TEMPLATE
from tests.rigs.whole_pipeline import whole_pipeline

pytestmark = pytest.mark.plugin

EVENTS = 120


@pytest.mark.incident("PLG-02")
@pytest.mark.incident("PLG-03")
async def test_a_raw_event_becomes_status_form_photos_and_an_answered_submission(tmp_path):
    async with whole_pipeline(tmp_path) as whole:
        whole.start()
        await whole.publish(EVENTS)
        await whole.idle()
        world = whole.world
        tasks = [
            event
            for event in world.events(EVENTS)
            if event.assignment_id is not None
            and world.task(event.assignment_id).template_id == CABINET_TEMPLATE
        ]
        tracked = whole.rows("SELECT assignment_id, event_type FROM itel_cabinet_task_tracking")
        assert sorted((row["assignment_id"], row["event_type"]) for row in tracked) == sorted(
            (event.assignment_id, event.type) for event in tasks
        )
        # The project's row came with the event: the trigger asks for it.
        without = whole.rows(
            "SELECT event_id FROM itel_cabinet_task_tracking WHERE project_data IS NULL"
        )
        assert without == []
        pairs = world.expected_submissions(EVENTS)
        answered = whole.rows(
            "SELECT f.assignment_id, f.form_response_id, s.itel_task_id "
            "FROM claimx_itel_forms f JOIN itel_cabinet_submissions s "
            "ON s.assignment_id = f.assignment_id AND s.form_response_id = f.form_response_id "
            "WHERE f.status = 'COMPLETED' AND s.status_code = 200"
        )
        assert {(row["assignment_id"], row["form_response_id"]) for row in answered} == pairs
        assert {row["itel_task_id"] for row in answered} == {
            each.itel_task_id for each in whole.simulator.submissions.accepted
        }
        photos = whole.rows("SELECT status, blob_path FROM claimx_itel_attachments")
        assert photos
        assert {row["status"] for row in photos} == {"completed"}
        assert all((tmp_path / "files" / row["blob_path"]).is_file() for row in photos)
        assert await whole.dead() == {}
