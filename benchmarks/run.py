"""Prints the ratios of the product to bare loops. ``--quick`` for a short run.

Ratios are of rates within one run: 1.0 is as fast as the bare loop, more is faster.
A benchmark is a file ``rNUMBER_NAME.py`` here with ``async def bench(run)``; it is found by
its name.
"""

from __future__ import annotations

import argparse
import asyncio
import importlib
import re
import sys
from pathlib import Path

import harness

harness.support()

from tests.rigs.kafka_server import kafka  # noqa: E402 - the tests' helpers must be importable first

HERE = Path(__file__).parent
GATING = ("r1_consume", "r14_forms", "r23_counting", "r24_files_cpu")
"""What ``--gate`` runs unless told otherwise: judged by processor time."""


def benchmarks(only: str) -> list[str]:
    """Return the names of the modules that print a row whose id is, or begins with, *only*.

    Raises:
        SystemExit: There is none, or two files have one number.
    """
    found: dict[int, str] = {}
    for file in HERE.glob("r*_*.py"):
        if match := re.fullmatch(r"r(\d+)_\w+", file.stem):
            number = int(match[1])
            if number in found:
                raise SystemExit(
                    f"{found[number]} and {file.stem} have one number; one would not run"
                )
            found[number] = file.stem
    rows = {
        name: {f"R{number}", *re.findall(r'"(R\d+\w?)"', (HERE / f"{name}.py").read_text("utf-8"))}
        for number, name in sorted(found.items())
    }
    if exact := [name for name, ids in rows.items() if only in ids]:
        return exact
    if begun := [name for name, ids in rows.items() if any(id_.startswith(only) for id_ in ids)]:
        return begun
    raise SystemExit(
        f"no benchmark prints a row {only}; docs/explanation/performance.md lists what there is"
    )


async def measure(conditions: harness.Conditions, only: str) -> list[harness.Result]:
    """Run what *only* names; all if it is empty, or those that gate."""
    results: list[harness.Result] = []
    for name in GATING if conditions.gated and not only else benchmarks(only):
        results += await importlib.import_module(name).bench(conditions)
    return results


def main() -> None:
    """Measure, print and save; with ``--gate`` end with 1 if a target is missed."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="few rounds, little data")
    parser.add_argument("--only", default="", help="one benchmark, for example R4")
    parser.add_argument("--gate", action="store_true", help="fail on a miss, by processor time")
    given = parser.parse_args()
    print(harness.HEAD, flush=True)
    with kafka() as url:
        conditions = harness.Conditions(url, given.quick, given.gate)
        results = asyncio.run(measure(conditions, given.only))
    file = harness.save(results, HERE / "results")
    missed = [result.id for result in results if result.missed]
    unsure = [result.id for result in results if not result.met and not result.missed]
    print(f"\nsaved {file.name}; " + (f"missed: {', '.join(missed)}" if missed else "none missed"))
    if unsure:
        print(f"rounds disagree by more than {harness.MOST_SPREAD:.0%}: {', '.join(unsure)}")
    if missed and given.gate:
        sys.exit(1)


if __name__ == "__main__":
    main()
