"""The console over a full broker: every page within a second, and no memory kept per view.

``nox -s console_load`` runs it with 10**6 stored records, 10**4 dead letters and 1,000 views.
"""

from __future__ import annotations

import gc
import json
import os
import statistics
import time
from pathlib import Path

import pytest

from claimx_pipeline import operations
from tests.claimx_pipeline.console.test_pages import PAGES
from tests.rigs.console import console

FULL = bool(os.environ.get("CONSOLE_LOAD"))
EVENTS, BROKEN, VIEWS = (500_000, 5_000, 1_000) if FULL else (4_000, 200, 100)
"""Events, each stored twice; those that die at two workers; pages that are looked at."""
SECONDS = 1.0
WARM = VIEWS // 2
GROWTH_BYTES = 16 * 1024 * 1024
RAW = "/topics/claimx.events.raw"
QUERY = "/query?sql=SELECT+event_type,+count(*)+AS+n+FROM+claimx_events+GROUP+BY+1"
LOADED = (
    *(path for path in PAGES if not path.startswith("/trace?")), f"/trace?id=L{EVENTS - 3}",
    f"{RAW}?where=projectId%3D700107", f"{RAW}?from=1h", "/topics/claimx.events.dlq", QUERY,
    "/tables/claimx_events", "/dead-letters?worker=ingest",
)  # fmt: skip
EXPORTS = (f"{RAW}?as=json", f"{RAW}?as=csv", "/dead-letters/export")
PART = 5_000


def event(number: int) -> dict[str, object]:
    """Return an event; one of those that die if the number is negative."""
    project = 700_100 + number % 997
    kind = "PROJECT_CREATED" if number >= 0 else 7
    return {"eventId": f"L{number}", "eventType": kind, "projectId": project, "note": "x" * 200}


async def fill(pipeline):
    """Store events twice each, raw and as tasks to enrich, rows of them, and dead letters."""
    numbers = range(-BROKEN, EVENTS)
    for start in range(0, len(numbers), PART):
        part = numbers[start : start + PART]
        keys = [str(700_100 + number % 997) for number in part]
        await operations.publish(
            pipeline, "claimx.events.raw", [event(number) for number in part], keys=keys
        )
    await operations.run_until_idle(pipeline, "ingest", "events")


def resident_bytes() -> int:
    """Return how much memory this process has."""
    gc.collect()
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


async def first_byte(client, path: str) -> tuple[float, int]:
    """Return the seconds until an export begins to come, and how many lines come."""
    began = time.perf_counter()
    lines, first = 0, 0.0
    async with client.stream("GET", path) as answer:
        assert answer.status_code == 200
        async for line in answer.aiter_lines():
            first = first or time.perf_counter() - began
            lines += 1
            if path.endswith(("json", "export")):
                json.loads(line)
    return first, lines


@pytest.mark.skipif(not Path("/proc/self/statm").exists(), reason="memory is read from /proc")
async def test_every_page_within_a_second_and_memory_stays_flat(tmp_path):
    async with console(tmp_path, allow_changes=True) as asked:
        client = asked.client
        client.timeout = 120
        await fill(asked.pipeline)
        took: dict[str, list[float]] = {path: [] for path in LOADED}
        resident = 0
        for view in range(VIEWS):
            path = LOADED[view % len(LOADED)]
            began = time.perf_counter()
            await asked.page(path)
            took[path].append(time.perf_counter() - began)
            if view == WARM:
                resident = resident_bytes()
        growth = resident_bytes() - resident
        # The middle one of its views: other work of the machine is not the page's.
        middle = {path: statistics.median(each) for path, each in took.items()}
        for path, seconds in sorted(middle.items(), key=lambda each: -each[1]):
            print(f"{seconds:6.3f} s, at most {max(took[path]):6.3f} s  {path}")
        print(f"{VIEWS - WARM} views: {growth / 2**20:+.1f} MiB on {resident / 2**20:.0f} MiB")
        begins = {path: await first_byte(client, path) for path in EXPORTS}
        for path, (seconds, lines) in begins.items():
            print(f"{seconds:6.3f} s to the first of {lines:,} lines  {path}")
        assert {path: each for path, each in middle.items() if each > SECONDS} == {}
        assert growth < GROWTH_BYTES
        assert {path: each for path, each in begins.items() if each[0] > SECONDS} == {}
        assert begins[EXPORTS[0]][1] == EVENTS + BROKEN + 1
        assert begins[EXPORTS[2]][1] == 2 * BROKEN
