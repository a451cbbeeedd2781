"""The task trigger: which events set it off, and what goes out."""

from datetime import UTC, datetime

import msgspec
import pytest

from claimx_pipeline import (
    EnrichmentContext,
    EntityRows,
    Event,
    Log,
    Publish,
    SettingsError,
    TaskTriggerPlugin,
    Topic,
)

AT = datetime(2026, 1, 12, 8, tzinfo=UTC)


def trigger(**config) -> TaskTriggerPlugin:
    return TaskTriggerPlugin.from_settings(config, "plugins.task_trigger.config")


def context(event_type="CUSTOM_TASK_ASSIGNED", *task_ids: int) -> EnrichmentContext:
    tasks = [
        {"task_id": task_id, "assignment_id": 300 + number, "task_name": "Photos", "status": "S"}
        for number, task_id in enumerate(task_ids or (4001,))
    ]
    event = Event("e1", event_type, "700100", AT)
    return EnrichmentContext(event, EntityRows(projects=[{"project_id": "700100"}], tasks=tasks))


def actions(plugin: TaskTriggerPlugin, given: EnrichmentContext) -> list:
    result = plugin.claimx_enrichment_complete(given)
    return list(result.actions) if result else []


def to(topic: str) -> dict:
    return {"publish_to_topic": topic}


@pytest.mark.parametrize(
    ("event_type", "topics"),
    [
        ("CUSTOM_TASK_ASSIGNED", ["a", "any"]),
        ("CUSTOM_TASK_COMPLETED", ["c", "any"]),
        ("CUSTOM_TASK_REOPENED", ["any"]),
    ],
)
def test_on_any_fires_for_every_task_event_besides_the_specific_block(event_type, topics):
    plugin = trigger(
        triggers={4001: {"on_assigned": to("a"), "on_completed": to("c"), "on_any": to("any")}}
    )
    assert [action.topic for action in actions(plugin, context(event_type))] == topics


def test_other_templates_and_other_events_set_nothing_off():
    plugin = trigger(triggers={4001: {"on_any": to("any")}})
    assert actions(plugin, context("CUSTOM_TASK_ASSIGNED", 4002)) == []
    assert actions(plugin, context("PROJECT_CREATED")) == []
    assert not plugin.should_run(context("CUSTOM_TASK_ASSIGNED", 4002))


def test_every_task_of_the_event_is_looked_at():
    plugin = trigger(triggers={4001: {"on_any": to("any")}})
    found = actions(plugin, context("CUSTOM_TASK_ASSIGNED", 4002, 4001, 4001))
    assert [action.key for action in found] == ["301", "302"]


def test_the_message_holds_the_task_and_the_events_own_time():
    plugin = trigger(triggers={4001: {"name": "photos", "on_any": to("t")}})
    (action,) = actions(plugin, context())
    assert isinstance(action, Publish)
    assert action.payload == {
        "trigger_name": "photos",
        "event_id": "e1",
        "event_type": "CUSTOM_TASK_ASSIGNED",
        "project_id": "700100",
        "task_id": 4001,
        "assignment_id": 300,
        "task_name": "Photos",
        "task_status": "S",
        "timestamp": AT,
        "task": {"task_id": 4001, "assignment_id": 300, "task_name": "Photos", "status": "S"},
    }
    assert action.headers == {
        "x-trigger-name": "photos",
        "x-task-id": "4001",
        "x-event-type": "CUSTOM_TASK_ASSIGNED",
    }
    assert msgspec.json.decode(msgspec.json.encode(action.payload))["timestamp"] == (
        "2026-01-12T08:00:00Z"
    )


def test_task_and_project_data_are_options():
    plugin = trigger(
        triggers={4001: {"on_any": to("t")}}, include_task_data=False, include_project_data=True
    )
    (action,) = actions(plugin, context())
    assert "task" not in action.payload
    assert action.payload["project"] == {"project_id": "700100"}


@pytest.mark.parametrize(
    ("log", "told"),
    [
        ("task {assignment_id} of {project_id}", Log("info", "task 300 of 700100")),
        ({"level": "warning", "message": "{task_status}!"}, Log("warning", "S!")),
        ("{unknown} stays", Log("info", "{unknown} stays")),
    ],
)
def test_placeholders_of_a_log_line_are_filled(log, told):
    assert actions(trigger(triggers={4001: {"on_any": {"log": log}}}), context()) == [told]


def test_it_names_the_topics_it_publishes_to():
    plugin = trigger(triggers={1: {"on_any": to("b")}, 2: {"on_assigned": to("a")}})
    assert list(plugin.topics()) == [Topic("a"), Topic("b")]


def test_an_unknown_option_is_refused_with_its_place():
    with pytest.raises(SettingsError, match=r"plugins.task_trigger.config.*on_anny"):
        trigger(triggers={4001: {"on_anny": to("t")}})


def test_template_ids_may_be_written_as_text():
    """YAML keys are text to some editors."""
    assert actions(trigger(triggers={"4001": {"on_any": to("t")}}), context())
