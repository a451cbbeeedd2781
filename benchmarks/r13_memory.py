"""R13: what a worker needs of memory over many events, and whether that stays so."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import tempfile
from collections.abc import Mapping
from pathlib import Path

import harness
from harness import Conditions, Result, single

THIRD = 3
LIMIT_MB = 250.0
FLAT = 1.2


def resident_mb() -> float:
    """Return how much memory this process has now."""
    lines = Path("/proc/self/status").read_text().splitlines()
    line = next(each for each in lines if each.startswith("VmRSS"))
    return int(line.split()[1]) / 1024


async def worker(url: str, name: str, count: int) -> None:
    """Run ``events`` over a topic; print the memory after a third and at the end."""
    harness.support()
    from kafka_topics import FilledTopic
    from product_loop import MeasuringMetrics, pipeline_in, run_worker

    from claimx_pipeline.claimx.domain import CLAIMX
    from claimx_pipeline.claimx.tables import EVENTS
    from claimx_pipeline.workers import events

    found: list[float] = []
    committed = MeasuringMetrics.committed

    def counted(self: MeasuringMetrics, counts: Mapping[str, int]) -> None:
        committed(self, counts)
        if self.records >= count // THIRD * (len(found) + 1):
            found.append(resident_mb())

    MeasuringMetrics.committed = counted  # type: ignore[method-assign]
    with tempfile.TemporaryDirectory() as folder:
        topic = FilledTopic(url, name, count)
        pipeline = pipeline_in(Path(folder), topic)
        pipeline.table_store.create(EVENTS.name)
        await run_worker(topic, events.worker(CLAIMX), pipeline)
    print(found[0], max(found))


async def bench(run: Conditions) -> list[Result]:
    """Measure in a process of its own, as workers run."""
    from kafka_topics import fill

    topic = await fill(run.url, run.of(20_000, 100_000))
    command = [sys.executable, __file__, topic.url, topic.name, str(topic.count)]
    done = await asyncio.to_thread(
        subprocess.run, command, capture_output=True, text=True, check=True
    )
    early, most = map(float, done.stdout.split())
    what = f"memory of worker events over {topic.count:,} events"
    return [
        single("R13", f"{what}, MB", value=most, unit="MB", at_most=LIMIT_MB),
        single(
            "R13b",
            "the most against after a third",
            value=most,
            bare=early,
            unit="MB",
            at_most=FLAT,
        ),
    ]


if __name__ == "__main__":
    asyncio.run(worker(sys.argv[1], sys.argv[2], int(sys.argv[3])))
