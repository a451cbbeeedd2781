"""The kit's parts, each as a plugin's author would use it, and what they find."""

import shutil
import types
from datetime import timedelta
from pathlib import Path

import pytest

from claimx_pipeline import Plugin, PluginResult, Topic, hookimpl
from claimx_pipeline.errors import ClaimxError, UsageError
from claimx_pipeline.testing import (
    PluginContract,
    SimulatedEvents,
    SimulatedRoute,
    WorldEvent,
    make_context,
)

EXAMPLE = Path(__file__).parents[3] / "examples" / "directory-plugin" / "plugins"
SEEN = Topic("seen", partitions=1, terminal=True)


class Seen(Plugin):
    name = "seen"
    event_types = frozenset({"PROJECT_CREATED"})

    def topics(self):
        return [SEEN]

    def execute(self, context):
        return PluginResult.publish(SEEN.name, {"project": context.project_id})


def a_module():
    module = types.ModuleType("acme_hooks")

    @hookimpl
    def claimx_enrichment_complete(context):
        return PluginResult.log("info", context.event_type)

    module.claimx_enrichment_complete = claimx_enrichment_complete
    return module


@pytest.mark.parametrize(
    ("plugin", "name"),
    [(Seen, "seen"), (Seen(), "seen"), (a_module(), "acme_hooks"), (EXAMPLE, "big_claims")],
    ids=["class", "object", "module", "directory"],
)
def test_whatever_a_start_takes_can_be_installed(claimx_sandbox, plugin, name):
    claimx_sandbox.environ["DESK_URL"] = "file:///nowhere"
    claimx_sandbox.install(plugin)
    assert claimx_sandbox.pipeline.plugins.infos[name].state == "loaded"


def test_a_class_of_a_function_takes_part(claimx_sandbox):
    class Local(Seen):
        name = "local"

    claimx_sandbox.install(Local)
    claimx_sandbox.happen(20)
    claimx_sandbox.run("ingest", "enrichment")
    assert claimx_sandbox.messages("seen")


def test_one_folder_of_a_directory_can_be_installed(claimx_sandbox):
    claimx_sandbox.install(EXAMPLE / "big_claims")
    assert claimx_sandbox.pipeline.plugins.infos["big_claims"].state == "loaded"


def test_a_folder_without_a_plugin_and_a_second_of_one_name_are_refused(claimx_sandbox, tmp_path):
    with pytest.raises(UsageError, match="holds no plugin"):
        claimx_sandbox.install(tmp_path)
    claimx_sandbox.install(Seen)
    with pytest.raises(UsageError, match="'seen' is installed in this sandbox already"):
        claimx_sandbox.install(Seen())


@pytest.mark.plugin
def test_only_some_of_the_installed_plugins_take_part(claimx_sandbox):
    claimx_sandbox.only("itel_cabinet_trigger")
    claimx_sandbox.install(Seen)
    loaded = [name for name, _ in claimx_sandbox.pipeline.plugins.loaded()]
    assert loaded == ["itel_cabinet_trigger", "seen"]


def test_only_of_a_name_that_is_not_installed_is_refused(claimx_sandbox):
    with pytest.raises(UsageError, match="plugin 'acme' is not installed"):
        claimx_sandbox.only("acme")


def test_a_context_has_the_rows_of_the_simulated_claimx():
    context = make_context("CUSTOM_TASK_COMPLETED")
    assert context.event_type == "CUSTOM_TASK_COMPLETED"
    assert context.project["project_id"] == context.project_id
    assert context.tasks[0]["assignment_id"]


def test_a_context_is_the_tests_own_and_can_have_other_rows():
    first, second = make_context(), make_context(contacts=[])
    first.project["city"] = "changed"
    assert second.project["city"] != "changed"
    assert first.contacts
    assert second.contacts == []
    assert make_context("WEATHER").event_type == "WEATHER"
    with pytest.raises(ValueError, match="there is no kind 'weather'; there are projects"):
        make_context(weather=[])


class Refusing(Seen):
    def should_run(self, context):
        return False


class Undeclared(Seen):
    def topics(self):
        return ()


class NotJson(Seen):
    def execute(self, context):
        return PluginResult.publish(SEEN.name, {"project": object()})


class WrongHeader(Seen):
    def execute(self, context):
        return PluginResult.add_header("claimx-id", "x")


@pytest.mark.parametrize(
    ("plugin", "test", "said"),
    [
        (Refusing, "test_it_runs", "should_run refuses the event PROJECT_CREATED"),
        (Undeclared, "test_what_it_answers_can_be_carried_out", "there is no topic 'seen'"),
        (NotJson, "test_what_it_answers_can_be_carried_out", "type object"),
        (WrongHeader, "test_what_it_answers_can_be_carried_out", "the pipeline's own"),
    ],
)
def test_the_contract_finds(plugin, test, said):
    suite = type("Suite", (PluginContract,), {"make_plugin": lambda _: plugin()})()
    with pytest.raises(AssertionError, match=said):
        getattr(suite, test)()


class Storms(Plugin):
    """Asks the weather of each storm; both are simulated."""

    name = "storms"

    @hookimpl
    def claimx_extend_simulation(self, world):
        def storms(project):
            at = project.created_at + timedelta(minutes=7)
            value = {
                "event_type": "STORM_SEEN",
                "project_id": project.project_id,
                "ingested_at": at.isoformat(),
            }
            return [WorldEvent(at, value, "STORM_SEEN", project.project_id)]

        def wind(given):
            return {"city": given["city"], "at": world.now}

        return [SimulatedRoute("/wind/{city}", wind, connection="weather"), SimulatedEvents(storms)]


LOOKING = """
workers:
  winds:
    input_topic: cities
    success_topic: winds
    enrichment_handlers:
      - type: lookup
        config:
          connection: weather
          endpoint: "/wind/{city}"
          path_params: {city: city}
          result_field: found
"""


def test_a_plugin_extends_the_simulated_world(claimx_sandbox):
    claimx_sandbox.install(Storms)
    claimx_sandbox.configure(LOOKING)
    types = {event.event_type for event in claimx_sandbox.happen(60)}
    assert {"STORM_SEEN", "PROJECT_CREATED"} <= types
    claimx_sandbox.publish("cities", {"city": "Reno"})
    claimx_sandbox.run("winds")
    (message,) = claimx_sandbox.messages("winds")
    assert message["enriched_data"]["found"]["city"] == "Reno"


def test_what_is_no_part_of_a_simulation_is_refused(claimx_sandbox):
    class Wrong(Storms):
        @hookimpl
        def claimx_extend_simulation(self):
            return ["a route"]

    claimx_sandbox.install(Wrong)
    with pytest.raises(ClaimxError, match="'storms'.*not a SimulatedRoute"):
        _ = claimx_sandbox.pipeline


def test_a_copy_of_a_plugin_in_the_sandbox_leaves_the_original_alone(claimx_sandbox, tmp_path):
    source = tmp_path / "big_claims"
    shutil.copytree(EXAMPLE / "big_claims", source)
    claimx_sandbox.install(source)
    (claimx_sandbox.folder / "plugins" / "big_claims" / "workers.yaml").unlink()
    assert (source / "workers.yaml").is_file()
