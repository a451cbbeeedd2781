"""Plugins that a program hands over: objects, classes, modules, and what is none."""

import types

import pytest

from claimx_pipeline import Pipeline, Plugin, PluginResult, Topic, UsageError, hookimpl, operations
from claimx_pipeline.errors import PluginLoadError
from claimx_pipeline.operations import Sources


class Greeter(Plugin):
    """Greets."""

    name = "greeter"
    priority = 9

    def topics(self):
        return [Topic("greetings", terminal=True)]

    def execute(self, context):
        return PluginResult.publish("greetings", {"id": context.event_id})


class Listener:
    """No Plugin, but with a hook."""

    @hookimpl
    def claimx_register_queries(self):
        return []


def module():
    made = types.ModuleType("some.where.watching")

    @hookimpl
    def claimx_register_queries():
        return []

    made.claimx_register_queries = claimx_register_queries
    return made


def load(tmp_path, *plugins, **settings):
    return Pipeline.load(settings=settings, environ={}, cwd=tmp_path, plugins=plugins)


@pytest.mark.parametrize(
    ("plugin", "name"),
    [
        (Greeter(), "greeter"),
        (Greeter, "greeter"),
        (Listener(), "listener"),
        (module(), "watching"),
    ],
)
def test_a_plugin_is_given_as_an_object_a_class_or_a_module(tmp_path, plugin, name):
    info = load(tmp_path, plugin).plugins.infos[name]
    assert (info.state, info.origin) == ("loaded", "given to Pipeline.load")


def test_it_takes_part_as_one_that_is_installed(tmp_path):
    pipeline = load(tmp_path, Greeter())
    assert pipeline.topology.writers["greetings"] == ["plugin greeter"]
    assert pipeline.plugins.infos["greeter"].priority == 9


def test_the_settings_of_its_name_hold_for_it(tmp_path):
    pipeline = load(tmp_path, Greeter, plugins={"greeter": {"priority": 3}})
    assert pipeline.plugins.infos["greeter"].priority == 3
    off = load(tmp_path, Greeter, plugins={"greeter": {"enabled": False}})
    assert off.plugins.infos["greeter"].state == "disabled"


@pytest.mark.parametrize("plugin", ["greeter", object(), int, None, types.ModuleType("empty")])
def test_what_has_no_hook_is_refused(tmp_path, plugin):
    with pytest.raises(UsageError, match=r"plugins\[1\] is .* implements no hook"):
        load(tmp_path, Greeter(), plugin)


@pytest.mark.parametrize("plugins", ["greeter", b"greeter", 7, Greeter()])
def test_what_is_no_list_is_refused(tmp_path, plugins):
    with pytest.raises(UsageError, match="give a list of plugins"):
        Pipeline.load(settings={}, environ={}, cwd=tmp_path, plugins=plugins)


def test_two_of_one_name_are_refused(tmp_path):
    with pytest.raises(PluginLoadError, match="a plugin of this name"):
        load(tmp_path, Greeter(), Greeter())


def test_a_check_reads_them_as_well(tmp_path):
    sources = Sources(None, {}, {}, tmp_path, {}, [object()])
    (problem,) = operations.check_settings(sources, ["ingest"]).problems
    assert problem.where == "plugins"
    assert "implements no hook" in problem.what
