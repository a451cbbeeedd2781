"""Prints the ratios of the product to bare loops. ``--quick`` for a short run.

Ratios are of rates within one run: 1.0 is as fast as the bare loop, more is faster.
"""

from __future__ import annotations

import argparse
import asyncio
from pathlib import Path

import harness

harness.support()

import m1_files  # noqa: E402 - the tests' helpers must be importable first
import r1_consume  # noqa: E402
import r3_append  # noqa: E402
import r4_kafka_to_delta  # noqa: E402
import r6_requests  # noqa: E402
from kafka_server import kafka  # noqa: E402


async def measure(url: str, *, quick: bool, only: str) -> list[harness.Result]:
    """Run every benchmark whose id begins with *only*."""
    rounds = 2 if quick else 5
    results = []
    if "R1".startswith(only):
        results += await r1_consume.run(url, rounds=rounds, events=60_000 if quick else 150_000)
    if "R3".startswith(only):
        results += await r3_append.run(
            rounds=rounds, commits=20 if quick else 60, flat_commits=150 if quick else 1000
        )
    if "R4".startswith(only):
        results += await r4_kafka_to_delta.run(
            url, rounds=rounds, events=10_000 if quick else 40_000
        )
    if "R6".startswith(only):
        results += await r6_requests.run(rounds=rounds, requests=1000 if quick else 3000)
    if "M1".startswith(only):
        results += await m1_files.run(rounds=rounds, files=1000 if quick else 2000)
    return results


def main() -> None:
    """Measure, print and save."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="few rounds, little data")
    parser.add_argument(
        "--only", default="", help="benchmarks whose id begins so: R1, R3, R4, R6, M1"
    )
    given = parser.parse_args()
    print(harness.HEAD, flush=True)
    with kafka() as url:
        results = asyncio.run(measure(url, quick=given.quick, only=given.only))
    file = harness.save(results, Path(__file__).parent / "results")
    missed = [result.id for result in results if not result.met]
    print(f"\nsaved {file.name}; " + (f"missed: {', '.join(missed)}" if missed else "all met"))


if __name__ == "__main__":
    main()
