"""R8: rows lost, doubled and wrong after kills, zombies, restarts and service faults.

Runs the fault suite's seeded schedules, in its short form or the long one, and adds up the
line that each seed prints.
"""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys
from collections import Counter
from pathlib import Path

from harness import Conditions, Result, single

ROOT = Path(__file__).parents[1]
SUITES = ("tests/faults/test_kills.py", "tests/faults/test_kills_embedded.py")


async def bench(run: Conditions) -> list[Result]:
    """Run the schedules; a seed that fails ends the benchmark with what pytest printed."""
    command = [sys.executable, "-m", "pytest", "-q", "-s", *SUITES]
    environment = {**os.environ, "FAULTS": "short" if run.quick else "long"}
    done = await asyncio.to_thread(
        subprocess.run, command, cwd=ROOT, env=environment, capture_output=True, text=True
    )
    seeds = re.findall(r"seed \d+ .*lost (\d+), doubled (\d+), wrong (\d+), dead", done.stdout)
    if done.returncode or not seeds:
        raise RuntimeError(done.stdout[-4000:] + done.stderr[-1000:])
    bad: Counter[str] = Counter()
    for lost, doubled, wrong in seeds:
        bad.update(lost=int(lost), doubled=int(doubled), wrong=int(wrong))
    what = f"rows lost + doubled + wrong after {len(seeds)} seeds of faults"
    return [single("R8", what, value=float(bad.total()), unit="rows", at_most=0.0)]
