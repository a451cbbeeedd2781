"""R8: rows lost, doubled and wrong after kills, zombies, restarts and service faults.

Runs the whole fault suite, in its short form or the long one, and adds up the line that each
seeded schedule prints. A test that fails counts as one wrong row, and is named.
"""

from __future__ import annotations

import asyncio
import os
import re
import subprocess
import sys
from pathlib import Path

from harness import Conditions, Result, single

ROOT = Path(__file__).parents[1]


async def bench(run: Conditions) -> list[Result]:
    """Run it; the row is printed whatever happens."""
    command = [sys.executable, "-m", "pytest", "-q", "-s", "-rfE", "tests/faults"]
    environment = {**os.environ, "FAULTS": "short" if run.quick else "long"}
    done = await asyncio.to_thread(
        subprocess.run, command, cwd=ROOT, env=environment, capture_output=True, text=True
    )
    seeds = re.findall(r"seed \d+ .*lost (\d+), doubled (\d+), wrong (\d+), dead", done.stdout)
    failed = re.findall(r"^(?:FAILED|ERROR) (\S+)", done.stdout, re.MULTILINE)
    if done.returncode and not failed:
        failed = ["pytest itself"]
    bad = sum(int(each) for seed in seeds for each in seed)
    what = f"rows lost, doubled, wrong; tests failed: {len(seeds)} seeds, all fault tests"
    row = single("R8", what, value=float(bad + len(failed)), unit="", at_most=0.0)
    if failed:
        print("      failed: " + ", ".join(failed), done.stdout[-4000:], sep="\n", flush=True)
    return [row]
