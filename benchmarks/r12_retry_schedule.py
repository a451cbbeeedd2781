"""R12: how late the retry tiers bring records back, on a clock that is moved."""

from __future__ import annotations

import asyncio
import importlib
import tempfile
from pathlib import Path

from harness import Conditions, Result, single

POLL = 0.5
STEP = 0.05


async def bench(run: Conditions) -> list[Result]:
    """Let records fail on every tier; compare when they come back with when they were due."""
    # The tests' rig is not typed.
    rigs = importlib.import_module("tests.rigs.worker")
    clock = importlib.import_module("tests.fakes.virtual_clock").VirtualClock()
    delays: tuple[float, ...] = rigs.DELAYS

    from claimx_pipeline.errors import Category, RecordError
    from claimx_pipeline.runtime.outcome import DONE, Outcome, Retry

    count = run.of(20, 100)
    tried: dict[str, list[float]] = {}

    def act(text: str) -> Outcome:
        times = tried.setdefault(text, [])
        times.append(clock.monotonic())
        if len(times) <= len(delays):
            return Retry(RecordError("not yet", Category.TRANSIENT))
        return DONE

    with tempfile.TemporaryDirectory() as folder:
        rig = await rigs.Rig.make(Path(folder), clock=clock)
        stop = asyncio.Event()
        loops = [rig.loop(rig.failing(rigs.Scripted(act)), stop), rig.retrying(stop)]
        tasks = [asyncio.create_task(loop.run()) for loop in loops]
        for number in range(count):
            await rig.publish(f"r{number}")
        while sum(len(times) for times in tried.values()) < count * (len(delays) + 1):
            if any(task.done() for task in tasks):
                break
            await clock.advance(STEP)
            await asyncio.sleep(STEP)  # the broker's file takes real time
        stop.set()
        while not all(task.done() for task in tasks):
            await clock.advance(STEP)
            await asyncio.sleep(0)
        await asyncio.gather(*tasks)
    late = sorted(
        after - before - delay
        for times in tried.values()
        for before, after, delay in zip(times, times[1:], delays, strict=False)
    )
    p99 = late[int(len(late) * 0.99)]
    what = "retry tiers' schedule error p99 against the poll interval"
    return [single("R12", what, value=p99 * 1000, bare=POLL * 1000, unit="ms", at_most=0.5)]
