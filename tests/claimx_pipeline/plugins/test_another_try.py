"""A plugin that asks for another try: written as a user writes it, run in the kit's sandbox."""

import asyncio
from collections import Counter
from datetime import timedelta
from typing import ClassVar

from claimx_pipeline import Plugin, PluginResult, Topic
from claimx_pipeline.errors import HookFailedError
from claimx_pipeline.hooks import TransientError
from claimx_pipeline.operations import plan_replay, replay_dead_letters
from claimx_pipeline.runtime.headers import header

TRIES: Counter[str] = Counter()
BEHAVIOUR = {"fails": 0, "way": "raise"}


class Flaky(Plugin):
    """Looks a project up in a service that does not always answer."""

    name = "flaky"
    event_types = frozenset({"PROJECT_CREATED"})

    def topics(self):
        return [Topic("flaky.found", terminal=True)]

    async def execute(self, context):
        TRIES[context.event_id] += 1
        if TRIES[context.event_id] <= BEHAVIOUR["fails"]:
            if BEHAVIOUR["way"] == "raise":
                raise TransientError("the service of Acme did not answer")
            return PluginResult.retry("Acme is not ready", after=timedelta(seconds=0.1))
        return PluginResult.publish("flaky.found", {"project": context.project_id})


class Witness(Plugin):
    """Counts how often it is called: it works, so it is called once for each event."""

    name = "witness"
    priority = 200
    event_types = frozenset({"PROJECT_CREATED"})
    seen: ClassVar[Counter[str]] = Counter()

    async def execute(self, context):
        self.seen[context.event_id] += 1


def prepared(sandbox, **behaviour):
    TRIES.clear()
    Witness.seen.clear()
    BEHAVIOUR.update(behaviour)
    sandbox.install(Flaky)
    sandbox.install(Witness)
    events = sandbox.happen(12)
    return [event for event in events if event.event_type == "PROJECT_CREATED"]


def found(sandbox):
    return sorted(message["project"] for message in sandbox.messages("flaky.found"))


def test_a_plugin_whose_service_did_not_answer_is_called_again_alone(claimx_sandbox):
    created = prepared(claimx_sandbox, fails=2, way="raise")
    claimx_sandbox.run("ingest", "enrichment", "entities")
    assert found(claimx_sandbox) == sorted(event.project_id for event in created) != []
    assert set(TRIES.values()) == {3}
    assert set(Witness.seen.values()) == {1}, "the other plugins are done with the event"
    waited = claimx_sandbox.records("claimx.plugins.retry.200ms")
    assert {header(record.headers, "claimx-plugin") for record in waited} == {"flaky"}
    assert claimx_sandbox.dead_letters() == []
    rows = claimx_sandbox.rows("SELECT event_id, outcome FROM claimx_event_log")
    assert {row["outcome"] for row in rows if row["event_id"] in TRIES} == {"enriched"}


def test_after_the_last_try_it_is_a_dead_letter_that_a_replay_gives_to_the_plugin(claimx_sandbox):
    created = prepared(claimx_sandbox, fails=3, way="answer")
    claimx_sandbox.run("ingest", "enrichment", "entities")
    letters = claimx_sandbox.dead_letters()
    assert len(letters) == len(created) > 0
    said = {name: value.decode() for name, value in letters[0].headers}
    assert (said["claimx-dlq-kind"], said["claimx-dlq-plugin"]) == ("plugin", "flaky")
    assert (said["claimx-dlq-attempts"], said["claimx-dlq-category"]) == ("3", "transient")
    assert "it asks for another try: Acme is not ready" in said["claimx-dlq-error"]
    assert found(claimx_sandbox) == []

    async def replay():
        plan = await plan_replay(claimx_sandbox.pipeline)
        return await replay_dead_letters(claimx_sandbox.pipeline, plan)

    assert asyncio.run(replay()).groups.count == len(created)
    claimx_sandbox.run("enrichment", "entities")
    assert found(claimx_sandbox) == sorted(event.project_id for event in created)
    assert set(Witness.seen.values()) == {1}


class Broken(Plugin):
    """Has a defect: another try does not help."""

    name = "broken"

    async def execute(self, context):
        raise ValueError("a defect")


def test_a_defect_is_a_dead_letter_at_once(claimx_sandbox):
    claimx_sandbox.install(Broken)
    events = claimx_sandbox.happen(3)
    claimx_sandbox.run("ingest", "enrichment")
    letters = claimx_sandbox.dead_letters()
    assert len(letters) == len(events)
    assert claimx_sandbox.records("claimx.plugins.retry.200ms") == []


def test_the_error_of_a_plugin_keeps_what_its_cause_says_about_another_try():
    from claimx_pipeline.errors import Category, RecordError, category_of, is_outage
    from claimx_pipeline.plugins.host.calling import Listener

    listener = Listener("p", "claimx_enrichment_complete", 1, print, ())
    slow = listener.raised(RecordError("slow down", Category.THROTTLED, retry_after=7.0))
    assert (category_of(slow), slow.retry_after, is_outage(slow)) == (Category.THROTTLED, 7.0, True)
    refused = listener.raised(RecordError("no", Category.PERMANENT))
    assert isinstance(refused, HookFailedError)
    assert category_of(refused) is Category.BUG
