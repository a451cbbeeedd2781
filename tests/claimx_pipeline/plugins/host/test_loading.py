"""Finding and loading plugins: from a directory, disabled, broken, doubled, misspelt."""

import types
from pathlib import Path

import pytest

from claimx_pipeline import Pipeline, SettingsError, hookimpl
from claimx_pipeline import builtin as core
from claimx_pipeline.errors import PluginLoadError
from claimx_pipeline.plugins.host.loading import PluginSet, load_plugins
from claimx_pipeline.settings.tree.plugins import PluginSettings, PluginsSettings
from claimx_pipeline.telemetry.health import Health

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


def load(directory: Path | None, tolerant=False, environ=None, **named) -> PluginSet:
    settings = PluginsSettings(named=named)
    return load_plugins(
        settings, core=core, directory=directory, tolerant=tolerant, environ=environ
    )


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
    assert info.state == "failed"
    assert "nowhere_to_be_found" in info.problem


@pytest.mark.incident("PLG-03")
def test_a_required_plugin_that_is_broken_stops_the_start(tmp_path):
    directory = folder(tmp_path, code="import nowhere_to_be_found")
    with pytest.raises(PluginLoadError, match=r"'mine'.*nowhere_to_be_found.*enabled: false"):
        load(directory, mine=PluginSettings(required=True))


def test_whoever_only_looks_is_not_stopped(tmp_path):
    directory = folder(tmp_path, code="import nowhere_to_be_found")
    plugins = load(directory, tolerant=True, mine=PluginSettings(required=True))
    assert plugins.infos["mine"].state == "failed"


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


def test_a_wrapper_is_refused(tmp_path):
    code = (
        GOOD + "    from claimx_pipeline import hookimpl\n    @hookimpl(wrapper=True)\n"
        "    def claimx_worker_stopping(self, worker): return (yield)\n"
    )
    problem = load(folder(tmp_path, code=code)).infos["mine"].problem
    assert problem == "claimx_worker_stopping cannot be a wrapper; remove 'wrapper=True'"


def test_two_plugins_of_one_name_are_refused(tmp_path):
    folder(tmp_path, "one")
    second = tmp_path / "plugins" / "two"
    second.mkdir()
    text = (tmp_path / "plugins" / "one" / "config.yaml").read_text()
    (second / "config.yaml").write_text(text)
    with pytest.raises(PluginLoadError, match="each of them has a plugin of this name"):
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


def test_two_plugins_of_one_name_are_both_named_and_looking_goes_on(tmp_path):
    folder(tmp_path, "one")
    second = tmp_path / "plugins" / "two"
    second.mkdir()
    text = (tmp_path / "plugins" / "one" / "config.yaml").read_text()
    (second / "config.yaml").write_text(text)
    with pytest.raises(PluginLoadError) as raised:
        load(tmp_path / "plugins")
    assert "one/config.yaml" in str(raised.value)
    assert "two/config.yaml" in str(raised.value)
    info = load(tmp_path / "plugins", tolerant=True).infos["one"]
    assert info.state == "failed"
    assert "two/config.yaml" in info.origin
    off = load(tmp_path / "plugins", one=PluginSettings(enabled=False))
    assert off.infos["one"].state == "disabled"


@pytest.mark.parametrize("name", ["core", "dir"])
def test_a_name_that_means_something_else_is_refused(tmp_path, name):
    assert "a meaning of its own" in load(folder(tmp_path, name)).infos[name].problem


@pytest.mark.parametrize(
    ("required", "told"),
    [
        ("2.0", "install a newer claimx-pipeline"),
        ("1.7", "install a newer claimx-pipeline"),
        ("0.9", "install a newer plugin"),
        ("new", "write a version such as '1.0'"),
    ],
)
def test_a_plugin_for_another_api_is_refused_with_a_sentence(tmp_path, required, told):
    code = GOOD.replace("priority = 7", f'requires_api = "{required}"')
    assert told in load(folder(tmp_path, code=code)).infos["mine"].problem


@pytest.mark.parametrize("required", ["1", "1.0", ""])
def test_a_plugin_for_this_api_is_loaded(tmp_path, required):
    code = GOOD.replace("priority = 7", f'requires_api = "{required}"')
    assert load(folder(tmp_path, code=code)).infos["mine"].state == "loaded"


def test_version_and_description_are_told(tmp_path):
    code = GOOD.replace("priority = 7", 'version = "3.1"; description = "does things"')
    info = load(folder(tmp_path, code=code)).infos["mine"]
    assert (info.version, info.description) == ("3.1", "does things")


TRIGGER = {"module": "claimx_pipeline.plugins.task_trigger", "cls": "TaskTriggerPlugin"}


def hook_config(url: str, header: str) -> str:
    webhook = f'{{url: "{url}", headers: {{Authorization: "{header}"}}}}'
    return f"{{triggers: {{4001: {{on_any: {{webhook: {webhook}}}}}}}}}"


