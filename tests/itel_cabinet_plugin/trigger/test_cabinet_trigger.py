"""The trigger: every event of a cabinet task is published, whatever its status."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest
from attrs import evolve

from claimx_pipeline.claimx.entities import EntityRows
from claimx_pipeline.claimx.events import Event
from claimx_pipeline.hooks.context import EnrichmentContext
from claimx_pipeline.settings.tree.settings import Settings
from itel_cabinet_plugin.settings import SECTION, ItelSettings
from itel_cabinet_plugin.submission import claimx_register_settings
from itel_cabinet_plugin.tracking.worker import WORKER
from itel_cabinet_plugin.trigger import CabinetTrigger

AT = datetime(2026, 1, 12, 16, 48, 10, tzinfo=UTC)


def context(task_id=32513, event_type="CUSTOM_TASK_ASSIGNED", status="ASSIGNED"):
    task = {
        "task_id": task_id,
        "assignment_id": 7001234,
        "task_name": "ITEL Cabinet Repair Form",
        "status": status,
    }
    rows = EntityRows(projects=[{"project_id": "8800456"}], tasks=[task])
    return EnrichmentContext(Event("evt-1", event_type, "8800456", AT), rows)


@pytest.mark.parametrize(
    ("event_type", "status"),
    [
        ("CUSTOM_TASK_ASSIGNED", "ASSIGNED"),
        ("CUSTOM_TASK_COMPLETED", "COMPLETED"),
        ("CUSTOM_TASK_CANCELLED", "CANCELLED"),
    ],
)
def test_every_event_of_a_cabinet_task_is_published(event_type, status):
    given = context(event_type=event_type, status=status)
    result = CabinetTrigger().claimx_enrichment_complete(given)
    (publish,) = result.actions
    assert publish.topic == "itel.cabinet.task.tracking"
    assert publish.key == "7001234"
    assert publish.payload == {
        "trigger_name": "iTel cabinet repair",
        "event_id": "evt-1",
        "event_type": event_type,
        "project_id": "8800456",
        "task_id": 32513,
        "assignment_id": 7001234,
        "task_name": "ITEL Cabinet Repair Form",
        "task_status": status,
        "timestamp": AT,
        "task": given.tasks[0],
        "project": {"project_id": "8800456"},
    }


def test_the_files_of_a_completed_task_travel_with_the_message():
    given = context(event_type="CUSTOM_TASK_COMPLETED", status="COMPLETED")
    named = evolve(given, event=evolve(given.event, media_ids=("500001", "500002")))
    (publish,) = CabinetTrigger().claimx_enrichment_complete(named).actions
    (other,) = CabinetTrigger().claimx_enrichment_complete(given).actions
    assert publish.payload == {**other.payload, "media_ids": ["500001", "500002"]}


def test_other_tasks_and_other_events_are_left_alone():
    trigger = CabinetTrigger()
    assert trigger.claimx_enrichment_complete(context(task_id=1234)) is None
    assert trigger.claimx_enrichment_complete(context(event_type="PROJECT_CREATED")) is None


async def test_the_triggers_name_is_a_setting():
    trigger = CabinetTrigger()
    settings = Settings(sections={SECTION: ItelSettings(trigger_name="cabinets of Acme")})
    await trigger.claimx_worker_starting(evolve(WORKER, name="enrichment"), settings)
    (publish,) = trigger.claimx_enrichment_complete(context()).actions
    assert (
        publish.payload["trigger_name"] == publish.headers["x-trigger-name"] == "cabinets of Acme"
    )
    with pytest.raises(ValueError, match="trigger_name"):
        ItelSettings(trigger_name="  ")


@pytest.mark.incident("PLG-04")
async def test_another_template_is_one_line_of_settings():
    trigger = CabinetTrigger()
    settings = Settings(sections={SECTION: ItelSettings(task_ids=(27019, 1234))})
    await trigger.claimx_worker_starting(evolve(WORKER, name="enrichment"), settings)
    assert trigger.claimx_enrichment_complete(context(task_id=27019)).actions
    assert trigger.claimx_enrichment_complete(context(task_id=32513)) is None


def test_two_triggers_do_not_share_their_settings():
    first, second = CabinetTrigger(), CabinetTrigger()
    first.config = evolve(first.config, triggers={})
    assert 32513 in second.config.triggers


def test_the_topic_published_to_is_the_one_the_workers_read():
    assert tuple(CabinetTrigger().topics()) == WORKER.reads


def test_the_section_is_the_triggers_and_the_connection_the_senders():
    section = CabinetTrigger().claimx_register_settings()
    assert (section.name, section.kind) == ("itel_cabinet", ItelSettings)
    brought = claimx_register_settings()
    assert brought.kind is None
    assert brought.environment == {
        "ITEL_CABINET_API_BASE_URL": "connections.itel_cabinet_api.base_url",
        "ITEL_CABINET_API_TOKEN": "connections.itel_cabinet_api.auth_token",
    }
    assert "itel_cabinet_api:" in brought.defaults


@pytest.mark.parametrize("task_ids", [(0,), (-1,)])
def test_a_task_id_is_a_positive_number(task_ids):
    with pytest.raises(ValueError, match="must be > 0"):
        ItelSettings(task_ids=task_ids)
