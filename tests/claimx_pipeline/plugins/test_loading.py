"""Finding and loading plugins: from a directory, disabled, broken, doubled, misspelt."""

import types
from pathlib import Path

import pytest

from claimx_pipeline import core, hookimpl
from claimx_pipeline.errors import PluginLoadError
from claimx_pipeline.plugins.loading import PluginSet, load_plugins
from claimx_pipeline.settings.tree import PluginSettings, PluginsSettings

CONFIG = """\
name: {name}
module: {module}
class: {cls}
enabled: {enabled}
config: {config}
"""


def folder(tmp_path: Path, name="mine", code="", **changes) -> Path:
    """Write a directory plugin and return the directory."""
    given = {"name": name, "module": "plugin", "cls": "Mine", "enabled": "true", "config": "{}"}
    place = tmp_path / "plugins" / name
    place.mkdir(parents=True)
    (place / "config.yaml").write_text(CONFIG.format(**{**given, **changes}))
    (place / "plugin.py").write_text(code or GOOD)
    return tmp_path / "plugins"


GOOD = """\
from claimx_pipeline import Plugin, PluginResult
class Mine(Plugin):
    name = "mine"
    priority = 7
    def execute(self, context):
        return PluginResult.log("info", "hello")
"""


def load(directory: Path | None, tolerant=False, **named: PluginSettings) -> PluginSet:
    settings = PluginsSettings(named=named)
    return load_plugins(settings, core=core, directory=directory, tolerant=tolerant)


def test_a_directory_plugin_is_loaded(tmp_path):
    plugins = load(folder(tmp_path))
    info = plugins.infos["mine"]
    assert (info.state, info.priority) == ("loaded", 7)
    assert "claimx_enrichment_complete" in info.hooks
    assert info.origin.endswith("mine/config.yaml")


def test_the_packaged_task_trigger_can_be_used_from_a_directory(tmp_path):
    directory = folder(
        tmp_path,
        "task_trigger",
        module="claimx_pipeline.plugins.task_trigger",
        cls="TaskTriggerPlugin",
        config="{triggers: {4001: {on_any: {publish_to_topic: t}}}}",
    )
    plugins = load(directory)
    plugin = dict(plugins.loaded())["task_trigger"]
    assert [topic.name for topic in plugin.topics()] == ["t"]


def test_settings_win_over_the_plugins_own_file(tmp_path):
    plugins = load(folder(tmp_path), mine=PluginSettings(priority=3))
    assert plugins.infos["mine"].priority == 3


@pytest.mark.parametrize("how", ["file", "settings"])
def test_a_disabled_plugin_is_not_even_imported(tmp_path, how):
    directory = folder(
        tmp_path, code="raise SystemError('imported')", enabled="false" if how == "file" else "true"
    )
    plugins = load(directory, mine=PluginSettings(enabled=how == "file"))
    assert plugins.infos["mine"].state == "disabled"


@pytest.mark.incident("PLG-03")
def test_a_broken_directory_plugin_is_left_out_with_its_story(tmp_path):
    plugins = load(folder(tmp_path, code="import nowhere_to_be_found"))
    info = plugins.infos["mine"]
    assert info.state == "left out"
    assert "nowhere_to_be_found" in info.problem


@pytest.mark.incident("PLG-03")
def test_a_required_plugin_that_is_broken_stops_the_start(tmp_path):
    directory = folder(tmp_path, code="import nowhere_to_be_found")
    with pytest.raises(PluginLoadError, match=r"'mine'.*nowhere_to_be_found.*enabled: false"):
        load(directory, mine=PluginSettings(required=True))


def test_whoever_only_looks_is_not_stopped(tmp_path):
    directory = folder(tmp_path, code="import nowhere_to_be_found")
    plugins = load(directory, tolerant=True, mine=PluginSettings(required=True))
    assert plugins.infos["mine"].state == "left out"


def test_wrong_settings_of_a_plugin_are_its_problem(tmp_path):
    directory = folder(
        tmp_path,
        module="claimx_pipeline.plugins.task_trigger",
        cls="TaskTriggerPlugin",
        config="{triggres: {}}",
    )
    assert "triggres" in load(directory).infos["mine"].problem


@pytest.mark.incident("PLG-02")
def test_a_misspelt_hook_is_refused(tmp_path):
    code = (
        GOOD + "    from claimx_pipeline import hookimpl\n    @hookimpl\n"
        "    def claimx_enrichment_compleet(self): ...\n"
    )
    assert "claimx_enrichment_compleet" in load(folder(tmp_path, code=code)).infos["mine"].problem


def test_two_plugins_of_one_name_are_refused(tmp_path):
    folder(tmp_path, "one")
    second = tmp_path / "plugins" / "two"
    second.mkdir()
    text = (tmp_path / "plugins" / "one" / "config.yaml").read_text()
    (second / "config.yaml").write_text(text)
    with pytest.raises(PluginLoadError, match="has a plugin of that name too"):
        load(tmp_path / "plugins")


def test_no_directory_is_no_problem(tmp_path):
    assert load(tmp_path / "nowhere").infos.keys() == load(None).infos.keys()


def test_a_module_can_be_a_plugin():
    """Entry points may lead to modules; registering one needs no class."""

    def claimx_register_queries():
        return []

    module = types.SimpleNamespace(claimx_register_queries=hookimpl(claimx_register_queries))
    plugins = load(None)
    plugins.manager.register(module, name="a-module")
    plugins.manager.check_pending()
    assert "a-module" in dict(plugins.loaded())
