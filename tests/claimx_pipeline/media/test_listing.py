"""A store's listing that is cut off, repeats itself or never ends, ends as an outage."""

from datetime import UTC, datetime
from pathlib import Path

import pytest
from attrs import evolve

from claimx_pipeline import SystemClock
from claimx_pipeline.media.open_store import open_store
from claimx_pipeline.media.store import FileStore, StorageError
from tests.fakes.http_service import Asked, Reply, http_service
from tests.fakes.s3_service import XML, opened

FAR = datetime(2200, 1, 1, tzinfo=UTC)


async def listed(store: FileStore) -> list[str]:
    return [each.path async for each in store.older_than(FAR)]


LISTINGS = {
    "truncated": b"<?xml version='1.0'?><ListBucketResult><Contents><Key>a</Key>",
    "empty": b"",
}


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