def test_variables_are_filled_in_a_plugins_own_file(tmp_path):
    config = hook_config("${HOOK}/x", "Bearer ${TOKEN}")
    environ = {"HOOK": "https://hooks.example", "TOKEN": "abc123"}
    plugins = load(folder(tmp_path, config=config, **TRIGGER), environ=environ)
    plugin = dict(plugins.loaded())["mine"]
    webhook = plugin.config.triggers[4001].on_any.webhook
    assert webhook.url == "https://hooks.example/x"
    assert webhook.headers == {"Authorization": "Bearer abc123"}
    assert plugins.warnings == []
    assert "abc123" not in repr(plugin.config)


@pytest.mark.incident("SEC-01")
@pytest.mark.parametrize(
    ("url", "header", "option"),
    [
        ("https://hooks.example/x", "Bearer abc123", "headers.Authorization"),
        ("https://hooks.example/x?token=abc123", "", "webhook.url"),
        ("https://me:abc123@hooks.example/x", "", "webhook.url"),
    ],
)
def test_a_credential_written_out_earns_a_warning(tmp_path, url, header, option):
    plugins = load(folder(tmp_path, config=hook_config(url, header), **TRIGGER), environ={})
    (warning,) = plugins.warnings
    assert "mine/config.yaml" in warning.where
    assert warning.where.endswith(option)
    assert "write ${" in warning.what
    assert "abc123" not in str(warning)


def test_a_variable_without_a_value_stops_only_those_who_run_plugins(tmp_path):
    config = hook_config("https://hooks.example/x", "${NOWHERE}")
    plugins = load(folder(tmp_path, config=config, **TRIGGER), environ={})
    assert plugins.infos["mine"].state == "loaded"
    (problem,) = plugins.unresolved
    assert "NOWHERE is not set" in problem.what
    pipeline = Pipeline.load(environ={}, cwd=tmp_path, overrides={"plugins.dir": "plugins"})
    with pytest.raises(SettingsError, match="NOWHERE is not set"):
        pipeline.require(pipeline.select(["enrichment"]))
    pipeline.require(pipeline.select(["events"]))


@pytest.mark.parametrize(
    ("changes", "told"),
    [
        ({"config": "[1]"}, "config: must be a mapping"),
        ({"enabled": "perhaps"}, "enabled"),
        ({"module": "nowhere.to_be_found"}, "No module named"),
        ({"cls": "Yours"}, "has no class 'Yours'"),
        ({"cls": "Path", "module": "pathlib"}, "is not a claimx_pipeline.Plugin"),
        ({"name": "mine\nclas: x"}, "unknown key 'clas'"),
    ],
)
def test_a_mistake_in_the_file_is_named_with_the_file(tmp_path, changes, told):
    info = load(folder(tmp_path, **changes)).infos["mine"] if "name" not in changes else None
    if info is None:
        directory = folder(tmp_path)
        file = directory / "mine" / "config.yaml"
        file.write_text(file.read_text() + "clas: x\n")
        info = load(directory).infos["mine"]
    assert info.state == "failed"
    assert told in info.problem


def test_publishing_to_a_topic_of_the_pipeline_is_found_before_the_start(tmp_path):
    config = "{triggers: {4001: {on_any: {publish_to_topic: claimx.entities.rows}}}}"
    folder(tmp_path, config=config, **TRIGGER)
    pipeline = Pipeline.load(environ={}, cwd=tmp_path, overrides={"plugins.dir": "plugins"})
    (problem,) = pipeline.check()
    assert "belongs to the pipeline" in problem.what


def test_every_name_that_leads_to_a_topic_of_the_pipeline_is_refused(tmp_path):
    (tmp_path / "claimx.yaml").write_text(
        'broker: {prefix: "p.", topics: {mine: {name: claimx-raw}, '
        "claimx.events.raw: {name: claimx-raw}}}\n"
    )
    pipeline = Pipeline.load(environ={}, cwd=tmp_path)
    resources = pipeline.resources(pipeline.broker(), Health(pipeline.clock))
    core_topics = resources.dispatcher.answers.rules.core_topics
    for name in (
        "mine",
        "claimx-raw",
        "p.claimx.entities.rows",
        "claimx.enrichment.retry.5m",
        "claimx.enrichment.dlq",
        "claimx.dlq.replayed",
        "claimx.actions.pending",
    ):
        assert name in core_topics
    assert "acme.topic" not in core_topics


def test_the_pipeline_finds_what_fails_without_failing(tmp_path):
    folder(tmp_path, code="import nowhere_to_be_found")
    (tmp_path / "claimx.yaml").write_text(
        "plugins: {dir: plugins, mine: {required: true}}\nacme: {of: another plugin}\n"
    )
    infos = Pipeline.find_plugins(None, environ={}, cwd=tmp_path).infos
    assert infos["mine"].state == "failed"
