"""R17: what a commit costs after many, compared with one to a table that is new."""

from __future__ import annotations

import statistics
import tempfile
import time

from harness import Conditions, Result, single

from claimx_pipeline.claimx.tables import ENTITY_TABLES
from claimx_pipeline.clock import SystemClock
from claimx_pipeline.delta.handle import KeptHandle
from claimx_pipeline.delta.rows import TableRow
from claimx_pipeline.delta.store import TableStore
from claimx_pipeline.delta.writing.held_positions import Claim
from claimx_pipeline.delta.writing.merge import MergeWriter
from claimx_pipeline.settings.tree.tables import TablesSettings

SPEC = ENTITY_TABLES["task_templates"]
COUNTED = 200
"""Commits at the beginning and at the end that are compared."""


async def bench(run: Conditions) -> list[Result]:
    """Measure."""
    commits = run.of(3_000, 40_000)
    with tempfile.TemporaryDirectory() as folder:
        store = TableStore(TablesSettings(root=folder), {SPEC.name: SPEC}, SystemClock())
        store.create(SPEC.name)
        writer = MergeWriter(SPEC, KeptHandle(store.location(SPEC.name)), store.clock, "bench")
        writer.acquire(())
        took: list[float] = []
        for number in range(commits):
            row = {"task_id": number % 50, "name": f"{number}"}
            batch = writer.prepare([TableRow(SPEC.name, row)], ())
            begun = time.perf_counter()
            writer.commit(batch, Claim())
            took.append(1000 * (time.perf_counter() - begun))
        files = store.facts(SPEC.name).log_files
    fresh, late = map(statistics.median, (took[20 : 20 + COUNTED], took[-COUNTED:]))
    what = f"a commit after {commits:,}; one to a new table"
    return [
        single("R17", what, value=late, unit="ms", at_most=2, bare=fresh),
        single("R17l", "files of its log then", value=files, unit="files", at_most=1_500),
    ]
