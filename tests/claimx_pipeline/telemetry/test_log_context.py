"""What is bound around a call is in every line that is written in it."""

import asyncio
import json
import logging
import threading

from claimx_pipeline.plugins.host.thread import PluginThread
from claimx_pipeline.telemetry import log_context
from claimx_pipeline.telemetry.log import JsonFormatter, PlainFormatter
from claimx_pipeline.telemetry.log_context import about, bound_fields


def line(**extra) -> dict:
    made = logging.getLogger("x").makeRecord("x", 20, "f", 1, "m", (), None, extra=extra)
    return json.loads(JsonFormatter().format(made))


class Asked:
    asked = 0

    def log_fields(self):
        self.asked += 1
        return {"offset": 7}


def test_fields_are_those_of_all_blocks_around_a_line():
    with about(worker="w", plugin="a"):
        with about(plugin="b"):
            assert bound_fields() == {"worker": "w", "plugin": "b"}
            own = line(plugin="c")
            assert own == own | {"worker": "w", "plugin": "c"}
        assert bound_fields() == {"worker": "w", "plugin": "a"}
    assert bound_fields() == {}


def test_nothing_is_asked_of_a_record_until_a_line_is_written():
    record = Asked()
    with about(record):
        assert record.asked == 0
        assert line()["offset"] == 7
    assert record.asked == 1


def test_a_plain_line_has_them_too():
    made = logging.getLogger("x").makeRecord("x", 20, "f", 1, "m", (), None)
    made.created = 0
    with about(worker="w", cause="no answer"):
        assert PlainFormatter().format(made) == '00:00:00 m worker=w cause="no answer"'


async def test_tasks_and_threads_have_those_of_who_started_them():
    found = {}

    async def worker(name: str) -> None:
        log_context.bind(worker=name)
        await asyncio.sleep(0)
        found[name] = bound_fields()
        found[name, "thread"] = await asyncio.to_thread(bound_fields)

    await asyncio.gather(worker("a"), worker("b"))
    assert found["a"] == found["a", "thread"] == {"worker": "a"}
    assert found["b"] == found["b", "thread"] == {"worker": "b"}
    assert bound_fields() == {}


async def test_a_plugin_in_its_thread_logs_about_the_same_event():
    thread = PluginThread("p")
    with about(event_id="e1"):
        asked = thread.submit(lambda: (threading.current_thread().name, bound_fields()))
    assert await asked == ("plugin-p", {"event_id": "e1"})
    assert await thread.submit(bound_fields) == {}
    thread.stop()
