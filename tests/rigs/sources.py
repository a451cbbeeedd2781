"""Files of events, and pipelines with a source of them."""

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from claimx_pipeline import Pipeline
from claimx_pipeline.broker.protocol import Record
from tests.rigs import topics

RAW = "claimx.events.raw"


def event(number: int, **more: Any) -> dict[str, Any]:
    """Return an event that has a time of its own."""
    return {
        "event_type": "PROJECT_CREATED",
        "project_id": str(number % 7),
        "event_id": f"e{number}",
        "ingested_at": "2026-01-05T10:00:00Z",
        **more,
    }


def lines(numbers: Iterable[int]) -> str:
    """Return events, one per line."""
    return "".join(f"{json.dumps(event(number))}\n" for number in numbers)


def pipeline_of(folder: Path, more: dict[str, Any] | None = None, **source: Any) -> Pipeline:
    """Return a pipeline in *folder* with the source ``old``."""
    written = {"sources": {"old": {"poll_seconds": 0.1, **source}}, **(more or {})}
    (folder / "claimx.yaml").write_text(json.dumps(written))
    return Pipeline.load(environ={}, cwd=folder)


async def raw_records(pipeline: Pipeline) -> list[Record]:
    """Return every raw event."""
    return await topics.records(pipeline.broker(), pipeline.topology.physical(RAW))


async def raw_ids(pipeline: Pipeline) -> list[str]:
    """Return the ids of every raw event, in their order."""
    found = [json.loads(record.value or b"")["event_id"] for record in await raw_records(pipeline)]
    return sorted(found, key=lambda each: int(each[1:]))
