"""The kit for plugin authors, used as its documentation says."""

import pytest

from claimx_pipeline import Plugin, PluginResult
from claimx_pipeline.errors import ClaimxError
from claimx_pipeline.stages import (
    FieldRule,
    TransformConfig,
    TransformStage,
    ValidationConfig,
    ValidationStage,
)
from claimx_pipeline.testing import PluginContract, StageContract, make_event, make_record


class Greeter(Plugin):
    """Publishes a greeting for each new project."""

    name = "greeter"
    event_types = frozenset({"PROJECT_CREATED"})

    def topics(self):
        from claimx_pipeline import Topic

        return [Topic("greetings", terminal=True)]

    def execute(self, context):
        return PluginResult.publish("greetings", {"project": context.project_id})


def test_a_plugin_takes_part_in_the_whole_pipeline(claimx_sandbox):
    claimx_sandbox.install(Greeter)
    events = claimx_sandbox.happen(30)
    claimx_sandbox.run("ingest", "enrichment", "entities")
    created = {e.project_id for e in events if e.event_type == "PROJECT_CREATED"}
    greeted = {message["project"] for message in claimx_sandbox.messages("greetings")}
    assert greeted == created != set()
    assert {row["project_id"] for row in claimx_sandbox.rows("claimx_projects")} >= created
    assert claimx_sandbox.dead_letters() == []


def test_what_cannot_be_read_is_found_among_the_dead_letters(claimx_sandbox):
    claimx_sandbox.publish("claimx.events.raw", b"no event", key="k")
    claimx_sandbox.run("ingest")
    (letter,) = claimx_sandbox.dead_letters()
    assert (letter.value, letter.key) == (b"no event", b"k")


def test_settings_are_laid_over_those_of_the_sandbox(claimx_sandbox):
    claimx_sandbox.configure("workers: {ingest: {batch_size: 3}}")
    claimx_sandbox.environ["LOG_LEVEL"] = "WARNING"
    assert claimx_sandbox.pipeline.workers["ingest"].batch_size == 3
    assert claimx_sandbox.pipeline.settings.logging.level == "WARNING"


async def test_it_works_where_an_event_loop_runs_already(claimx_sandbox):
    claimx_sandbox.happen(5)
    claimx_sandbox.run("events")
    assert len(claimx_sandbox.rows("claimx_events")) == 5


def test_a_plugin_is_shown_what_the_api_answers(claimx_sandbox, claimx_simulator):
    event = next(e for e in claimx_sandbox.happen(20) if e.event_type == "PROJECT_CREATED")
    context = claimx_sandbox.context(event)
    assert context.project["project_id"] == event.project_id
    assert claimx_simulator.requests.find()


def test_an_event_of_no_handler_has_nothing_to_show(claimx_sandbox):
    with pytest.raises(ClaimxError, match="no handler is for events WEATHER"):
        claimx_sandbox.context(make_event("WEATHER"))


def test_the_fixtures_are_of_the_one_sandbox(claimx_sandbox, claimx_run_worker, claimx_event):
    assert claimx_event("PROJECT_CREATED", project_id="9").project_id == "9"
    claimx_sandbox.publish("claimx.events.raw", {"event_type": "X", "project_id": "9"})
    claimx_run_worker("ingest")
    assert len(claimx_sandbox.records("claimx.enrichment.pending")) == 1


def test_a_made_record_has_what_a_broker_gives():
    record = make_record({"a": 1}, offset=4, key="k", headers={"h": "v"})
    assert (record.value, record.offset, record.key) == (b'{"a":1}', 4, b"k")
    assert record.headers == (("h", b"v"),)


class TestTransform(StageContract):
    def make_stage(self):
        return TransformStage(TransformConfig(mappings={"who": "person.name"}))

    def good(self):
        return {"person": {"name": "ann"}}


class TestValidation(StageContract):
    def make_stage(self):
        rules = {"who": FieldRule(in_=("ann", "bob"))}
        return ValidationStage(ValidationConfig(required_fields=("who",), field_rules=rules))

    def good(self):
        return {"who": "ann"}

    def bad(self):
        return {"who": "eve"}


class TestGreeter(PluginContract):
    def make_plugin(self):
        return Greeter()


class Shifty(Greeter):
    """Answers differently each time."""

    def execute(self, context):
        return PluginResult.publish("greetings", {"at": id(object()), "n": self.count()})

    def count(self):
        type(self).counted = getattr(type(self), "counted", 0) + 1
        return type(self).counted


def test_the_contract_finds_a_plugin_that_answers_differently_each_time():
    class Suite(PluginContract):
        def make_plugin(self):
            return Shifty()

    with pytest.raises(AssertionError):
        Suite().test_the_same_event_gets_the_same_answer_again()


class Blunt(ValidationStage):
    """Fails the batch for one record."""

    async def process(self, items):
        for item in items:
            if item.data.get("who") != "ann":
                raise ValueError("a bad record")


def test_the_contract_finds_a_stage_that_fails_the_batch_for_one_record():
    class Suite(TestValidation):
        def make_stage(self):
            return Blunt(ValidationConfig())

    with pytest.raises(ValueError, match="a bad record"):
        Suite().test_one_bad_record_is_its_own_failure_alone()
