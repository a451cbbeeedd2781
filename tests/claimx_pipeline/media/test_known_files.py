"""What ``download`` knows of stored files: the latest, in bounded memory, whatever the topic says."""

import tracemalloc
from datetime import UTC, datetime, timedelta
from typing import NamedTuple

import msgspec
from attrs import evolve
from hypothesis import given
from hypothesis import strategies as st

from claimx_pipeline.media import CachedFile, DownloadTask
from claimx_pipeline.media.known_files import (
    KnownFiles,
    contents_of,
    erased_record,
    store_name,
    stored_file_record,
)
from claimx_pipeline.media.messages import file_version
from claimx_pipeline.settings.secret import Secret
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
NOW = AT + timedelta(days=1)
MOST = 100
SIZE = 3


class Found(NamedTuple):
    """A record as it is read."""

    topic: str
    partition: int
    offset: int
    key: bytes | None
    value: bytes | None
    headers: tuple = ()
    timestamp: int = 0


def task(number: int, version: str = "v1") -> DownloadTask:
    path = f"7/media/{number}.jpg"
    return DownloadTask(
        **FACTS, media_id=str(number), blob_path=path, created_at=AT, file_version=version
    )


def stored(number: int, version: str = "v1", at: datetime = AT, fetched: datetime = AT) -> bytes:
    return stored_record(number, version, at, fetched).value


def stored_record(number, version="v1", at=AT, fetched=AT):
    cached = CachedFile(
        **FACTS,
        media_id=str(number),
        blob_path=f"7/media/{number}.jpg",
        cache_path="x",
        bytes_downloaded=SIZE,
        checksum="ab" * 32,
        content_type="image/jpeg",
        downloaded_at=fetched,
        file_version=version,
    )
    return stored_file_record(TOPIC, cached, "/files", at)


def in_topic(out, partition=0):
    """Return a record as it is read from the topic."""
    return Found(out.topic, partition, 0, out.key, out.value, (), 0)


def test_a_stored_file_has_the_result_that_it_had():
    known = KnownFiles(MOST)
    known.read(stored(1))
    result = known.result(task(1), "/files", NOW)
    assert (result.status, result.bytes_uploaded, result.checksum) == ("completed", SIZE, "ab" * 32)
    assert (result.content_type, result.created_at) == ("image/jpeg", NOW)
    assert known.result(task(2), "/files", NOW) is None
    assert known.result(task(1), "/elsewhere", NOW) is None
    assert known.result(task(1, "v2"), "/files", NOW) is None


def test_a_file_of_which_nothing_tells_the_contents_is_always_fetched():
    known = KnownFiles(MOST)
    known.read(stored(1, ""))
    assert known.result(task(1, ""), "/files", NOW) is None


def test_a_file_that_is_erased_is_not_known_any_more():
    known = KnownFiles(MOST)
    known.read(stored(1))
    said = erased_record(in_topic(stored_record(1), 4), NOW)
    assert (said.topic, said.key, said.bucket) == (TOPIC.name, b"claimx:1", 4)
    assert b"project_id" not in said.value
    known.read(said.value)
    assert known.result(task(1), "/files", NOW) is None
    assert erased_record(in_topic(said), NOW) is None


@given(st.permutations(range(4)))
def test_whatever_the_order_of_records_the_last_one_of_a_file_counts(order):
    """Those of a file are in two partitions if the topic got more of them."""
    late = AT + timedelta(hours=2)
    records = [
        stored(1),
        erased_record(in_topic(stored_record(1)), AT + timedelta(hours=1)).value,
        stored(1, at=AT + timedelta(hours=1, seconds=5)),  # fetched before it was erased
        stored(1, "v2", at=late, fetched=late),
    ]
    known = KnownFiles(MOST)
    for number in order:
        known.read(records[number])
    assert known.result(task(1), "/files", NOW) is None
    assert known.result(task(1, "v2"), "/files", NOW) is not None
    known = KnownFiles(MOST)
    for number in (each for each in order if each < 3):
        known.read(records[number])
    assert len(known) == 0


def test_a_store_is_known_by_where_it_is_and_not_by_its_credentials():
    options = {"aws_endpoint": Secret("http://one"), "aws_secret_access_key": Secret("s")}
    name = store_name("s3://claims", options)
    assert name == store_name("s3://claims", {**options, "aws_secret_access_key": Secret("t")})
    assert name != store_name("s3://claims", {**options, "aws_endpoint": Secret("http://two")})
    assert name != store_name("s3://others", options)


@given(st.lists(st.integers(0, 300), max_size=400))
def test_the_latest_files_are_known_whatever_the_order_of_partitions(numbers):
    known = KnownFiles(MOST)
    for number in numbers:
        known.read(stored(number, at=AT + timedelta(seconds=number)))
    assert len(known) <= MOST + MOST // 4
    for number in sorted(set(numbers))[-MOST:]:
        assert known.result(task(number), "/files", NOW) is not None


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
    assert erased_record(Found(TOPIC.name, 0, 0, None, value, (), 0), NOW) is None
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


def test_a_version_is_what_the_source_says():
    assert file_version(None, None) == "-/-"
    assert file_version(5, AT) == f"5/{AT.isoformat()}"
    assert file_version(None, "x") != file_version("x", None)
    one, other = task(1, file_version(5)), task(1, file_version(6))
    assert contents_of(one, "/files") != contents_of(other, "/files")
    assert contents_of(one, "/files") == contents_of(evolve(one, event_id="f"), "/files")
