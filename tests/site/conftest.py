"""The built site, as a browser gets it."""

from __future__ import annotations

import functools
import http.server
import json
import shutil
import threading
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

BUILT = Path(__file__).parents[2] / "docs" / "build"
CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")


VERSION = "/1.0"
"""The site is served as one version of several, as ``nox -s docs -- DIR`` publishes it."""


class PublishedSite(http.server.SimpleHTTPRequestHandler):
    """Serves the site below its version, and prints nothing."""

    def do_GET(self) -> None:
        """Answer a request."""
        if self.path == "/versions.json":
            self._list_versions()
        else:
            self.path = self.path.removeprefix(VERSION)
            super().do_GET()

    def _list_versions(self) -> None:
        listed = [{"version": VERSION.strip("/"), "title": VERSION.strip("/"), "aliases": []}]
        body = json.dumps(listed).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args: Any, **kwargs: Any) -> None:
        """Say nothing of a request."""


@pytest.fixture(scope="session")
def site_url() -> Iterator[str]:
    """The address of the built site, ending with a slash."""
    if not BUILT.is_dir():
        pytest.skip("nox -s docs builds the site")
    handler = functools.partial(PublishedSite, directory=str(BUILT))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}{VERSION}/"
        server.shutdown()
        thread.join()


@pytest.fixture
async def chromium() -> AsyncIterator[Any]:
    """A real browser without a window."""
    if CHROMIUM is None:
        pytest.skip("there is no Chromium on this machine")
    playwright = pytest.importorskip(
        "playwright.async_api", reason="nox -s docs brings the driver of a browser"
    )
    async with playwright.async_playwright() as driver:
        opened = await driver.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        yield opened
        await opened.close()
