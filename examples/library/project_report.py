"""Uses claimx-pipeline as a library: publishes events, runs workers, asks the tables.

``python project_report.py events.jsonl`` with the settings of the folder it runs in
(``claimx.yaml``, ``CLAIMX_API_URL``, ``CLAIMX_API_TOKEN``).
"""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

from claimx_pipeline import Pipeline, create_all, publish, query, run_until_idle

REPORT = """
SELECT state_province AS state, COUNT(*) AS projects
FROM claimx_projects
GROUP BY state_province
ORDER BY projects DESC, state
LIMIT 5
"""


async def work(pipeline: Pipeline, events: list[bytes]) -> None:
    """Put *events* through the pipeline."""
    await create_all(pipeline)
    await publish(pipeline, "claimx.events.raw", events)
    await run_until_idle(pipeline, "ingest", "events", "enrichment", "entities")


def main(file: Path) -> None:
    """Work on the events in *file*, one JSON object per line, and print where projects are."""
    pipeline = Pipeline.load(environ=os.environ)
    events = file.read_bytes().splitlines()
    asyncio.run(work(pipeline, events))
    print(f"{len(events)} events")
    for row in query(pipeline, REPORT).to_pylist():
        print(f"{row['state'] or 'unknown':>8} {row['projects']:4}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
