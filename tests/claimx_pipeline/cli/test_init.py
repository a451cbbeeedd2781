import re
import stat

import pytest
from typer.testing import CliRunner

from claimx_pipeline import builtin as core
from claimx_pipeline.cli.init import app, template
from claimx_pipeline.plugins.host.loading import load_plugins
from claimx_pipeline.plugins.task_trigger import TaskTriggerPlugin
from claimx_pipeline.settings.loading.leaves import leaves
from claimx_pipeline.settings.loading.yaml_nodes import read_yaml
from claimx_pipeline.settings.tree.plugins import PluginsSettings
from claimx_pipeline.settings.tree.settings import CORE_ENVIRONMENT, Settings
from tests.rigs.settings_text import load_text, problems_of


def run(*arguments):
    return CliRunner().invoke(app, [str(argument) for argument in arguments])


def with_everything(name):
    """Return a template with every setting switched on."""
    return re.sub(r"^( *)#(?=\S)", r"\1", template(name), flags=re.MULTILINE)


def test_it_writes_settings_that_change_nothing(tmp_path):
    result = run(tmp_path / "new")
    assert result.exit_code == 0
    written = (tmp_path / "new" / "claimx.yaml").read_text()
    loaded = load_text(tmp_path, written)
    assert loaded.settings == Settings()
    assert (loaded.warnings, loaded.unresolved) == ((), ())


@pytest.mark.incident("CFG-04")
def test_the_template_holds_every_setting_with_its_default(tmp_path):
    text = with_everything("claimx.yaml")
    environ = dict.fromkeys(re.findall(r"\$\{([A-Z_]+)\}", text), "x")
    loaded = load_text(tmp_path, text, environ)
    paths = {leaf.path for leaf in leaves(loaded.settings)}
    # An option of workers is shown by the one or the other of the examples.
    names = {path: re.sub(r"^workers\.\w+", "workers", path) for path in loaded.origins}
    # What a single service may say otherwise is shown in the section network.
    names |= {path: path[at:] for path in names if (at := path.rfind("network.")) > 0}
    shown = {names[path] for path, origin in loaded.origins.items() if origin != "default"}
    missing = [name for name in names.values() if not any(each.startswith(name) for each in shown)]
    assert missing == []
    defaults = {leaf.path: leaf.value for leaf in leaves(Settings())}
    shown = {leaf.path: leaf.value for leaf in leaves(loaded.settings)}
    for path, default in defaults.items():
        if default not in (None, {}):
            assert shown[path] == default
    assert paths >= {path for path, default in defaults.items() if default != {}}
    for variable in CORE_ENVIRONMENT:
        assert variable in text or variable == "CLAIMX_API_BASE_URL"


def test_any_single_setting_can_be_switched_on(tmp_path):
    """A heading is never commented out, so one '#' less is a file that loads."""
    lines = template("claimx.yaml").splitlines()
    for number, line in enumerate(lines):
        match = re.fullmatch(r"( *)#(\S.*)", line)
        if match is None or match[2].endswith(":") or _is_below_an_example(lines, number):
            continue
        changed = [*lines[:number], match[1] + match[2], *lines[number + 1 :]]
        assert problems_of(tmp_path, "\n".join(changed)) == []


def _is_below_an_example(lines, number):
    indent = len(lines[number]) - len(lines[number].lstrip())
    above = (line for line in reversed(lines[:number]) if line.strip())
    parent = next(line for line in above if len(line) - len(line.lstrip()) < indent)
    return parent.lstrip().startswith("#")


def test_the_task_trigger_is_switched_off(tmp_path):
    run(tmp_path)
    content = read_yaml(tmp_path / "plugins/config/task_trigger/config.yaml")
    assert list(content) == ["name", "module", "class", "enabled", "priority", "config"]
    assert content["enabled"] is False
    assert (content["module"], content["class"]) == (
        "claimx_pipeline.plugins.task_trigger",
        "TaskTriggerPlugin",
    )


@pytest.mark.incident("PLG-03")
def test_the_task_trigger_is_where_plugins_are_looked_for(tmp_path):
    run(tmp_path)
    found = load_plugins(PluginsSettings(), core=core, directory=tmp_path / PluginsSettings().dir)
    assert found.infos["task_trigger"].state == "disabled"
    file = tmp_path / PluginsSettings().dir / "task_trigger" / "config.yaml"
    file.write_text(file.read_text().replace("enabled: false", "enabled: true"))
    found = load_plugins(PluginsSettings(), core=core, directory=tmp_path / PluginsSettings().dir)
    assert found.infos["task_trigger"].state == "loaded"


def test_the_task_triggers_example_is_understood_by_the_plugin(tmp_path):
    for text in (template("task_trigger.yaml"), with_everything("task_trigger.yaml")):
        file = tmp_path / "config.yaml"
        file.write_text(text)
        config = read_yaml(file, {"HOOK_KEY": "x"})["config"]
        TaskTriggerPlugin.from_settings(config, "config")


def test_a_file_that_exists_is_left_alone(tmp_path):
    (tmp_path / "claimx.yaml").write_text("# mine")
    result = run(tmp_path)
    assert result.exit_code == 1
    assert "exists already; nothing was written" in result.stderr
    assert [file.name for file in tmp_path.iterdir()] == ["claimx.yaml"]
    assert (tmp_path / "claimx.yaml").read_text() == "# mine"


def test_force_overwrites(tmp_path):
    (tmp_path / "claimx.yaml").write_text("# mine")
    assert run(tmp_path, "--force").exit_code == 0
    assert (tmp_path / "claimx.yaml").read_text() == template("claimx.yaml")


def test_a_folder_that_cannot_be_written_is_named(tmp_path):
    (tmp_path / "file").write_text("")
    result = run(tmp_path / "file")
    assert result.exit_code == 1
    assert "cannot be written" in result.stderr
    assert stat.S_ISREG((tmp_path / "file").stat().st_mode)
