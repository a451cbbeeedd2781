"""A back-fill beside live events: killed again and again, it loses and doubles nothing.

``python -m tests.faults.backfill`` measures it in full size: the rate that is held, and how long
live events take to their rows with the back-fill and without.
"""

from __future__ import annotations

import argparse
import asyncio
import contextlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import AsyncIterator, Sequence
from pathlib import Path

import pyarrow.parquet as pq
from attrs import define, field, frozen

from claimx_pipeline import OutRecord, Pipeline
from claimx_pipeline.broker.protocol import Admin, Producer
from claimx_pipeline.operations import create_all, query, run_until_idle
from tests.rigs.command import CLEAN, PROGRAM
from tests.rigs.sources import RAW, event, lines
from tests.rigs.topics import admin_of
from tests.rigs.until import until

WORKERS = ("ingest", "events")
LOOK_SECONDS = 0.02
SETTLE_SECONDS = 1.0
"""After its first event, a back-fill is measured from here on."""


@frozen(kw_only=True)
class Plan:
    """One run."""

    events: int
    rate: float
    kills: int
    alone_seconds: float
    """How long live events are measured without the back-fill."""
    live_rate: float = 10.0
    """Live events per second."""


@define
class Outcome:
    """What came of it."""

    rates: list[float] = field(factory=list)
    """Events per second of each stretch between two kills, and how long each took."""
    seconds: list[float] = field(factory=list)
    alone: list[float] = field(factory=list)
    """Seconds from the publishing of a live event to its row, without a back-fill."""
    beside: list[float] = field(factory=list)
    """The same beside one."""
    rows: int = 0
    ids: int = 0
    expected: int = 0
    published: int = 0
    """How many records the topic has, those that were published twice included."""

    @property
    def rate(self) -> float:
        """Events per second, over all stretches."""
        total = sum(rate * each for rate, each in zip(self.rates, self.seconds, strict=True))
        return total / sum(self.seconds)

    def __str__(self) -> str:
        return (
            f"{self.ids} of {self.expected} events in {self.rows} rows; {self.published} records "
            f"published; {self.rate:.1f} events a second; live events: p95 "
            f"{p95(self.beside):.2f} s beside, {p95(self.alone):.2f} s alone, median "
            f"{statistics.median(self.beside):.2f} s and {statistics.median(self.alone):.2f} s"
        )


def p95(seconds: Sequence[float]) -> float:
    """Return what 95 of 100 are below."""
    return statistics.quantiles(seconds, n=20)[-1]


@define
class Live:
    """Publishes events now and then, and notes when their rows can be read."""

    table: Path
    producer: Producer
    rate: float
    count: int = 0
    waiting: dict[str, float] = field(factory=dict)
    """Event to when it was published."""
    ended: bool = False
    seconds: list[float] = field(factory=list)
    _seen: set[str] = field(factory=set)

    async def publish(self) -> None:
        """Publish at the rate, until it is ended."""
        begun = time.monotonic()
        while not self.ended:
            number = 10_000_000 + self.count
            value = json.dumps(event(number)).encode()
            self.waiting[f"e{number}"] = time.monotonic()
            key = str(number % 7).encode()
            await self.producer.publish([OutRecord(RAW, value, key)])
            self.count += 1
            await asyncio.sleep(max(0.0, begun + self.count / self.rate - time.monotonic()))

    async def look(self) -> None:
        """Note for ever which rows are new, by the files of every commit."""
        while True:
            for entry in sorted((self.table / "_delta_log").glob("*.json")):
                if entry.name not in self._seen:
                    self._seen.add(entry.name)
                    await asyncio.to_thread(self._read, entry)
            await asyncio.sleep(LOOK_SECONDS)

    def take(self) -> list[float]:
        """Return the times measured so far, and forget them."""
        taken, self.seconds = self.seconds, []
        return taken

    def _read(self, entry: Path) -> None:
        now = time.monotonic()
        for line in entry.read_text().splitlines():
            add = json.loads(line).get("add")
            if add is None:
                continue
            for each in pq.read_table(self.table / add["path"], columns=["event_id"]).to_pylist():
                published = self.waiting.pop(each["event_id"], None)
                if published is not None:
                    self.seconds.append(now - published)


@contextlib.contextmanager
def started(folder: Path, *arguments: str):
    """Run a command of the product in a process, and kill it at the end."""
    with (folder / "log.txt").open("ab") as log:
        process = subprocess.Popen(
            [*PROGRAM, *arguments],
            cwd=folder,
            env={**CLEAN, "CLAIMX_HEALTH__PORT": "0"},
            stdout=log,
            stderr=log,
        )
        try:
            yield process
        finally:
            process.kill()
            process.wait()


