"""The messages of a domain's files: the domain's word on the wire, nothing of it in the code."""

import copy
import pickle
from datetime import UTC, datetime
from pathlib import Path

import msgspec
import pytest
from attrs import evolve

from claimx_pipeline import DecodeError, FileContext
from claimx_pipeline.claimx.files import CODEC
from claimx_pipeline.media import CachedFile, DownloadResult, DownloadTask, FileCodec

NOW = datetime(2026, 1, 5, 10, tzinfo=UTC)
GOLDEN = msgspec.json.decode(
    (Path(__file__).parents[2] / "data" / "messages" / "claimx_files.json").read_bytes()
)
"""Records that the version before domains wrote."""
WORKS = {
    "claimx.downloads.pending": (CODEC.decode_task, CODEC.task_record),
    "claimx.downloads.cached": (CODEC.decode_cached, CODEC.cached_record),
    "claimx.downloads.results": (CODEC.decode_result, CODEC.result_record),
}
CASES = FileCodec("assignment_id", "second")
TASK = DownloadTask(
    media_id="1",
    key="A-7",
    key_name="assignment_id",
    event_id="e",
    download_url="https://files.example.com/1.jpg",
    blob_path="A-7/1.jpg",
    created_at=NOW,
)
RESULT = DownloadResult(
    media_id="1",
    key="7",
    event_id="e",
    download_url="https://files.example.com/1.jpg",
    blob_path="7/1.jpg",
    owner="claimx",
    status="completed",
    created_at=NOW,
)


@pytest.mark.parametrize("golden", GOLDEN, ids=lambda golden: golden["name"])
def test_claimx_messages_are_those_of_the_version_before_byte_for_byte(golden):
    """A rolling upgrade mixes both: what one writes the other reads."""
    decode, record = WORKS[golden["topic"]]
    message = decode(golden["value"].encode())
    assert (message.key, message.key_name) == ("700100", "project_id")
    written = record(message)
    assert written.value == golden["value"].encode()
    assert written.topic == golden["topic"]
    assert written.key == golden["key"].encode()
    assert [[name, value.decode()] for name, value in written.headers] == golden["headers"]


def test_another_domain_has_its_own_word_topics_and_owner():
    record = CASES.task_record(TASK)
    value = msgspec.json.decode(record.value)
    assert record.topic == "second.downloads.pending"
    assert (value["assignment_id"], value["owner"]) == ("A-7", "second")
    assert not {"key", "key_name", "project_id"} & value.keys()
    assert record.key == b"second:1"
    read = CASES.decode_task(record.value)
    assert read == evolve(TASK, owner="second")
    assert read.key_name == "assignment_id"


def test_a_message_of_another_domain_is_refused_and_the_error_names_the_missing_word():
    with pytest.raises(DecodeError, match="'project_id' is missing"):
        CODEC.decode_task(CASES.task_record(TASK).value)


def test_a_result_that_was_read_as_json_before_is_read_on():
    message = msgspec.json.decode(CODEC.result_record(RESULT).value)
    assert CODEC.read_result(message) == RESULT
    with pytest.raises(DecodeError, match="not a valid result of a download.*project_id"):
        CODEC.read_result({**message, "project_id": None})


def test_the_key_is_read_by_the_domains_word_and_no_other():
    assert (TASK.key, TASK.assignment_id) == ("A-7", "A-7")
    for name in ("project_id", "key_nam", "_private"):
        assert not hasattr(TASK, name)
    for copied in (copy.deepcopy(TASK), pickle.loads(pickle.dumps(TASK))):
        assert copied.assignment_id == "A-7"


@pytest.mark.parametrize(
    ("kind", "more"),
    [
        (DownloadTask, {"created_at": NOW}),
        (DownloadResult, {"created_at": NOW, "status": "failed"}),
        (
            CachedFile,
            {
                "cache_path": "c",
                "bytes_downloaded": 1,
                "checksum": "ab",
                "content_type": "",
                "downloaded_at": NOW,
            },
        ),
    ],
)
def test_what_plugins_wrote_before_domains_goes_on_working(kind, more):
    given = {"media_id": "1", "event_id": "e", "download_url": "https://x/", "blob_path": "p"}
    made = kind(**given, project_id="7", **more)
    assert (made.key, made.key_name, made.project_id) == ("7", "project_id", "7")
    assert evolve(made, project_id="8").key == "8"
    with pytest.raises(TypeError):
        kind(**given, project_id="7", claim_id="7", **more)
    with pytest.raises(TypeError):
        kind(**given, **more)


@pytest.mark.parametrize("word", ["media_id", "status", "created_at", "key", "key_name", "", "a b"])
def test_a_word_that_a_message_has_already_cannot_be_the_keys(word):
    with pytest.raises(ValueError, match="must be a name that no field of a message has"):
        FileCodec(word, "second")


def test_a_plugin_reads_the_key_of_a_file_by_its_domains_word():
    context = FileContext(evolve(TASK, key_name="project_id"), "download_complete", domain="claimx")
    assert (context.key, context.key_name, context.project_id) == ("A-7", "project_id", "A-7")
    with pytest.raises(AttributeError, match="assignment_id"):
        _ = context.assignment_id
    assert context.copy().project_id == "A-7"
