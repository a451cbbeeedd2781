"""Workers are killed at any moment: the tables end up as if nothing had happened.

``FAULT_SEEDS=50 pytest tests/faults/test_kills.py -s`` runs as many schedules as asked for
and prints what each lost, doubled or got wrong; without it, a few.
"""

import asyncio
import os
import random
import signal
import uuid
from collections import Counter
from pathlib import Path

import pytest
from command import Running, stop_all
from whole_pipeline import WholePipeline, whole_pipeline

from claimx_pipeline.delta.contents import contents

EVENTS, SEED = 120, 7
SEEDS = int(os.environ.get("FAULT_SEEDS", "2"))
KILLS = 8


EVIDENCE = frozenset({"itel_cabinet_submissions"})
"""Tables of what was tried: kills lead to other tries."""


async def all_contents(whole: WholePipeline) -> dict[str, Counter]:
    """Return every table as a multiset of what it says about the claims."""
    store = whole.pipeline.table_store
    return {
        name: await asyncio.to_thread(lambda n=name: contents(store.open(n), store.spec(n)))
        for name in whole.pipeline.tables
        if name not in EVIDENCE
    }


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory) -> dict[str, Counter]:
    """What the tables hold after a run in which nothing went wrong."""

    async def run() -> dict[str, Counter]:
        async with whole_pipeline(tmp_path_factory.mktemp("undisturbed"), seed=SEED) as whole:
            whole.start()
            await whole.publish(EVENTS)
            await whole.idle()
            return await all_contents(whole)

    return asyncio.run(run())


def verdict(expected: dict[str, Counter], found: dict[str, Counter]) -> dict[str, dict[str, int]]:
    """Return, per table that differs, how many rows are missing, doubled, or not as they should be."""
    differences = {}
    for table, rows in expected.items():
        lost, more = rows - found[table], found[table] - rows
        doubled = sum((Counter({row: n for row, n in more.items() if row in rows})).values())
        if lost or more:
            differences[table] = {
                "lost": sum(lost.values()),
                "doubled": doubled,
                "wrong": sum(more.values()) - doubled,
            }
    return differences


async def disturbed(folder: Path, seed: int, **broker: str) -> tuple[WholePipeline, dict, int]:
    """Run every worker as a process, two of some, and kill them as *seed* says."""
    chance = random.Random(seed)
    async with whole_pipeline(folder, seed=SEED, **broker) as whole:
        names = [*whole.pipeline.workers, "enrichment", "entities", "events"]
        started: list[tuple[str, Running]] = []

        def start(name: str) -> None:
            started.append((name, Running.start("worker", name, cwd=folder)))

        try:
            for name in names:
                start(name)
            await whole.publish(EVENTS)
            for _ in range(KILLS):
                await asyncio.sleep(chance.uniform(0.1, 1.5))
                name, victim = started.pop(chance.randrange(len(started)))
                victim.process.send_signal(signal.SIGKILL)
                stop_all([victim])
                start(name)
            await idle(whole, started)
            codes = [await asyncio.to_thread(each.stop) for _, each in started]
            assert codes == [0] * len(started), [each.lines[-3:] for _, each in started]
        finally:
            stop_all([each for _, each in started])
        return whole, await all_contents(whole), sum((await whole.dead()).values())


async def idle(whole: WholePipeline, started: list[tuple[str, Running]]) -> None:
    """Wait until nothing is left to do; a worker that has stopped by itself is a failure."""
    from claimx_pipeline.runtime.idle import wait_until_idle

    admin = whole.pipeline.broker().admin()
    waiting = asyncio.create_task(
        wait_until_idle(
            admin, whole.pipeline.topology, whole.pipeline.workers.values(), whole.pipeline.clock
        )
    )
    async with asyncio.timeout(120):
        while not waiting.done():
            for name, each in started:
                assert each.process.poll() is None, (name, each.lines[-5:])
            await asyncio.sleep(0.1)
    await waiting
    await admin.close()


def assert_submissions(whole: WholePipeline) -> None:
    """One key per completed form, and every request of a key has the same body."""
    requests = whole.simulator.requests.find("/itel", method="POST")
    bodies: dict[str, set[str]] = {}
    for request in requests:
        bodies.setdefault(request.idempotency_key, set()).add(str(request.body))
    pairs = {f"itel/{a}/{r}" for a, r in whole.world.expected_submissions(EVENTS)}
    assert set(bodies) == pairs
    assert all(len(found) == 1 for found in bodies.values())


@pytest.mark.plugin
@pytest.mark.parametrize("seed", range(SEEDS))
async def test_kills_on_the_embedded_broker(undisturbed, tmp_path, seed):
    whole, found, dead = await disturbed(tmp_path, seed)
    differences = verdict(undisturbed, found)
    print(f"seed {seed}: differences {differences or 'none'}, dead {dead}")
    assert (differences, dead) == ({}, 0)
    assert_submissions(whole)


@pytest.mark.kafka
@pytest.mark.plugin
@pytest.mark.parametrize("seed", range(100, 100 + (SEEDS + 1) // 2))
async def test_kills_on_kafka(undisturbed, kafka_url, tmp_path, seed):
    whole, found, dead = await disturbed(
        tmp_path, seed, url=kafka_url, prefix=f"kill-{uuid.uuid4().hex[:8]}."
    )
    differences = verdict(undisturbed, found)
    print(f"seed {seed}: differences {differences or 'none'}, dead {dead}")
    assert (differences, dead) == ({}, 0)
    assert_submissions(whole)
