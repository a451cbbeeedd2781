"""R29: a message of a cabinet task, after a pause, to the file of the commit of its row.

``itel-tracking`` on Kafka with its own linger of a second: what comes after a pause is written at
once, since the last commit is longer ago than the linger.
"""

from __future__ import annotations

import asyncio
import tempfile
import time
import uuid
from pathlib import Path

from harness import Conditions, Result, single
from r7_latency import committed, newest

from itel_cabinet_plugin.tables import TASK_TRACKING
from tests.rigs import itel

PAUSE_SECONDS = 1.2
"""Longer than the linger."""
WARMING = 2
MOST_MS = 500.0
EVENTS = 4_000
"""Of the simulator, some of which are about cabinet tasks."""


async def latencies(url: str, folder: Path, count: int) -> list[float]:
    """Return how many seconds each of *count* messages took, sorted."""
    prefix = f"bench-{uuid.uuid4().hex[:8]}."
    found: list[float] = []
    async with itel.itel_rig(folder, url=url, prefix=prefix, workers=("itel-tracking",)) as rig:
        events = itel.cabinet_events(rig.world, EVENTS)[: count + WARMING]
        if len(events) < count + WARMING:
            raise RuntimeError(f"{EVENTS:,} events have {len(events)} cabinet tasks; use more")
        place = Path(rig.pipeline.table_store.location(TASK_TRACKING.name).uri)
        rig.start()
        for event in events:
            before, began = newest(place), time.time()
            await itel.publish(rig, [itel.status_message(event)])
            found.append(await committed(place, before) - began)
            await asyncio.sleep(PAUSE_SECONDS)
        await rig.stop()
    return sorted(found[WARMING:])


async def bench(run: Conditions) -> list[Result]:
    """Measure."""
    count = run.of(8, 40)
    with tempfile.TemporaryDirectory() as folder:
        found = await latencies(run.url, Path(folder), count)
    p95 = found[min(count - 1, round(0.95 * count))] * 1000
    what = f"a message after a pause to the file of its commit, p95 of {count}"
    return [single("R29", what, value=p95, unit="ms", at_most=MOST_MS)]
