"""What operators of the original saw with DEBUG is seen with DEBUG: each step of an event."""

import logging
import re

import pytest
import yaml

from claimx_pipeline.simulator.world import World
from tests.rigs.whole_pipeline import whole_pipeline

pytestmark = pytest.mark.plugin
EVENTS = 80
LINES = {
    r"event \S+ of assignment \S+ is tracked",
    r"trigger \S+ matches event \S+",
    r"event \S+ \(\w+\) is enriched",
    r"file \S+ is in the cache",
    r"file \S+ is stored at \S+",
    r"plugin \S+ is loaded for worker \S+",
}


def write_trigger(folder):
    """Write a trigger that logs each task."""
    world = World(7)
    world.set_clock(world.end(EVENTS))
    tasks = [world.task(e.assignment_id) for e in world.events(EVENTS) if e.assignment_id]
    config = {
        "name": "seen",
        "module": "claimx_pipeline.plugins.task_trigger",
        "class": "TaskTriggerPlugin",
        "config": {
            "triggers": {t.template_id: {"name": "seen", "on_any": {"log": "x"}} for t in tasks}
        },
    }
    file = folder / "plugins" / "seen" / "config.yaml"
    file.parent.mkdir(parents=True)
    file.write_text(yaml.safe_dump(config))


async def test_each_step_of_an_event_is_a_line_at_debug(tmp_path, caplog):
    caplog.set_level(logging.DEBUG, "claimx_pipeline")
    caplog.set_level(logging.DEBUG, "itel_cabinet_plugin")
    write_trigger(tmp_path)
    async with whole_pipeline(tmp_path, plugins=f"{{dir: {tmp_path}/plugins}}") as whole:
        whole.start()
        await whole.publish(EVENTS)
        await whole.idle(90)
    messages = [record.getMessage() for record in caplog.records]
    missing = [line for line in LINES if not any(re.search(line, each) for each in messages)]
    assert missing == []
