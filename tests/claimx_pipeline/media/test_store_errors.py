"""A store that refuses one file is not a store that is unavailable."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from attrs import evolve
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from claimx_pipeline import SystemClock
from claimx_pipeline.errors import Category
from claimx_pipeline.media.open_store import open_store
from claimx_pipeline.media.paths import LONGEST_PATH, why_not
from claimx_pipeline.media.store import CHECK, FileStore, StorageError
from tests.fakes.http_service import Asked, Reply, http_service
from tests.fakes.s3_service import XML, S3Service, error, opened

pytestmark = pytest.mark.incident("STR-33")

FAR = datetime(2200, 1, 1, tzinfo=UTC)

NAME = "7001/refused/photo.jpg"


async def alone(content: bytes = b"x") -> AsyncIterator[bytes]:
    yield content


async def failure(store: FileStore, path: str = NAME) -> StorageError:
    with pytest.raises(StorageError) as raised:
        await store.put(path, alone())
    return raised.value


REFUSED = {
    "KeyTooLongError": (400, Category.PERMANENT),
    "InvalidURI": (400, Category.PERMANENT),
    "XMinioInvalidObjectName": (400, Category.PERMANENT),
    "InvalidArgument": (400, Category.PERMANENT),
    "NobodyKnowsThisOne": (400, Category.PERMANENT),
    "MethodNotAllowed": (405, Category.PERMANENT),
    "RequestURITooLong": (414, Category.PERMANENT),
    "EntityTooLarge": (413, Category.PERMANENT),
    "AccessDenied": (403, Category.PERMANENT),
    "OperationAborted": (409, Category.TRANSIENT),
    "PreconditionFailed": (412, Category.TRANSIENT),
}


@pytest.mark.parametrize("code", REFUSED)
async def test_a_store_that_refuses_one_name_takes_the_others(code):
    status, category = REFUSED[code]
    s3 = S3Service(lambda key: error(status, code) if key == NAME else None)
    async with http_service(s3) as service:
        store = opened(service.url)
        failed = await failure(store)
        await store.put("7001/other.jpg", alone())
    assert (failed.category, failed.outage) == (category, False)
    assert code in str(failed)
    assert "refuses this file and takes others" in str(failed)
    assert list(s3.files) == ["7001/other.jpg"], "the check leaves nothing behind"


FOR_ALL = {
    "ExpiredToken": (400, Category.TRANSIENT),
    "AuthorizationHeaderMalformed": (400, Category.TRANSIENT),
    "MethodNotAllowed": (405, Category.TRANSIENT),
    "OperationAborted": (409, Category.TRANSIENT),
    "AccessDenied": (403, Category.AUTH),
    "InvalidAccessKeyId": (401, Category.AUTH),
}


@pytest.mark.parametrize("code", FOR_ALL)
async def test_a_store_that_refuses_every_name_is_unavailable(code):
    status, category = FOR_ALL[code]
    async with http_service(S3Service(lambda _: error(status, code))) as service:
        store = opened(service.url)
        for _ in range(20):
            failed = await failure(store)
            assert failed.category is category
            assert failed.outage is (category is Category.TRANSIENT)
        checked = [one for one in service.asked if CHECK in one.path]
    assert len(checked) < 5, "asked once a minute"


@pytest.mark.parametrize("status", [500, 503, 507])
async def test_a_store_that_fails_is_not_asked_about_other_files(status):
    async with http_service(S3Service(lambda _: error(status, "SlowDown"))) as service:
        failed = await failure(opened(service.url))
    assert failed.outage
    assert not [one for one in service.asked if CHECK in one.path]


async def test_a_refused_reading_is_the_files_own():
    s3 = S3Service(lambda key: error(400, "InvalidObjectState") if key == NAME else None)
    async with http_service(s3) as service:
        with pytest.raises(StorageError) as raised:
            [piece async for piece in opened(service.url).pieces(NAME)]
    assert raised.value.category is Category.PERMANENT


async def test_the_folder_of_the_root_counts():
    """S3 takes 1,024 bytes of key, and the root's folder is a part of each."""
    s3 = S3Service()
    path = "/".join(["n" * 203] * 5)
    async with http_service(s3) as service:
        await opened(service.url).put(path, alone())
        below = opened(service.url, "s3://bucket/some/folder/of/claims")
        failed = await failure(below, path)
    assert failed.category is Category.PERMANENT
    assert "1024" in str(failed)
    assert list(s3.files) == [path]


