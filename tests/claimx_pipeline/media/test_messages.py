from datetime import UTC, datetime

import msgspec
import pytest
from attrs import evolve

from claimx_pipeline.errors import DecodeError
from claimx_pipeline.media.messages import CachedFile, DownloadResult, DownloadTask
from tests.rigs.file_records import (
    cached_record,
    decode_cached_file,
    decode_download_task,
    decode_result,
    result_record,
    task_record,
)

NOW = datetime(2026, 1, 5, 10, tzinfo=UTC)
FILE = {
    "media_id": "500001",
    "project_id": "700100",
    "event_id": "e-1",
    "download_url": "https://www.claimxperience.com/x?systemDate=1&expires=2",
    "blob_path": "700100/media/500001/photo.jpg",
    "file_type": "jpg",
    "file_name": "photo.jpg",
}
TASK = DownloadTask(**FILE, created_at=NOW, expires_at=NOW)
CACHED = CachedFile(
    **FILE,
    cache_path="claimx/500001/photo.jpg",
    bytes_downloaded=7,
    checksum="ab",
    content_type="image/jpeg",
    downloaded_at=NOW,
)
RESULT = DownloadResult(**FILE, status="completed", bytes_uploaded=7, created_at=NOW)


@pytest.mark.parametrize(
    ("message", "record", "decode", "topic"),
    [
        (TASK, task_record, decode_download_task, "claimx.downloads.pending"),
        (CACHED, cached_record, decode_cached_file, "claimx.downloads.cached"),
        (RESULT, result_record, decode_result, "claimx.downloads.results"),
    ],
)
def test_a_message_is_read_as_it_was_written(message, record, decode, topic):
    message = evolve(message, owner="itel_cabinet", owner_ref="300001")
    written = record(message)
    assert written.topic == topic
    assert decode(written.value) == message


@pytest.mark.incident("LAT-20")
def test_all_that_concerns_a_file_has_one_key():
    records = [task_record(TASK), cached_record(CACHED), result_record(RESULT)]
    assert {record.key for record in records} == {b"claimx:500001"}
    assert len({dict(record.headers)["claimx-id"] for record in records}) == 1


def test_the_identity_is_owner_media_and_target():
    assert TASK.identity == evolve(TASK, event_id="e-2", download_url="https://x/").identity
    others = [{"owner": "o"}, {"media_id": "1"}, {"blob_path": "p"}]
    assert len({TASK.identity, *(evolve(TASK, **other).identity for other in others)}) == 4


def test_an_owner_is_the_domain_unless_named():
    assert decode_download_task(task_record(TASK).value).owner == "claimx"
    value = msgspec.json.decode(task_record(TASK).value)
    del value["owner"]
    assert decode_download_task(msgspec.json.encode(value)).owner == "claimx"


@pytest.mark.parametrize("field", ["media_id", "project_id", "download_url", "blob_path", "owner"])
@pytest.mark.parametrize("given", [None, "", 5])
def test_a_task_without_what_it_needs_is_refused(field, given):
    value = {**msgspec.json.decode(task_record(TASK).value), field: given}
    with pytest.raises(DecodeError, match=f"is not a valid download task.*{field}"):
        decode_download_task(msgspec.json.encode(value))


@pytest.mark.parametrize("value", [None, b"", b"x", b"[]", b"\xff"])
def test_what_is_not_a_message_is_refused(value):
    for decode in (decode_download_task, decode_cached_file, decode_result):
        with pytest.raises(DecodeError):
            decode(value)
