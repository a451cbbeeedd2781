"""Uses claimx-pipeline as a library: publishes events, runs workers, looks at what failed, asks.

``python project_report.py events.jsonl`` with the settings of the folder it runs in
(``claimx.yaml``, ``CLAIMX_API_URL``, ``CLAIMX_API_TOKEN``).
"""

from __future__ import annotations

import asyncio
import os
import sys
from pathlib import Path

from claimx_pipeline import Pipeline, operations

REPORT = """
SELECT state_province AS state, COUNT(*) AS projects
FROM claimx_projects
GROUP BY state_province
ORDER BY projects DESC, state
LIMIT 5
"""


async def work(pipeline: Pipeline, file: Path) -> None:
    """Put the events in *file* through the pipeline, and print what became of them."""
    await operations.create_all(pipeline)
    with file.open("rb") as lines:
        sent = await operations.publish_events(pipeline, lines)
    print(f"{sent.published} events")
    for refused in sent.refused:
        print(f"{file}:{refused.line}: {refused.reason}")
    await operations.run_until_idle(pipeline, "ingest", "events", "enrichment", "entities")
    failed = await operations.look_at_dead_letters(pipeline)
    for group in failed.groups.largest_first():
        print(f"{group.count} failed, such as {group.newest.location}")


def main(file: Path) -> None:
    """Work on the events in *file*, one JSON object per line, and print where projects are."""
    pipeline = Pipeline.load(environ=os.environ)
    asyncio.run(work(pipeline, file))
    for row in operations.query(pipeline, REPORT).to_pylist():
        print(f"{row['state'] or 'unknown':>8} {row['projects']:4}")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