async def backfilled(admin: Admin, live: Live) -> int:
    """Return how many records the topic has that are not live ones."""
    return sum((await admin.end_offsets(RAW)).values()) - live.count


@contextlib.asynccontextmanager
async def live_events(pipeline: Pipeline, plan: Plan) -> AsyncIterator[Live]:
    """Publish live events and measure them, within the block."""
    producer = pipeline.broker().producer()
    await producer.start()
    table = Path(pipeline.table_store.location("claimx_events").uri)
    live = Live(table, producer, plan.live_rate)
    tasks = [asyncio.create_task(live.publish()), asyncio.create_task(live.look())]
    try:
        yield live
        live.ended = True
        await tasks[0]
        await until(lambda: not live.waiting, tasks[1], seconds=60)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await producer.close()


async def stretch(
    folder: Path, plan: Plan, admin: Admin, live: Live, stop: int, out: Outcome
) -> None:
    """Run the back-fill until *stop* records are published, then kill it."""
    begin = await backfilled(admin, live)
    command = ("backfill", "old.jsonl", "--rate", f"{plan.rate:g}")
    with started(folder, *command) as process:

        async def first() -> bool:
            return await backfilled(admin, live) > begin

        await until(first, seconds=120)
        await asyncio.sleep(SETTLE_SECONDS)
        before, began = await backfilled(admin, live), time.monotonic()
        now, at = before, began
        while now < stop and process.poll() is None:
            await asyncio.sleep(LOOK_SECONDS)
            found = await backfilled(admin, live)
            if found > now:
                now, at = found, time.monotonic()
        out.rates.append((now - before) / (at - began))
        out.seconds.append(at - began)


async def run(folder: Path, plan: Plan) -> Outcome:
    """Run *plan* in *folder* and return what came of it."""
    (folder / "claimx.yaml").write_text("logging: {level: WARNING}\n")
    (folder / "old.jsonl").write_text(lines(range(plan.events)))
    pipeline = Pipeline.load(environ={}, cwd=folder)
    await create_all(pipeline)
    out = Outcome()
    async with admin_of(pipeline.broker()) as admin:
        with started(folder, "worker", *WORKERS) as workers:
            async with live_events(pipeline, plan) as live:
                await until(lambda: live.seconds or workers.poll() is not None, seconds=120)
                assert workers.poll() is None, (folder / "log.txt").read_text()
                live.take()
                for number in range(1, plan.kills + 2):
                    # By turns, since the machine may be busier at one time than at another.
                    await asyncio.sleep(plan.alone_seconds / (plan.kills + 1))
                    # On a busy machine the first may take longer.
                    async with asyncio.timeout(60):
                        while not (taken := live.take()):
                            await asyncio.sleep(0.1)
                    out.alone += taken
                    stop = plan.events * number // (plan.kills + 1)
                    await stretch(folder, plan, admin, live, stop, out)
                    out.beside += live.take()
            out.expected = plan.events + live.count
            with started(folder, "backfill", "old.jsonl") as last:
                await until(lambda: last.poll() is not None, seconds=300)
        out.published = sum((await admin.end_offsets(RAW)).values())
    await run_until_idle(pipeline, *WORKERS)
    sql = "SELECT count(*) AS n, count(DISTINCT event_id) AS ids FROM claimx_events"
    (row,) = query(pipeline, sql).to_pylist()
    out.rows, out.ids = row["n"], row["ids"]
    return out


def main() -> int:
    """Run the full size, print what came of it, and return 1 if a promise is not kept."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--events", type=int, default=100_000)
    parser.add_argument("--rate", type=float, default=500.0)
    parser.add_argument("--kills", type=int, default=5)
    parser.add_argument("--alone-seconds", type=float, default=60.0)
    given = parser.parse_args()
    plan = Plan(
        events=given.events,
        rate=given.rate,
        kills=given.kills,
        alone_seconds=given.alone_seconds,
    )
    # The settings name folders below the working one.
    with tempfile.TemporaryDirectory() as folder, contextlib.chdir(folder):
        out = asyncio.run(run(Path(folder), plan))
    print(f"load {os.getloadavg()[0]:.1f}; {out}")
    kept = {
        "every event is one row": out.rows == out.ids == out.expected,
        "the rate is held within 5 %": abs(out.rate / plan.rate - 1) <= 0.05,
        "p95 of live events is at most doubled": p95(out.beside) <= 2 * p95(out.alone),
    }
    for what, yes in kept.items():
        print(f"{'yes' if yes else 'NO '}  {what}")
    return 0 if all(kept.values()) else 1


if __name__ == "__main__":
    sys.exit(main())
