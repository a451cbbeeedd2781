"""``claimx-run plugins``: show, try, and a new one that works as it was written."""

import json

import msgspec
import pytest

from claimx_pipeline.simulator.world import World
from tests.rigs.command import run


def event_of(tmp_path, event_type):
    event = next(
        e
        for e in World(7).events(300)
        if e.value.get("eventType") == event_type or e.value.get("event_type") == event_type
    )
    file = tmp_path / "event.json"
    file.write_bytes(msgspec.json.encode(event.value))
    return file


CONFIG = """\
name: task_trigger
module: claimx_pipeline.plugins.task_trigger
class: TaskTriggerPlugin
config:
  triggers:
    32513:
      name: cabinets
      on_any: {publish_to_topic: cabinets, log: "seen"}
"""


@pytest.fixture
def folder(tmp_path):
    place = tmp_path / "plugins" / "config" / "task_trigger"
    place.mkdir(parents=True)
    (place / "config.yaml").write_text(CONFIG)
    return tmp_path


def test_show_tells_what_a_plugin_is_and_brings_along(folder):
    done = run("plugins", "show", "task_trigger", "--json", cwd=folder)
    shown = json.loads(done.stdout)
    assert (shown["state"], shown["publishes to"]) == ("loaded", ["cabinets"])
    assert shown["what it does"]
    assert any("triggers" in line for line in shown["settings"])


def test_show_of_a_name_that_is_none_lists_the_names(folder):
    done = run("plugins", "show", "task_triger", cwd=folder)
    assert done.returncode == 2
    assert "there is no plugin 'task_triger'; did you mean 'task_trigger'? there are" in done.stderr


def test_try_shows_what_would_be_done_and_does_nothing(folder):
    event = event_of(folder, "CUSTOM_TASK_COMPLETED")
    arguments = ("plugins", "try", "task_trigger", "--event", str(event), "--simulated")
    done = run(*arguments, "--json", cwd=folder)
    tried = json.loads(done.stdout)
    assert tried["event_type"] == "CUSTOM_TASK_COMPLETED"
    assert {(action["action"], action["to"]) for action in tried["actions"]} in (
        {("publish", "cabinets"), ("log", "info")},
        set(),  # a completed task of another template
    )
    text = run(*arguments, cwd=folder)
    assert "answer" in text.stdout
    assert not (folder / "claimx-data").exists()


OPENING = """
from claimx_pipeline import Plugin, PluginResult, Topic

class Opening(Plugin):
    name = "opening"

    async def on_load(self):
        self.greeting = "hello"

    async def on_unload(self):
        print("closed")

    def topics(self):
        return [Topic("greetings", terminal=True)]

    def execute(self, context):
        found = {"text": self.greeting, "project": context.project_id}
        return PluginResult.publish("greetings", found, key="k").and_then(
            PluginResult.publish(TOPIC, {})
        )
"""


@pytest.mark.incident("STR-49")
@pytest.mark.parametrize(
    ("topic", "answer"),
    [("greetings", "2 actions"), ("others", "a failure: there is no topic 'others'")],
)
def test_try_calls_what_a_worker_calls_and_prints_what_can_be_read(tmp_path, topic, answer):
    place = tmp_path / "plugins" / "config" / "opening"
    place.mkdir(parents=True)
    (place / "config.yaml").write_text("{module: opening, class: Opening}")
    (place / "opening.py").write_text(f"TOPIC = {topic!r}\n{OPENING}")
    event = event_of(tmp_path, "PROJECT_CREATED")
    done = run("plugins", "try", "opening", "--event", str(event), "--simulated", cwd=tmp_path)
    assert done.returncode == 0, done.stderr
    lines = done.stdout.splitlines()
    assert lines[0] == "closed", "on_unload is called"
    assert lines[2].startswith(f"answer   {answer}")
    assert "1. publish to greetings" in done.stdout
    assert '       "text": "hello",' in done.stdout


def test_try_of_a_plugin_that_hears_of_another_domain_says_so(folder):
    config = folder / "plugins" / "config" / "task_trigger" / "other.py"
    config.write_text(
        "from claimx_pipeline.hooks import TaskTriggerPlugin\n"
        "class Other(TaskTriggerPlugin):\n"
        "    domains = ('weather',)\n"
    )
    text = CONFIG.replace("claimx_pipeline.plugins.task_trigger", "other")
    (config.parent / "config.yaml").write_text(text.replace("TaskTriggerPlugin", "Other"))
    event = event_of(folder, "CUSTOM_TASK_COMPLETED")
    arguments = ("plugins", "try", "task_trigger", "--event", str(event), "--simulated")
    done = run(*arguments, "--domain", "claimx", cwd=folder)
    assert "answer   nothing: it hears of events of weather only" in done.stdout
    done = run(*arguments, cwd=folder)
    assert done.returncode == 2
    assert "domain 'weather'" in done.stderr


def test_try_without_an_api_says_how_to_go_on(folder):
    event = event_of(folder, "CUSTOM_TASK_COMPLETED")
    done = run("plugins", "try", "task_trigger", "--event", str(event), cwd=folder)
    assert done.returncode == 2
    assert "CLAIMX_API_URL" in done.stderr


def test_try_of_an_event_that_is_none_says_so(folder):
    (folder / "x.json").write_text("nothing")
    done = run("plugins", "try", "task_trigger", "--event", "x.json", "--simulated", cwd=folder)
    assert done.returncode == 2
    assert "x.json does not hold a valid event" in done.stderr


def test_a_folder_that_exists_is_left_alone(tmp_path):
    (tmp_path / "acme").mkdir()
    done = run("plugins", "new", "acme", cwd=tmp_path)
    assert done.returncode == 2
    assert "acme exists already" in done.stderr
