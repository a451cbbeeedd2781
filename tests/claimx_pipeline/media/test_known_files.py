"""What ``download`` knows of stored files: the latest, in bounded memory, whatever the topic says."""

import tracemalloc
from datetime import UTC, datetime, timedelta

import msgspec
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from claimx_pipeline.media import CachedFile, DownloadTask
from claimx_pipeline.media.known_files import (
    KnownFiles,
    contents_of,
    forgotten_record,
    stored_file_record,
)
from claimx_pipeline.media.messages import file_version
from claimx_pipeline.topics import Topic

AT = datetime(2026, 1, 5, 10, tzinfo=UTC)
TOPIC = Topic("claimx.downloads.stored")
FACTS = {
    "key": "7",
    "key_name": "project_id",
    "event_id": "e",
    "download_url": "https://files.example.com/1.jpg",
    "owner": "claimx",
}
MOST = 100
SIZE = 3


def task(number: int, version: str = "") -> DownloadTask:
    path = f"7/media/{number}.jpg"
    return DownloadTask(
        **FACTS, media_id=str(number), blob_path=path, created_at=AT, file_version=version
    )


def stored(number: int, version: str = "", root: str = "/files", at: datetime = AT) -> bytes:
    cached = CachedFile(
        **FACTS,
        media_id=str(number),
        blob_path=f"7/media/{number}.jpg",
        cache_path="x",
        bytes_downloaded=SIZE,
        checksum="ab" * 32,
        content_type="image/jpeg",
        downloaded_at=AT,
        file_version=version,
    )
    return stored_file_record(TOPIC, cached, root, at).value


def test_a_stored_file_has_the_result_that_it_had():
    known = KnownFiles(MOST)
    known.read(stored(1))
    result = known.result(task(1), "/files")
    assert (result.status, result.bytes_uploaded, result.checksum) == ("completed", SIZE, "ab" * 32)
    assert (result.content_type, result.created_at) == ("image/jpeg", AT)
    assert known.result(task(2), "/files") is None
    assert known.result(task(1), "/elsewhere") is None
    assert known.result(task(1, "2026"), "/files") is None


def test_a_file_that_is_erased_is_not_known_any_more():
    known = KnownFiles(MOST)
    known.read(stored(1))
    said = forgotten_record(TOPIC.name, b"claimx:1", stored(1))
    assert said.key == b"claimx:1"
    assert b"project_id" not in said.value
    known.read(said.value)
    assert known.result(task(1), "/files") is None
    assert forgotten_record(TOPIC.name, b"claimx:1", said.value) is None


@given(st.lists(st.integers(0, 300), max_size=400))
def test_the_latest_files_are_known_whatever_the_order_of_partitions(numbers):
    known = KnownFiles(MOST)
    for number in numbers:
        known.read(stored(number, at=AT + timedelta(seconds=number)))
    assert len(known) <= MOST + MOST // 4
    for number in sorted(set(numbers))[-MOST:]:
        assert known.result(task(number), "/files") is not None


def test_what_is_new_concerns_nothing_and_what_was_seen_does():
    known = KnownFiles(MOST)
    assert not known.concern([task(1), task(2)])
    known.fetched(task(1))
    assert known.concern([task(2), task(1)])
    known.read(stored(1))
    assert known.concern([task(1)])
    for number in range(2, 2 * MOST):
        known.fetched(task(number))
    assert not known.concern([task(2)])


@given(st.binary() | st.builds(msgspec.json.encode, st.dictionaries(st.text(), st.integers())))
def test_no_record_of_the_topic_is_an_error(value):
    known = KnownFiles(MOST)
    known.read(value)
    assert forgotten_record(TOPIC.name, None, value) is None
    assert len(known) == 0


def test_fifty_thousand_files_take_what_the_setting_says():
    values = [stored(number) for number in range(50_000)]
    tracemalloc.start()
    known = KnownFiles(50_000)
    for value in values:
        known.read(value)
    taken, _ = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert taken < 22 * 2**20


def test_a_version_is_what_the_source_says_and_nothing_if_it_says_nothing():
    assert file_version(None, None) == ""
    assert file_version(5, AT) == f"5/{AT.isoformat()}"
    assert file_version(None, "x") != file_version("x", None)
    one, other = task(1, file_version(5)), task(1, file_version(6))
    assert contents_of(one, "/files") != contents_of(other, "/files")
    assert contents_of(one, "/files") == contents_of(evolve(one, event_id="f"), "/files")
