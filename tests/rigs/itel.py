"""The plugin's workers in this process, over real topics and tables, against the simulator."""

from __future__ import annotations

import contextlib
from collections.abc import AsyncIterator, Iterable
from pathlib import Path
from typing import Any

import msgspec

from claimx_pipeline import OutRecord
from claimx_pipeline.simulator.entities import CABINET_TEMPLATE, WorldEvent
from claimx_pipeline.simulator.world import World
from tests.rigs import topics
from tests.rigs.whole_pipeline import WholePipeline, whole_pipeline

WORKERS = ("itel-tracking", "itel-api", "itel-results", "retry")
MEDIA_WORKERS = ("itel-media", "download", "upload", "results")
"""Those who copy the photos, and the one who notes where."""
TOPIC = "itel.cabinet.task.tracking"


@contextlib.asynccontextmanager
async def itel_rig(folder: Path, **options: Any) -> AsyncIterator[WholePipeline]:
    """Set the plugin's workers up, and nothing else; options as of ``whole_pipeline``."""
    async with whole_pipeline(folder, **{"workers": WORKERS, **options}) as rig:
        yield rig


def cabinet_events(world: World, count: int) -> list[WorldEvent]:
    """Return those of the first *count* events that are about a cabinet task."""
    world.set_clock(max(world.now, world.end(count)))
    return [
        event
        for event in world.events(count)
        if event.assignment_id is not None
        and (task := world.task(event.assignment_id)) is not None
        and task.template_id == CABINET_TEMPLATE
    ]


def status_message(event: WorldEvent, **changes: Any) -> dict[str, Any]:
    """Return what the trigger publishes about *event*."""
    status = "COMPLETED" if event.type.endswith("COMPLETED") else "ASSIGNED"
    return {
        "trigger_name": "iTel cabinet repair",
        "event_id": f"{event.type}/{event.assignment_id}/{event.at.isoformat()}",
        "event_type": event.type,
        "project_id": str(event.project_id),
        "task_id": CABINET_TEMPLATE,
        "assignment_id": event.assignment_id,
        "task_name": "ITEL Cabinet Repair Form",
        "task_status": status,
        "timestamp": event.at.isoformat(),
        "task": {"assignment_id": event.assignment_id, "assignee_id": 77, "assignor_id": 88},
        "project": {"project_id": str(event.project_id)},
        **changes,
    }


async def publish(rig: WholePipeline, messages: Iterable[dict[str, Any]]) -> None:
    """Publish *messages* as the trigger does."""
    topic = rig.pipeline.topology.physical(TOPIC)
    records = [
        OutRecord(topic, msgspec.json.encode(each), str(each["assignment_id"]).encode())
        for each in messages
    ]
    await topics.publish(rig.pipeline.broker(), records)


def count(rig: WholePipeline, table: str, where: str = "true") -> int:
    """Return how many rows of *table* meet a condition."""
    return int(rig.rows(f"SELECT count(*) AS n FROM {table} WHERE {where}")[0]["n"])
