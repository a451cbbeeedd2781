"""The task trigger: which events set it off, and what goes out."""

from datetime import UTC, datetime, timedelta

import msgspec
import pluggy
import pytest
from prometheus_client import CollectorRegistry

from claimx_pipeline import (
    ConnectionSettings,
    EnrichmentContext,
    EntityRows,
    Event,
    Settings,
    SettingsError,
    SystemClock,
    TaskTriggerPlugin,
    Topic,
    hookspecs,
)
from claimx_pipeline.hooks import Log, Publish, Webhook
from claimx_pipeline.plugins.action_messages import action_value
from claimx_pipeline.plugins.host.dispatch import Dispatcher
from claimx_pipeline.plugins.host.loading import PluginSet
from claimx_pipeline.plugins.host.results import PublishRules
from claimx_pipeline.telemetry.plugin_metrics import PluginMetrics

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


def test_an_event_that_is_worked_on_again_makes_the_same_message():
    """Its key is the same, and a receiver refuses a key that comes with another body."""
    plugin = trigger(
        triggers={4001: {"on_any": {"webhook": "https://hooks.example/x"}}},
        include_project_data=True,
    )

    def made_at(at: datetime) -> object:
        given = context()
        for row in (*given.tasks, given.project):
            row.update(event_id="e1", created_at=at, updated_at=at, last_enriched_at=at)
        (action,) = actions(plugin, given)
        return action.body

    assert made_at(AT) == made_at(AT + timedelta(hours=1))
    assert made_at(AT)["task"]["event_id"] == made_at(AT)["project"]["event_id"] == "e1"


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


@pytest.mark.parametrize(
    ("hook", "expected"),
    [
        ("https://hooks.example/x", {"url": "https://hooks.example/x"}),
        (
            {"url": "https://hooks.example/x", "method": "PUT", "timeout": 2.5},
            {"url": "https://hooks.example/x", "method": "PUT", "timeout": 2.5},
        ),
        (
            {"connection": "acme", "path": "/tasks", "headers": {"x-a": "b"}},
            {"connection": "acme", "path": "/tasks", "headers_from": "4001.on_any"},
        ),
    ],
)
def test_a_webhook_is_called_with_the_message(hook, expected):
    (action,) = actions(trigger(triggers={4001: {"on_any": {"webhook": hook}}}), context())
    body = action.body
    assert action == Webhook(**expected, body=body)
    assert (body["task_id"], body["task"]["status"]) == (4001, "S")


@pytest.mark.parametrize(
    ("block", "told"),
    [
        ({"webhook": "hooks.example/x"}, "on_any.webhook: must start with http"),
        ({"webhook": {"url": "x"}}, "on_any.webhook.url: must start with http"),
        ({"webhook": {"url": "http://x", "connection": "y"}}, "webhook.connection"),
        ({"webhook": {"path": "/x"}}, "on_any.webhook"),
        ({"webhook": {"url": "http://x", "methode": "POST"}}, "did you mean 'method'"),
        ({"webhook": {"url": "http://x", "method": "post"}}, "webhook.method"),
        ({"webhook": {"url": "http://x", "timeout": 0}}, "webhook.timeout"),
        ({"log": {"level": "loud"}}, "on_any.log.level"),
        ({"conditions": {"all": [{"field": "x", "equals": 1}]}}, "on_any.conditions"),
        ({"publish": "x"}, "on_any.publish: unknown key"),
        ({"include_task_data": "perhaps"}, "include_task_data"),
    ],
)
def test_a_mistake_in_a_block_is_named_with_its_place(block, told):
    with pytest.raises(SettingsError) as raised:
        trigger(triggers={4001: {"on_any": block}})
    assert "plugins.task_trigger.config: triggers.4001.on_any" in str(raised.value)
    assert told in str(raised.value)


def test_all_that_a_block_says_is_done_in_order():
    block = {"log": "x", "webhook": "http://x.example", "publish_to_topic": "t"}
    found = actions(trigger(triggers={4001: {"on_any": block}}), context())
    assert [type(action) for action in found] == [Publish, Webhook, Log]


