"""Object stores behind a proxy and a private authority: by the stores' own options."""

import asyncio
import json
import os
import sys

import pytest

from tests.fakes.forward_proxy import forward_proxy
from tests.fakes.http_service import http_service
from tests.fakes.s3_service import S3Service
from tests.rigs.authority import Authority

PROGRAM = """
import asyncio, json, pathlib, sys
from deltalake import DeltaTable, exceptions
from claimx_pipeline.media.open_store import open_store
from claimx_pipeline.settings.secret import Secret

options = json.loads(sys.argv[1])
store = open_store("s3://bucket/files", {name: Secret(text) for name, text in options.items()})
asyncio.run(store.put_file("a.jpg", pathlib.Path("a.jpg")))
try:
    DeltaTable("s3://bucket/tables/t", storage_options=options)
except (OSError, exceptions.DeltaError):
    pass  # there is none
"""
"""Writes a file and looks for a table, in a process of its own: deltalake lets nothing else run."""


@pytest.mark.parametrize("named", ["option", "variable"])
async def test_tables_and_files_take_proxy_and_authority(tmp_path, named):
    (tmp_path / "a.jpg").write_bytes(b"a photo")
    authority = Authority.make(tmp_path)
    tls = authority.issue("store", host="localhost").server_tls()
    async with http_service(S3Service(), tls) as service, forward_proxy() as proxy:
        options = {
            "AWS_ACCESS_KEY_ID": "test",
            "AWS_SECRET_ACCESS_KEY": "test",
            "AWS_ENDPOINT_URL": service.url,
            "AWS_REGION": "us-east-1",
            "max_retries": "0",
        }
        environ = {"PATH": os.environ["PATH"]}
        if named == "option":
            pem = authority.file.read_text()
            options |= {"proxy_url": proxy.url, "proxy_ca_certificate": pem}
        else:
            environ |= {"HTTPS_PROXY": proxy.url, "SSL_CERT_FILE": str(authority.file)}
        child = await asyncio.create_subprocess_exec(
            sys.executable, "-c", PROGRAM, json.dumps(options), env=environ
        )
        assert await child.wait() == 0
        assert "PUT /bucket/files/a.jpg" in service.paths()
        assert any("/bucket/tables/t/_delta_log" in path for path in service.paths())
    assert set(proxy.asked) == {f"CONNECT {service.url.removeprefix('https://')}"}
