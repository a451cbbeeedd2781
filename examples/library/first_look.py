"""Loads a pipeline from a mapping, puts two events through it and asks the table.

``python first_look.py`` needs nothing but the package: no file, no service, no Kafka.
"""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path

from claimx_pipeline import Pipeline, operations

EVENTS = [
    b'{"eventId": "e-1", "eventType": "PROJECT_CREATED", "projectId": 700100}',
    b'{"eventId": "e-2", "eventType": "PROJECT_CREATED", "projectId": 700101}',
    b"not an event",
]


def load(folder: Path) -> Pipeline:
    """Return a pipeline whose topics and tables are in *folder*."""
    settings = {
        "broker": {"url": f"sqlite:///{folder / 'broker.db'}"},
        "tables": {"root": folder / "tables"},
        "workers": {"events": {"linger_seconds": 0}},
    }
    return Pipeline.load(settings=settings, environ={}, cwd=folder)


async def work(pipeline: Pipeline) -> None:
    """Publish the events and let the worker write those that it can."""
    await operations.create_all(pipeline)
    sent = await operations.publish_events(pipeline, EVENTS)
    print(sent.published, "published;", *(f"line {r.line} is refused" for r in sent.refused))
    for done in await operations.run_until_idle(pipeline, "events"):
        print(f"{done.worker}: {done.records} records, {done.dead} dead, {done.waiting} wait")


def main() -> None:
    """Do it in a folder that is removed at the end."""
    with tempfile.TemporaryDirectory() as folder:
        pipeline = load(Path(folder))
        asyncio.run(work(pipeline))
        answer = operations.query(pipeline, "SELECT event_id FROM claimx_events ORDER BY event_id")
        print(*answer["event_id"].to_pylist())


if __name__ == "__main__":
    main()
