"""A writer of a keyed table as a process of its own, for races with others.

``FOLDER INSTANCE INSTANCES ROUNDS SEED`` writes *ROUNDS* batches of rows of the buckets that
this instance owns: keys that it has written before, and new ones. Files are small, so that they
are cut and joined all the time. At the end it prints, as JSON, each of its keys with the last value.
"""

from __future__ import annotations

import asyncio
import json
import random
import sys
from pathlib import Path

from claimx_pipeline.clock import SystemClock
from claimx_pipeline.delta.faults import TableWriteError
from claimx_pipeline.delta.rows import TableRow
from claimx_pipeline.delta.spec import bucket_of
from claimx_pipeline.delta.store import TableStore
from claimx_pipeline.delta.writing import files, layout, rewriting
from claimx_pipeline.errors import Category
from tests.rigs.delta_tables import PROJECTS, acquired, make_store, minutes

KEYS = 400
"""Keys of ours; those of others begin with their name."""
SMALL = {"ROWS": 8, "FEWEST_ROWS": 4, "MOST_ROWS": 16}


def make_files_small() -> None:
    """Lay out this process's tables in files of a few rows."""
    for name, value in SMALL.items():
        for module in (layout, files):
            if hasattr(module, name):
                setattr(module, name, value)
    rewriting.MOST_SMALL = 3


def store_in(folder: Path) -> TableStore:
    return make_store(folder, {"projects": PROJECTS}, created=False, clock=SystemClock())


async def run(
    folder: Path, instance: int, instances: int, rounds: int, seed: int
) -> dict[str, str]:
    """Write; return the last value of each key."""
    chance = random.Random(f"{seed} {instance}")
    owned = [str(n) for n in range(KEYS) if bucket_of(str(n)) % instances == instance]
    sink = await acquired(store_in(folder), "projects")
    last: dict[str, str] = {}
    for number in range(rounds):
        chosen = chance.sample(owned, chance.randint(1, 12))
        value = f"{instance} {number}"
        rows = [
            {"project_id": key, "city": value, "answered_at": minutes(number)} for key in chosen
        ]
        while True:
            try:
                await sink.write([TableRow("projects", row) for row in rows], (), {})
            except TableWriteError as error:
                if error.category is not Category.TRANSIENT:
                    raise
            else:
                break
        last |= dict.fromkeys(chosen, value)
    await sink.close()
    return last


if __name__ == "__main__":
    make_files_small()
    folder, *numbers = sys.argv[1:]
    sys.stdout.write(json.dumps(asyncio.run(run(Path(folder), *map(int, numbers)))))
