"""The messages in a whole pipeline that writes no table, and their exact shape."""

import json
from pathlib import Path

import pytest
from enriched_topics.messages import task_message, video_message
from enriched_topics.plugin import EnrichedTopics

from claimx_pipeline.testing import PluginContract, make_context

GOLDEN = Path(__file__).parent / "golden"


def golden(name):
    return json.loads((GOLDEN / name).read_text())


class TestContract(PluginContract):
    """What every plugin has to keep."""

    def make_plugin(self):
        return EnrichedTopics()

    def make_context(self):
        return make_context("CUSTOM_TASK_COMPLETED")


def test_the_message_about_a_task_is_exactly_this():
    given = golden("task_given.json")
    message = task_message(given["wanted"], given["response"], given["report"])
    assert json.dumps(message) == json.dumps(golden("claimx_tasks.json"))


def test_the_message_about_a_video_call_is_exactly_this():
    given = golden("video_given.json")
    message = video_message(**given)
    assert json.dumps(message) == json.dumps(golden("claimx_video_collabs.json"))


def test_a_task_without_a_form_and_a_report_has_nulls():
    given = golden("task_given.json")
    given["wanted"]["task"]["pdf_project_media_id"] = None
    message = task_message(given["wanted"], None, None)
    assert message.keys() == golden("claimx_tasks.json").keys()
    missing = ("form_response", "report_id", "report_url", "report_name", "media_id")
    assert [message[name] for name in missing] == [None] * 5


@pytest.fixture
def published(claimx_sandbox):
    """The sandbox after 200 events and no worker that writes tables."""
    claimx_sandbox.happen(200)
    claimx_sandbox.run("ingest", "enrichment", "enriched-tasks")
    return claimx_sandbox


def test_every_task_and_video_event_is_a_message_and_no_table_is_needed(published):
    for topic, file in (
        ("claimx_tasks", "claimx_tasks.json"),
        ("claimx_video_collabs", "claimx_video_collabs.json"),
    ):
        records = published.records(topic)
        shape = golden(file)
        assert records
        for record in records:
            message = json.loads(record.value)
            assert list(message) == list(shape)
            for name, value in message.items():
                assert value is None or type(value) is type(shape[name]), (name, value)
            assert record.key.decode() == message["trace_id"]
            assert dict(record.headers)["trace_id"].decode() == message["trace_id"]
        ids = [json.loads(record.value)["trace_id"] for record in records]
        assert len(set(ids)) == len(ids)
    assert published.dead_letters() == []
    completed = [
        message
        for message in published.messages("claimx_tasks")
        if message["event_type"] == "CUSTOM_TASK_COMPLETED"
    ]
    assert completed
    assert any(json.loads(message["form_response"])["groups"] for message in completed)


def test_a_message_that_comes_again_is_the_same(published):
    wanted = published.messages("enriched_topics.tasks")[0]
    published.publish("enriched_topics.tasks", wanted, key=wanted["trace_id"])
    published.run("enriched-tasks")
    first, second = [
        {**message, "report_url": None}  # a signed link is another one each time
        for message in published.messages("claimx_tasks")
        if message["trace_id"] == wanted["trace_id"]
    ]
    assert first == second
