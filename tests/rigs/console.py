"""A console over a pipeline on the embedded broker, asked by a real HTTP client."""

from __future__ import annotations

import contextlib
import re
from collections.abc import AsyncIterator
from pathlib import Path

import httpx
from attrs import define, evolve

from claimx_pipeline import Pipeline, operations
from claimx_pipeline.console.server import ConsoleServer

SETTINGS = """\
workers: {events: {linger_seconds: 0}, entities: {linger_seconds: 0}}
console: {port: 0}
"""
EVENT = {
    "eventId": "E1",
    "eventType": "PROJECT_CREATED",
    "projectId": 700100,
    "insuredName": "Rosa Luna",
    "contact": {"email": "rosa@example.com", "phone": "+1 555 010 9999"},
    "note": "call rosa@example.com",
}


@define
class Asked:
    """A console, and a client of it."""

    pipeline: Pipeline
    url: str
    client: httpx.AsyncClient

    async def page(self, path: str, code: int = 200) -> str:
        """Return the text of a page that answers *code*."""
        answer = await self.client.get(path, headers={"accept": "text/html"})
        assert answer.status_code == code, answer.text
        return answer.text

    async def form_token(self, path: str) -> str:
        """Return what the form of a page sends back."""
        found = re.search(r'name="form_token" value="([0-9a-f]+)"', await self.page(path))
        assert found, path
        return found[1]


@contextlib.asynccontextmanager
async def console(folder: Path, more: str = "", **settings: object) -> AsyncIterator[Asked]:
    """Give a console over a pipeline whose topics and tables exist, with one event published.

    Args:
        folder: Where all of it is.
        more: Further sections of the settings file.
        settings: Of the console.
    """
    (folder / "claimx.yaml").write_text(SETTINGS + more)
    pipeline = Pipeline.load(environ={}, cwd=folder)
    await operations.create_all(pipeline)
    await operations.publish(pipeline, "claimx.events.raw", [EVENT], keys=["700100"])
    chosen = evolve(pipeline.settings.console, **settings)
    async with (
        ConsoleServer(pipeline, chosen) as server,
        httpx.AsyncClient(base_url=server.url, follow_redirects=False) as client,
    ):
        yield Asked(pipeline, server.url, client)
