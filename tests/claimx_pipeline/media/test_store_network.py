"""Object stores behind a proxy and a private authority: by the stores' own options."""

import asyncio

import pytest
from deltalake import DeltaTable

from claimx_pipeline.media.open_store import open_store
from claimx_pipeline.settings.secret import Secret
from tests.fakes.forward_proxy import forward_proxy
from tests.fakes.http_service import http_service
from tests.fakes.s3_service import S3Service
from tests.rigs.authority import Authority


@pytest.fixture(scope="module")
def authority(tmp_path_factory):
    return Authority.make(tmp_path_factory.mktemp("authority"))


@pytest.mark.parametrize("option", ["root_certificate", "proxy_ca_certificate"])
async def test_tables_and_files_take_proxy_and_authority(tmp_path, authority, option):
    (tmp_path / "a.jpg").write_bytes(b"a photo")
    tls = authority.issue("store", host="localhost").server_tls()
    async with http_service(S3Service(), tls) as service, forward_proxy() as proxy:
        options = {
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_ENDPOINT_URL": service.url,
            "AWS_REGION": "us-east-1",
            "max_retries": "0",
            "proxy_url": proxy.url,
            option: authority.file.read_text(),
        }
        secrets = {name: Secret(text) for name, text in options.items()}
        store = open_store("s3://bucket/files", secrets)
        await store.put_file("a.jpg", tmp_path / "a.jpg")
        assert service.asked[0].method == "PUT"
        before = len(service.asked)
        url = "s3://bucket/tables/t"
        assert not await asyncio.to_thread(DeltaTable.is_deltatable, url, options)
        assert len(service.asked) > before
    assert set(proxy.asked) == {f"CONNECT {service.url.removeprefix('https://')}"}