@pytest.mark.parametrize("level", ["plugin", "trigger", "block"])
def test_conditions_hold_for_the_plugin_a_trigger_or_a_block(level):
    conditions = {"conditions": {"all": [{"field": "task_status", "equals": "s"}]}}
    never = {"conditions": {"all": [{"field": "task_status", "equals": "other"}]}}
    for given, expected in ((conditions, 1), (never, 0)):
        of = {name: given if name == level else {} for name in ("plugin", "trigger", "block")}
        plugin = trigger(
            triggers={4001: {"on_any": {**to("t"), **of["block"]}, **of["trigger"]}}, **of["plugin"]
        )
        assert len(actions(plugin, context())) == expected


def test_a_block_may_differ_in_what_its_message_holds():
    block = {**to("t"), "include_task_data": False, "include_project_data": True}
    plugin = trigger(triggers={4001: {"on_any": block, "on_assigned": to("u")}})
    specific, anything = (action.payload for action in actions(plugin, context()))
    assert ("task" in specific, "project" in specific) == (True, False)
    assert ("task" in anything, "project" in anything) == (False, True)


def test_a_placeholder_is_filled_once_and_reaches_nothing_inside():
    plugin = trigger(triggers={4001: {"on_any": {"log": "{task_name} {task_name.__class__} {"}}})
    given = context()
    given.tasks[0]["task_name"] = "{event_id}"
    assert actions(plugin, given) == [Log("info", "{event_id} {task_name.__class__} {")]


@pytest.mark.incident("PLG-05")
@pytest.mark.parametrize("task_id", [4001, "4001"])
def test_ids_of_tasks_match_as_number_and_as_text(task_id):
    given = context()
    given.tasks[0]["task_id"] = task_id
    assert actions(trigger(triggers={4001: {"on_any": to("t")}}), given)


@pytest.mark.parametrize("task_id", [None, "", "x", "4001x", 4001.5, [4001]])
def test_a_task_with_an_odd_id_sets_nothing_off(task_id):
    given = context()
    given.tasks[0]["task_id"] = task_id
    assert actions(trigger(triggers={4001: {"on_any": to("t")}}), given) == []


def test_a_connection_that_does_not_exist_is_found_before_the_start():
    webhook = {"webhook": {"connection": "acme"}}
    plugin = trigger(triggers={4001: {"on_completed": webhook}})
    (problem,) = plugin.claimx_check_settings(Settings())
    assert problem.where.endswith("triggers.4001.on_completed.webhook.connection")
    assert "there is no connection 'acme'" in problem.what
    there = Settings(connections={"acme": ConnectionSettings(base_url="http://x")})
    assert plugin.claimx_check_settings(there) == []


@pytest.mark.incident("SEC-01")
def test_headers_of_a_webhook_stay_out_of_what_is_published():
    hook = {"url": "http://a/x", "headers": {"Authorization": "Bearer abc123"}}
    plugin = trigger(triggers={4001: {"on_any": {"webhook": hook}}})
    (action,) = actions(plugin, context())
    published = action_value(action, "task_trigger", context())
    assert b"abc123" not in published
    assert plugin.webhook_headers()[action.headers_from] == {"Authorization": "Bearer abc123"}


def test_the_urls_of_its_settings_are_known():
    hooks = {"on_any": {"webhook": "http://a/x"}, "on_assigned": {"webhook": {"url": "http://b"}}}
    assert set(trigger(triggers={4001: hooks}).webhook_urls()) == {"http://a/x", "http://b"}


@pytest.mark.incident("PLG-04")
async def test_events_that_do_not_match_cost_nothing_and_leave_no_line(caplog):
    plugin = trigger(triggers={4001: {"on_any": {**to("t"), "log": "seen"}}})
    manager = pluggy.PluginManager(hookspecs.PROJECT)
    manager.add_hookspecs(hookspecs)
    manager.register(plugin, name="task_trigger")
    dispatcher = Dispatcher.of(
        PluginSet(manager),
        rules=PublishRules(),
        clock=SystemClock(),
        metrics=PluginMetrics(CollectorRegistry()),
    )
    given = context("CUSTOM_TASK_ASSIGNED", 4002)
    with caplog.at_level("DEBUG"):
        for _ in range(20_000):
            done = await dispatcher.enrichment_complete(given)
            assert not done.publish
    assert caplog.records == []
