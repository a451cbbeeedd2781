"""Loads a pipeline from a mapping, puts two events through it and asks the table.

``python first_look.py`` needs nothing but the package: no file, no service, no Kafka.
"""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path
from typing import Any

from claimx_pipeline import EnrichmentContext, Pipeline, Plugin, PluginResult
from claimx_pipeline.hooks import Log

EVENTS: list[dict[str, Any] | str] = [
    {"eventId": "e-1", "eventType": "PROJECT_CREATED", "projectId": 700100},
    {"eventId": "e-2", "eventType": "PROJECT_CREATED", "projectId": 700101},
    "not an event",
]


class Greeter(Plugin):
    """Logs a line for each enriched event."""

    name = "greeter"

    def execute(self, context: EnrichmentContext) -> PluginResult:
        """Greet the project of the event."""
        return PluginResult.ok("greeted", Log(f"hello, project {context.key}"))


def load(folder: Path) -> Pipeline:
    """Return a pipeline whose topics and tables are in *folder*."""
    settings = {
        "broker": {"url": f"sqlite:///{folder / 'broker.db'}"},
        "tables": {"root": folder / "tables"},
        "workers": {"events": {"linger_seconds": 0}},
    }
    return Pipeline.load(settings=settings, environ={}, cwd=folder, plugins=[Greeter()])


async def publish(pipeline: Pipeline) -> None:
    """Create what is missing and publish the events that are valid."""
    await pipeline.create()
    sent = await pipeline.publish(EVENTS)
    print(sent.published, "published;", *(f"line {r.line} is refused" for r in sent.refused))


def main() -> None:
    """Do it in a folder that is removed at the end."""
    with tempfile.TemporaryDirectory() as folder:
        pipeline = load(Path(folder))
        asyncio.run(publish(pipeline))
        done = pipeline.run_blocking("events")
        print(done)
        print(*done.problems)
        print(pipeline.query("SELECT event_id, project_id FROM claimx_events ORDER BY event_id"))


if __name__ == "__main__":
    main()
