"""A plugin that remembers: a count per city, written as a user writes it."""

import asyncio
from collections import Counter

import pytest

from claimx_pipeline import Plugin, PluginResult, Topic
from claimx_pipeline.operations import dead_letter_filter, plan_replay, replay_dead_letters


class CountPerCity(Plugin):
    """Counts new projects per city."""

    name = "count_per_city"
    event_types = frozenset({"PROJECT_CREATED"})
    read: dict

    def topics(self):
        return [Topic("city.seen", terminal=True)]

    def change_state(self, key, value, change):
        return (value or 0) + change

    def execute(self, context):
        city = context.project["city"]
        known = {"city": city, "before": self.state.get(city, 0)}
        return PluginResult.change_state(city, 1).and_then(PluginResult.publish("city.seen", known))


def counts(sandbox):
    """Return what the plugin remembers, from what is newest on the topic."""
    newest = {}
    for message in sandbox.messages("claimx.plugins.states"):
        newest[message["key"]] = message["value"]
    return newest


def expected(sandbox):
    rows = sandbox.rows(
        "SELECT p.city, count(*) AS many FROM claimx_event_log e JOIN claimx_projects p "
        "ON p.project_id = e.project_id WHERE e.event_type = 'PROJECT_CREATED' GROUP BY p.city"
    )
    return {row["city"]: row["many"] for row in rows}


WORKERS = ("ingest", "enrichment", "entities", "plugin-state")


def test_a_count_per_key_is_kept_and_can_be_read(claimx_sandbox):
    claimx_sandbox.install(CountPerCity)
    claimx_sandbox.happen(120)
    claimx_sandbox.run(*WORKERS)
    assert counts(claimx_sandbox) == expected(claimx_sandbox) != {}
    before = len(claimx_sandbox.messages("city.seen"))
    claimx_sandbox.happen(120)
    claimx_sandbox.run(*WORKERS)
    assert counts(claimx_sandbox) == expected(claimx_sandbox)
    later = claimx_sandbox.messages("city.seen")[before:]
    assert sum(each["before"] for each in later) > 0, "what was kept before is read"
    assert claimx_sandbox.dead_letters() == []


def test_an_event_that_comes_again_counts_once(claimx_sandbox):
    claimx_sandbox.install(CountPerCity)
    claimx_sandbox.happen(60)
    claimx_sandbox.run(*WORKERS)
    first = counts(claimx_sandbox)
    tasks = claimx_sandbox.records("claimx.enrichment.pending")
    for task in tasks:
        claimx_sandbox.publish("claimx.enrichment.pending", task.value, key=task.key.decode())
    claimx_sandbox.run(*WORKERS)
    changes = Counter(
        dict(each.headers)["claimx-id"] for each in claimx_sandbox.records("claimx.plugins.changes")
    )
    assert set(changes.values()) == {2}
    assert counts(claimx_sandbox) == first != {}


class Forgetful(Plugin):
    """Fails on one change, forgets at another, and remembers too much at a third."""

    name = "forgetful"
    event_types = frozenset({"PROJECT_CREATED"})
    broken = True

    def change_state(self, key, value, change):
        if change == "broken" and self.broken:
            value.clear()  # what is changed before it fails does not count
            raise ValueError("a defect")
        if change == "forget":
            return None
        if change == "much":
            return ["x" * 70_000]
        return [*(value or []), change]

    def execute(self, context):
        said = PluginResult.ok()
        for change in ("a", "broken", "b", "much", "c"):
            said = said.and_then(PluginResult.change_state(context.project_id, change))
        gone = PluginResult.change_state("gone", "a").and_then(
            PluginResult.change_state("gone", "forget")
        )
        return said.and_then(gone)


def test_a_change_that_fails_is_a_dead_letter_alone_and_is_applied_once_when_replayed(
    claimx_sandbox, monkeypatch
):
    claimx_sandbox.install(Forgetful)
    events = claimx_sandbox.happen(2)
    (project,) = {each.project_id for each in events if each.event_type == "PROJECT_CREATED"}
    claimx_sandbox.run(*WORKERS)
    assert counts(claimx_sandbox) == {project: ["a", "b", "c"], "gone": None}
    errors = [dict(each.headers)["claimx-dlq-error"] for each in claimx_sandbox.dead_letters()]
    assert len(errors) == 2
    assert b"a defect" in errors[0]
    assert b"state_value_bytes" in errors[1]

    plugin = dict(claimx_sandbox.pipeline.plugins.loaded())["forgetful"]
    monkeypatch.setattr(type(plugin), "broken", False)

    async def replay():
        # Twice, as after a crash between a replay and its mark.
        for again in (False, True):
            wanted = None
            if again:
                wanted = dead_letter_filter(claimx_sandbox.pipeline, replayed=True)
            plan = await plan_replay(claimx_sandbox.pipeline, wanted)
            await replay_dead_letters(claimx_sandbox.pipeline, plan)

    asyncio.run(replay())
    claimx_sandbox.run("plugin-state")
    assert counts(claimx_sandbox)[project] == ["a", "b", "c", "broken"]


class NoWay(Plugin):
    name = "no_way"
    event_types = frozenset({"PROJECT_CREATED"})

    def execute(self, context):
        return PluginResult.change_state("x", 1)


def test_a_plugin_that_does_not_say_how_its_state_changes_has_failed(claimx_sandbox):
    claimx_sandbox.install(NoWay)
    claimx_sandbox.happen(2)
    claimx_sandbox.run("ingest", "enrichment")
    (letter,) = claimx_sandbox.dead_letters()
    assert b"change_state(key, value, change)" in dict(letter.headers)["claimx-dlq-error"]
    assert "plugin-state" not in claimx_sandbox.pipeline.workers


def test_an_old_plugin_may_have_an_attribute_of_its_own_called_state():
    class Old(Plugin):
        name = "old"

        def __init__(self, config=None):
            super().__init__(config)
            self.state = "mine"

        def execute(self, context):
            return None

    assert Old().state == "mine"
    with pytest.raises(KeyError):
        CountPerCity().state["Bonn"]
