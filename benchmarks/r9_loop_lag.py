"""R9: how late the event loop is while tables are merged and compacted."""

from __future__ import annotations

import asyncio
import tempfile
import time
from pathlib import Path

from entity_rows import make_table, rows
from harness import Conditions, Result, single
from r5_entities import sinks_in

from claimx_pipeline.claimx.tables import ENTITY_TABLES
from claimx_pipeline.delta.location import TableLocation
from claimx_pipeline.delta.maintenance import Maintenance
from claimx_pipeline.delta.rows import TableRow

PROJECTS = ENTITY_TABLES["projects"]

TICK = 0.002


async def bench(run: Conditions) -> list[Result]:
    """Merge and compact in turn; look every 2 ms how late it has become."""
    late: list[float] = []
    with tempfile.TemporaryDirectory() as folder:
        make_table(Path(folder), PROJECTS, run.of(20_000, 100_000))
        batches = [
            [TableRow(PROJECTS.name, row) for row in rows(PROJECTS, range(500), turn)]
            for turn in range(run.of(5, 20))
        ]
        (sink,) = (await sinks_in(Path(folder), [PROJECTS])).values()
        place = TableLocation(PROJECTS.name, str(Path(folder) / PROJECTS.name))

        async def work() -> None:
            for batch in batches:
                await sink.write(batch, (), {})
                await asyncio.to_thread(Maintenance(place, spec=PROJECTS).compact)

        working = asyncio.create_task(work())
        while not working.done():
            began = time.perf_counter()
            await asyncio.sleep(TICK)
            late.append((time.perf_counter() - began - TICK) * 1000)
        await working
        await sink.close()
    late.sort()
    p99 = late[int(len(late) * 0.99)]
    what = "event-loop lag p99 while tables merge and compact, ms"
    return [single("R9", what, value=p99, unit="ms", at_most=15.0)]
