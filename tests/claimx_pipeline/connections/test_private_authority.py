"""A service behind an authority of a company's own: SSL_CERT_FILE names it, for every client."""

import asyncio
import ssl
import subprocess
import sys

import pytest

CLIENT = """
import asyncio, sys
from claimx_pipeline import ConnectionSettings, SystemClock
from claimx_pipeline.connections import Connection
from claimx_pipeline.errors import RecordError

async def main():
    settings = ConnectionSettings(base_url=sys.argv[1], max_retries=0)
    connection = Connection("company", settings, SystemClock())
    try:
        print((await connection.request("GET", "/x")).status)
    except RecordError as error:
        print(f"{error.category.value}: {error}")
    finally:
        await connection.close()

asyncio.run(main())
"""


@pytest.fixture
def certificate(tmp_path):
    """A certificate for localhost that is its own authority."""
    made = [tmp_path / "cert.pem", tmp_path / "key.pem"]
    command = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2"]
    command += ["-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost"]
    command += ["-out", str(made[0]), "-keyout", str(made[1])]
    subprocess.run(command, check=True, capture_output=True)
    return made


async def serve(reader, writer):
    await reader.readuntil(b"\r\n\r\n")
    writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\n{}")
    await writer.drain()
    writer.close()


@pytest.mark.incident("API-07")
async def test_a_private_authority_is_trusted_only_where_it_is_named(certificate):
    tls = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    tls.load_cert_chain(*certificate)
    server = await asyncio.start_server(serve, "localhost", 0, ssl=tls)
    async with server:
        url = f"https://localhost:{server.sockets[0].getsockname()[1]}"
        trusting = await ask(url, SSL_CERT_FILE=str(certificate[0]))
        assert trusting == "200"
        refusing = await ask(url)
    assert refusing.startswith("transient: GET https://localhost")
    assert "certificate" in refusing.lower()


async def ask(url: str, **environment: str) -> str:
    client = await asyncio.create_subprocess_exec(
        sys.executable, "-c", CLIENT, url, env=environment, stdout=asyncio.subprocess.PIPE
    )
    printed, _ = await client.communicate()
    return printed.decode().strip()
