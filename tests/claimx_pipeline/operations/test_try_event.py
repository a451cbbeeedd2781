"""One event, outside a worker: what plugins see of it, and what one would do."""

import asyncio

import msgspec
import pytest

from claimx_pipeline import Plugin, PluginResult, Topic, UsageError, operations
from claimx_pipeline.errors import ClaimxError, DecodeError, RecordError
from claimx_pipeline.testing import make_event


class Greeter(Plugin):
    """Publishes a greeting for each project."""

    name = "greeter"

    def topics(self):
        return [Topic("greetings", terminal=True)]

    def execute(self, context):
        return PluginResult.publish("greetings", {"project": context.project_id})


class Blunt(Plugin):
    """Answers what it must not."""

    name = "blunt"

    def execute(self, context):
        return "yes"


class Curious(Plugin):
    """Asks the API and the tables, and tries to call a service."""

    name = "curious"

    def topics(self):
        return [Topic("found", terminal=True)]

    async def execute(self, context):
        answer = await context.reader.project(int(context.project_id))
        rows = await context.query("SELECT count(*) AS n FROM claimx_projects")
        try:
            context.connection("desk")
        except LookupError as error:
            refused = str(error)
        found = {"keys": list(answer.body), "rows": rows, "refused": refused}
        return PluginResult.publish("found", found)


@pytest.fixture
def event(claimx_sandbox):
    return next(e for e in claimx_sandbox.happen(20) if e.event_type == "PROJECT_CREATED")


def test_a_plugin_is_tried_and_nothing_of_it_is_done(claimx_sandbox, event):
    claimx_sandbox.install(Greeter)
    tried = asyncio.run(operations.try_plugin(claimx_sandbox.pipeline, "greeter", event))
    (action,) = tried.answer.actions
    assert (action.topic, tried.context.project["project_id"]) == ("greetings", event.project_id)
    assert tried.problem == ""
    assert claimx_sandbox.records("greetings") == []


def test_a_plugin_that_is_tried_may_ask_and_not_send(claimx_sandbox, event):
    claimx_sandbox.install(Curious)
    tried = asyncio.run(operations.try_plugin(claimx_sandbox.pipeline, "curious", event))
    assert tried.problem == ""
    (action,) = tried.answer.actions
    assert "project" in action.payload["keys"]
    assert action.payload["rows"] == [{"n": 0}]
    assert "nothing is sent by a trial" in action.payload["refused"]


def test_an_answer_that_would_be_a_failure_is_named(claimx_sandbox, event):
    claimx_sandbox.install(Blunt)
    tried = asyncio.run(operations.try_plugin(claimx_sandbox.pipeline, "blunt", event))
    assert tried.answer is None
    assert tried.problem == "a str, which is a failure: it must be PluginResult or None"


def test_a_plugin_that_cannot_be_tried_is_named_with_the_reason(claimx_sandbox, event):
    claimx_sandbox.configure("plugins: {itel_cabinet_trigger: {enabled: false}}")
    pytest.importorskip("itel_cabinet_plugin")
    for name, what in (
        ("nope", "there is no plugin 'nope'"),
        ("itel_cabinet_trigger", "'itel_cabinet_trigger' is disabled"),
        ("itel_cabinet_tracking", "'itel_cabinet_tracking' does not react to events"),
    ):
        with pytest.raises(UsageError, match=what):
            asyncio.run(operations.try_plugin(claimx_sandbox.pipeline, name, event))


def test_what_the_api_does_not_answer_is_an_error(claimx_sandbox):
    pipeline = claimx_sandbox.pipeline
    with pytest.raises(RecordError):
        asyncio.run(operations.context_of(pipeline, make_event("PROJECT_CREATED", project_id="0")))
    with pytest.raises(ClaimxError, match="no handler is for events WEATHER"):
        asyncio.run(operations.context_of(pipeline, make_event("WEATHER")))


def test_an_event_is_read_from_json():
    value = msgspec.json.encode({"eventId": "e", "eventType": "X", "projectId": 7})
    event = operations.read_event(value)
    assert (event.event_id, event.event_type, event.project_id) == ("e", "X", "7")
    with pytest.raises(DecodeError):
        operations.read_event(b"nothing")
