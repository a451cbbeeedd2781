"""The built site, as a browser gets it."""

from __future__ import annotations

import functools
import http.server
import shutil
import threading
from collections.abc import AsyncIterator, Iterator
from pathlib import Path
from typing import Any

import pytest

BUILT = Path(__file__).parents[2] / "docs" / "build"
CHROMIUM = shutil.which("chromium") or shutil.which("google-chrome")


class QuietHandler(http.server.SimpleHTTPRequestHandler):
    """Serves files and prints nothing."""

    def log_message(self, *args: Any, **kwargs: Any) -> None:
        """Say nothing of a request."""


@pytest.fixture(scope="session")
def site_url() -> Iterator[str]:
    """The address of the built site, ending with a slash."""
    if not BUILT.is_dir():
        pytest.skip("nox -s docs builds the site")
    handler = functools.partial(QuietHandler, directory=str(BUILT))
    with http.server.ThreadingHTTPServer(("127.0.0.1", 0), handler) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"http://127.0.0.1:{server.server_port}/"
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
