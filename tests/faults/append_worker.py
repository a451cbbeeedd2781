"""A worker of an append table as a process of its own, for tests that kill it or deceive it.

``member FOLDER URL SEED TOTAL`` is a member of its group like any other.
``zombie FOLDER URL SEED TOTAL`` believes to own every partition for ever: nobody tells it
when others take them over, and whatever offset it commits is accepted. It pauses now and
then at the worst places. Either ends by itself once *TOTAL* records of each partition are
settled as far as it knows.

The table finds no double by its key: positions alone keep rows from coming twice.
"""

from __future__ import annotations

import asyncio
import random
import sqlite3
import sys
import time
from collections.abc import Mapping, Sequence
from pathlib import Path

from attrs import evolve

from claimx_pipeline import Done, Pipeline, Topic, WorkerSpec
from claimx_pipeline.broker.protocol import Assignment, PolledBatch
from claimx_pipeline.broker.sqlite.log import Wanted, read
from claimx_pipeline.delta.querying.reading import read as query
from claimx_pipeline.delta.spec import INT, LONG, Column, TableSpec
from claimx_pipeline.delta.store import TableStore
from claimx_pipeline.delta.writing.append import AppendWriter
from claimx_pipeline.runtime import loop as loops
from claimx_pipeline.tables import TableRow
from claimx_pipeline.telemetry.health import Health
from claimx_pipeline.telemetry.metrics import Metrics

ROWS = TableSpec(
    name="rows",
    summary="One row per record",
    mode="append",
    key=("p", "o"),
    dedupe=False,
    columns=(Column("p", INT, nullable=False), Column("o", LONG, nullable=False)),
)
PARTITIONS = 2
GROUP = "writers"
SIZES = (5, 11, 30, 60)


class Rows:
    """Makes a row of each record."""

    async def open(self):
        pass

    def decode(self, record):
        return record

    async def process(self, batch):
        return [
            Done(rows=(TableRow("rows", {"p": each.record.partition, "o": each.record.offset}),))
            for each in batch
        ]

    async def close(self):
        pass


class Deaf:
    """A consumer that hears of no other, and whose commits are never refused."""

    def __init__(self, file: Path, topic: str, rnd: random.Random) -> None:
        self._file, self._topic, self._rnd = file, topic, rnd
        self._owned = {p: Assignment(topic, p, 1) for p in range(PARTITIONS)}
        self._next: dict[int, int] = {}
        self.settled: dict[int, int] = {}
        """What it has committed itself; others may set the group's offset back."""

    def _connect(self) -> sqlite3.Connection:
        return sqlite3.connect(self._file, timeout=30, isolation_level=None)

    async def start(self) -> None:
        connection = self._connect()
        self._logs = dict(
            connection.execute("SELECT number, log FROM partition WHERE topic = ?", (self._topic,))
        )
        known = dict(connection.execute("SELECT log, next FROM ownership WHERE grp = ?", (GROUP,)))
        self._next = {p: known.get(log) or 0 for p, log in self._logs.items()}
        self.settled = dict(self._next)
        connection.close()

    async def poll(self, *, max_records: int, timeout: float, without=()) -> Sequence[PolledBatch]:
        connection = self._connect()
        partition = self._rnd.randrange(PARTITIONS)
        place = Wanted(self._topic, partition, self._logs[partition], self._next[partition])
        records = read(connection, [place], self._rnd.choice(SIZES))[0]
        connection.close()
        if not records:
            await asyncio.sleep(0.01)
            return []
        self._next[partition] = records[-1].offset + 1
        return [PolledBatch(self._owned[partition], records)]

    async def commit(self, positions: Mapping[Assignment, int]) -> None:
        connection = self._connect()
        connection.executemany(
            "INSERT INTO ownership VALUES (?, ?, NULL, 1, ?) "
            "ON CONFLICT DO UPDATE SET next = excluded.next",
            [(GROUP, self._logs[at.partition], after) for at, after in positions.items()],
        )
        connection.close()
        self.settled.update({at.partition: after for at, after in positions.items()})

    def assignments(self) -> frozenset[Assignment]:
        return frozenset(self._owned.values())

    def pause(self, assignments) -> None:
        pass

    def resume(self, assignments) -> None:
        pass

    async def close(self) -> None:
        pass


def store_of(folder: Path) -> TableStore:
    """Return the store with the one table."""
    pipeline = Pipeline.load(environ={}, cwd=folder)
    settings = evolve(pipeline.settings.tables, root=str(folder / "tables"))
    return TableStore(settings, {"rows": ROWS}, pipeline.clock)


def count(folder: Path, total: int) -> dict[str, int]:
    """Return how many rows are there, doubled, and lost."""
    found = [
        (row["p"], row["o"]) for row in query(store_of(folder).open("rows"), "SELECT * FROM t")
    ]
    expected = {(p, o) for p in range(PARTITIONS) for o in range(total)}
    return {
        "rows": len(found),
        "doubled": len(found) - len(set(found)),
        "lost": len(expected - set(found)),
    }


def pause_at_bad_moments(rnd: random.Random) -> None:
    """Let commits wait between what they have looked at and what they write, now and then."""
    real = AppendWriter._append

    def append(self, table, data, held):
        if rnd.random() < 0.15:
            time.sleep(rnd.random() * 0.8)
        return real(self, table, data, held)

    AppendWriter._append = append


async def run(kind: str, folder: Path, url: str, seed: int, total: int) -> None:
    rnd = random.Random(seed)
    pipeline = Pipeline.load(environ={}, cwd=folder, overrides={"broker.url": url})
    topic = Topic((folder / "topic").read_text(), partitions=PARTITIONS, source=True)
    spec = WorkerSpec(
        name="writer",
        summary="",
        group=GROUP,
        reads=(topic,),
        tables=("rows",),
        build=lambda _: Rows(),
        batch_size=rnd.choice(SIZES),
    )
    health = Health(pipeline.clock)
    health.expect("writer")
    store = store_of(folder)
    resources = evolve(
        pipeline.resources(pipeline.broker(), health),
        tables={"rows": ROWS},
        open_table_store=lambda: store,
    )
    stop = asyncio.Event()
    member = loops.WorkerLoop(spec, resources, Metrics().worker("writer", health), stop)
    fenced = 0
    if kind == "zombie":
        member._reconnect.pause_seconds = 0.05
        pause_at_bad_moments(rnd)
        file = Path(url.removeprefix("sqlite:///"))
        loops.WorkerLoop._member = lambda _: Deaf(file, topic.name, rnd)
        rejoin = loops.WorkerLoop._rejoin

        async def counted(self, error):
            nonlocal fenced
            fenced += 1
            await rejoin(self, error)

        loops.WorkerLoop._rejoin = counted
    running = asyncio.create_task(member.run())
    admin = pipeline.broker().admin()
    while kind == "zombie" and not hasattr(member, "_consumer"):
        await asyncio.sleep(0.01)
    while not running.done():
        committed = await admin.committed(GROUP, topic.name)
        done = committed if kind == "member" else member._consumer.settled
        if len(done) == PARTITIONS and min(done.values()) >= total:
            break
        await asyncio.sleep(0.05)
    stop.set()
    await running
    await admin.close()
    sys.stdout.write(f"fenced {fenced}\n")


if __name__ == "__main__":
    asyncio.run(
        run(sys.argv[1], Path(sys.argv[2]), sys.argv[3], int(sys.argv[4]), int(sys.argv[5]))
    )
