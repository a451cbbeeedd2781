"""A store that refuses one file is not a store that is unavailable."""

from collections.abc import AsyncIterator
from datetime import UTC, datetime

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from claimx_pipeline.errors import Category
from claimx_pipeline.media.open_store import open_store
from claimx_pipeline.media.paths import LONGEST_PATH, why_not
from claimx_pipeline.media.store import CHECK, FileStore, StorageError
from tests.fakes.http_service import http_service
from tests.fakes.s3_service import S3Service, error, opened

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


@pytest.mark.incident("STR-33")
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


@pytest.mark.incident("STR-33")
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


@pytest.mark.incident("STR-33")
@pytest.mark.parametrize("status", [500, 503, 507])
async def test_a_store_that_fails_is_not_asked_about_other_files(status):
    async with http_service(S3Service(lambda _: error(status, "SlowDown"))) as service:
        failed = await failure(opened(service.url))
    assert failed.outage
    assert not [one for one in service.asked if CHECK in one.path]


@pytest.mark.incident("STR-33")
async def test_a_refused_reading_is_the_files_own():
    s3 = S3Service(lambda key: error(400, "InvalidObjectState") if key == NAME else None)
    async with http_service(s3) as service:
        with pytest.raises(StorageError) as raised:
            [piece async for piece in opened(service.url).pieces(NAME)]
    assert raised.value.category is Category.PERMANENT


@pytest.mark.incident("STR-33")
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


@pytest.mark.incident("STR-33")
async def test_a_path_longer_than_the_disk_takes_is_refused(tmp_path):
    deep = tmp_path.joinpath(*["d" * 200] * 18)
    store = FileStore(str(deep), open_store(str(tmp_path), {}).store)
    failed = await failure(store, "/".join(["n" * 100] * 9))
    assert (failed.category, failed.outage) == (Category.PERMANENT, False)


@pytest.mark.incident("STR-33")
@pytest.mark.parametrize("there", ["file below a file", "file at a folder"])
async def test_what_is_there_already_is_this_files_failure_alone(tmp_path, there):
    store = open_store(str(tmp_path), {})
    await store.put("a/b", alone())
    path = "a/b/c" if there == "file below a file" else "a"
    failed = await failure(store, path)
    assert (failed.category, failed.outage) == (Category.PERMANENT, False)
    half_files = sorted(tmp_path.rglob("*#*"))
    with pytest.raises(StorageError) as raised:
        await store.put_bytes(path, b"x")
    assert (raised.value.category, raised.value.outage) == (Category.PERMANENT, False)
    assert sorted(tmp_path.rglob("*#*")) == half_files
    await store.put("a/c", alone())


async def listed(store: FileStore) -> list[str]:
    return [each.path async for each in store.older_than(FAR)]


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


@pytest.mark.incident("STR-33")
@pytest.mark.parametrize("path", UNFIT.values(), ids=UNFIT)
def test_a_path_is_checked_before_any_store_is_asked(path):
    assert "is not a valid path of a file" in why_not(path)


@pytest.mark.incident("STR-33")
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
    # The plain way for small files means the same file.
    found = await store.stat(path)
    assert (found.path, found.size) == (path, len(path.encode()))
    assert await store.content(path, 10_000) == path.encode()
    folder = path.rpartition("/")[0]
    if folder and not why_not(folder):  # what is listed is named by the rules for files
        assert [each.path for each in await store.in_folder(folder)] == [path]
    await store.put_bytes(path, b"again")
    assert await listed(store) == [path]
    assert b"".join([piece async for piece in store.pieces(path)]) == b"again"
    await store.delete(path)
    assert list(tmp_path.iterdir()) == []
    await store.put_bytes(path, b"x")
    await store.delete(path)
    assert list(tmp_path.iterdir()) == []