async def test_a_path_longer_than_the_disk_takes_is_refused(tmp_path):
    deep = tmp_path.joinpath(*["d" * 200] * 18)
    store = FileStore(str(deep), open_store(str(tmp_path), {}).store)
    failed = await failure(store, "/".join(["n" * 100] * 9))
    assert (failed.category, failed.outage) == (Category.PERMANENT, False)


@pytest.mark.parametrize("there", ["file below a file", "file at a folder"])
async def test_what_is_there_already_is_this_files_failure_alone(tmp_path, there):
    store = open_store(str(tmp_path), {})
    await store.put("a/b", alone())
    failed = await failure(store, "a/b/c" if there == "file below a file" else "a")
    assert (failed.category, failed.outage) == (Category.PERMANENT, False)
    await store.put("a/c", alone())


UNFIT = {
    "one byte too long": "/".join(["n" * 204] * 5) + "n",
    "many short names": "a/" * 600 + "b",
    "bytes, not characters": "/".join(["ü" * 119] * 5),
    "half a character": "a/\ud83d",
    "a zero byte": "a/\x00b",
    "a line end": "a/b\nc",
    "no XML can hold it": "a/\uffff",
    "a drive": "a/C:",
    "empty": "",
}


@pytest.mark.parametrize("path", UNFIT.values(), ids=UNFIT)
def test_a_path_is_checked_before_any_store_is_asked(path):
    assert "is not a valid path of a file" in why_not(path)


@settings(max_examples=300, deadline=None, suppress_health_check=list(HealthCheck))
@given(
    st.text(st.characters(codec=None), max_size=1100)
    | st.text(st.sampled_from("a/.#1ü:|~\\% \x00"), max_size=1100)
)
async def test_a_path_is_refused_or_every_file_of_it_can_be_written(tmp_path, path):
    if why_not(path):
        failed = await failure(open_store(str(tmp_path), {}), path) if path else None
        assert failed is None or failed.category is Category.PERMANENT
        return
    assert len(path.encode()) <= LONGEST_PATH
    store = open_store(str(tmp_path), {})
    await store.put(path, alone(path.encode()))
    assert await listed(store) == [path]
    assert b"".join([piece async for piece in store.pieces(path)]) == path.encode()
    await store.delete(path)
    assert list(tmp_path.iterdir()) == []


LISTINGS = {
    "truncated": b"<?xml version='1.0'?><ListBucketResult><Contents><Key>a</Key>",
    "empty": b"",
}


async def listed(store: FileStore) -> list[str]:
    return [each.path async for each in store.older_than(FAR)]


@pytest.mark.parametrize("body", LISTINGS.values(), ids=LISTINGS)
async def test_a_listing_that_is_none_is_asked_for_a_few_times(body):
    async with http_service(lambda _: Reply(body, 200, dict(XML))) as service:
        with pytest.raises(StorageError) as raised:
            await listed(opened(service.url))
    assert raised.value.outage
    assert len(service.asked) <= 4


def page(*keys: str) -> Reply:
    entry = "<Contents><Key>{}</Key><LastModified>2026-01-01T00:00:00.000Z</LastModified><Size>1</Size></Contents>"
    more = "<IsTruncated>true</IsTruncated><NextContinuationToken>same</NextContinuationToken>"
    body = f"<ListBucketResult>{more}{''.join(map(entry.format, keys))}</ListBucketResult>"
    return Reply(body.encode(), 200, dict(XML))


async def test_a_listing_that_repeats_itself_ends():
    async with http_service(lambda _: page(*(f"k{number}" for number in range(60)))) as service:
        with pytest.raises(StorageError, match="names 'k0' twice") as raised:
            await listed(opened(service.url))
    assert raised.value.outage
    assert len(service.asked) < 10


@pytest.mark.parametrize("how", ["empty pages", "hangs"])
async def test_a_listing_that_brings_nothing_ends(how):
    def answer(_: Asked) -> Reply:
        return page() if how == "empty pages" else Reply(drip=True, raw=b"HTTP/1.1 200 OK\r\n\r\n")

    async with http_service(answer) as service:
        store = evolve(opened(service.url), list_wait_seconds=0.3)
        with pytest.raises(StorageError, match="brings nothing for long") as raised:
            await listed(store)
        await store.close(SystemClock())
    assert raised.value.outage


async def test_a_listing_has_an_end_in_all(tmp_path):
    store = evolve(open_store(str(tmp_path), {}), list_seconds=0.0)
    with pytest.raises(StorageError, match="brings no end"):
        await listed(store)
    assert list(Path(tmp_path).iterdir()) == []
