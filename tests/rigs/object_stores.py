"""Servers that speak what object stores speak: moto for S3, Azurite for Azure."""

import contextlib
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path

from attrs import frozen

from claimx_pipeline.media.open_store import open_store
from claimx_pipeline.media.store import FileStore
from claimx_pipeline.settings.secret import Secret

AZURITE_VERSION = "3.35.0"
ACCOUNT = "devstoreaccount1"
KEY = "Eby8vdM02xNOcqFlqUwJPLlmEtlCDXJ1OUzFT50uSRZ6IFsuFq2UVErCz4I6tq/K1SZFPTOtr/KBHBeksoGMGw=="
"""Azurite's own, the same everywhere and printed in its documentation."""


@frozen
class Place:
    """A bucket or container: its URL, and the options that open it."""

    root: str
    options: dict[str, str]

    def secrets(self) -> dict[str, Secret]:
        return {name: Secret(value) for name, value in self.options.items()}

    def open(self) -> FileStore:
        return open_store(self.root, self.secrets())


def free_port() -> int:
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        return int(listening.getsockname()[1])


@contextlib.contextmanager
def s3(port: int | None = None) -> Iterator[Place]:
    """Run moto's S3 server with one bucket."""
    port = port or free_port()
    command = [sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)]
    url = f"http://127.0.0.1:{port}"
    with _running(command, url):
        urllib.request.urlopen(urllib.request.Request(f"{url}/bucket", method="PUT")).close()
        yield s3_place(port)


def s3_place(port: int) -> Place:
    """Return the place that ``s3`` serves at *port*, whether it runs or not."""
    options = {
        "AWS_ACCESS_KEY_ID": "test",
        "AWS_SECRET_ACCESS_KEY": "test",
        "AWS_ENDPOINT_URL": f"http://127.0.0.1:{port}",
        "AWS_REGION": "us-east-1",
        "AWS_ALLOW_HTTP": "true",
    }
    return Place("s3://bucket/files", options)


def azurite_script() -> Path | str:
    """Return Azurite's script, installed from npm once, or why there is none."""
    npm, node = shutil.which("npm"), shutil.which("node")
    if npm is None or node is None:
        return "Azurite needs Node.js with npm"
    folder = Path(tempfile.gettempdir()) / f"claimx-azurite-{AZURITE_VERSION}-{os.getuid()}"
    script = folder / "node_modules" / "azurite" / "dist" / "src" / "blob" / "main.js"
    if not script.is_file():
        # Made beside and renamed, so that two test processes do not meet half of it.
        making = Path(tempfile.mkdtemp())
        package = f"azurite@{AZURITE_VERSION}"
        command = [npm, "install", package, "--no-audit", "--no-fund", "--silent"]
        done = subprocess.run(command, cwd=making, capture_output=True, text=True, timeout=300)
        if done.returncode:
            return f"npm cannot install {package}: {done.stderr.strip()[-200:]}"
        with contextlib.suppress(OSError):
            making.rename(folder)
    return script


@contextlib.contextmanager
def azure(script: Path) -> Iterator[Place]:
    """Run Azurite with one container."""
    port = free_port()
    with tempfile.TemporaryDirectory() as folder:
        command = ["node", str(script), "--blobHost", "127.0.0.1", "--blobPort", str(port)]
        command += ["--location", folder, "--silent", "--disableTelemetry", "--skipApiVersionCheck"]
        url = f"http://127.0.0.1:{port}/{ACCOUNT}"
        with _running(command, url):
            _create_container(url)
            options = {
                "AZURE_STORAGE_ACCOUNT_NAME": ACCOUNT,
                "AZURE_STORAGE_ACCOUNT_KEY": KEY,
                "AZURE_STORAGE_ENDPOINT": url,
                "ALLOW_HTTP": "true",
            }
            yield Place("az://container/files", options)


def _create_container(url: str) -> None:
    """Create the container with a request signed by the shared key."""
    import base64
    import hashlib
    import hmac
    from email.utils import formatdate

    date, version = formatdate(usegmt=True), "2021-08-06"
    signed = (
        "PUT" + "\n" * 12 + f"x-ms-date:{date}\nx-ms-version:{version}\n"
        f"/{ACCOUNT}/{ACCOUNT}/container\nrestype:container"
    )
    digest = hmac.digest(base64.b64decode(KEY), signed.encode(), hashlib.sha256)
    headers = {
        "x-ms-date": date,
        "x-ms-version": version,
        "Authorization": f"SharedKey {ACCOUNT}:{base64.b64encode(digest).decode()}",
        "Content-Length": "0",
    }
    asked = urllib.request.Request(
        f"{url}/container?restype=container", method="PUT", headers=headers
    )
    urllib.request.urlopen(asked).close()


@contextlib.contextmanager
def _running(command: list[str], url: str) -> Iterator[None]:
    server = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        _wait(server, url)
        yield
    finally:
        server.kill()
        server.wait()


def _wait(server: subprocess.Popen[bytes], url: str) -> None:
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline:
        if server.poll() is not None:
            raise RuntimeError(f"{server.args!r} ended with {server.returncode}")
        try:
            urllib.request.urlopen(url, timeout=5).close()
        except urllib.error.HTTPError:
            return
        except OSError:
            time.sleep(0.05)
        else:
            return
    raise TimeoutError(f"{url} does not answer")
