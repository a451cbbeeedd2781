"""Programs that read a topic, each in a process of its own: what they take until all is committed.

Processor time is that of the process and its threads, from ``/proc``.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import Awaitable, Callable, Iterator, Sequence
from pathlib import Path

import sample_events
from attrs import frozen
from harness import Measured

from claimx_pipeline import OutRecord, Pipeline
from claimx_pipeline.broker.protocol import Admin, Broker, NewTopic
from tests.rigs import topics

BENCHMARKS = Path(__file__).parent
TICKS = os.sysconf("SC_CLK_TCK")
PATIENCE_SECONDS = 300.0
LOOK_SECONDS = 0.05
RAW = "claimx.events.raw"
LOG = "program.log"
OUT = "peers.out"


@frozen
class Source:
    """The topics of a pipeline, raw events in them, and a topic for what others publish."""

    url: str
    prefix: str
    topic: str
    """Of the raw events, as the broker calls it."""
    out: str
    """Where others publish."""
    count: int
    """Events in ``topic``."""

    @property
    def servers(self) -> str:
        """Return the broker's address as other clients write it."""
        return self.url.removeprefix("kafka://")


Command = Callable[[Source, Path, str], Sequence[str]]
"""Prepares a run over a source, in a folder of its own, as a consumer group whose name begins with
the source's prefix; returns the arguments of Python."""
Made = Callable[[Admin, Source, Path], Awaitable[int]]
"""Returns how many results there are by now."""


@frozen
class Program:
    """What is run, and how its results are counted."""

    command: Command
    made: Made


async def filled(url: str, count: int) -> Source:
    """Create the topics of a pipeline of its own and publish *count* raw events."""
    prefix = f"bench-{uuid.uuid4().hex[:8]}."
    settings = {"broker.url": url, "broker.prefix": prefix, "plugins.dir": ""}
    pipeline = Pipeline.load(environ={}, overrides=settings)
    source = Source(url, prefix, pipeline.topology.physical(RAW), f"{prefix}{OUT}", count)
    partitions = pipeline.topology.topics[RAW].partitions
    await topics.create_topics(pipeline, NewTopic(source.out, partitions))
    for start in range(0, count, 1000):
        numbers = range(start, min(start + 1000, count))
        await topics.publish(
            pipeline.broker(),
            [
                OutRecord(source.topic, sample_events.value(number), sample_events.key(number))
                for number in numbers
            ],
        )
    return source


@frozen
class Ran:
    """What a program took by the time it had committed a whole source."""

    count: int
    """Events."""
    cpu: float
    """Seconds of a core since its start."""
    rate: float
    """Events a second between its first commit that was seen and the last."""


async def ran(program: Program, source: Source) -> Ran:
    """Run a program from its start to where its group has committed all of *source*.

    Raises:
        RuntimeError: It has ended before, or has committed events without a result.
        TimeoutError: It did not get there in time.
    """
    group = f"{source.prefix}{uuid.uuid4().hex}"
    async with topics.admin_of(_broker(source)) as admin:
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            arguments = await asyncio.to_thread(program.command, source, folder, group)
            before = await program.made(admin, source, folder)
            with _running(arguments, folder) as process:
                rate = await _all_committed(process, admin, source, group, folder)
                cpu = _cpu_seconds(process.pid)
            made = await program.made(admin, source, folder) - before
    if made < source.count:
        raise RuntimeError(f"{arguments} made {made:,} results of {source.count:,} events")
    return Ran(source.count, cpu, rate)


async def per_event(program: Program, fewer: Source, more: Source) -> Measured:
    """Return what the events that *more* has beyond *fewer* took: starting cancels out.

    Processor time is their difference; the wall time is what so many events take at the rate of
    the run over *more*.

    Raises:
        RuntimeError: A run failed, or *more* has too few events to see how fast they were.
    """
    small, large = await ran(program, fewer), await ran(program, more)
    events = large.count - small.count
    if not large.rate:
        raise RuntimeError(f"{large.count:,} events were committed between two looks: use more")
    return Measured(events, events / large.rate, large.cpu - small.cpu)


def _broker(source: Source) -> Broker:
    settings = {"broker.url": source.url, "plugins.dir": ""}
    return Pipeline.load(environ={}, overrides=settings).broker()


@contextlib.contextmanager
def _running(arguments: Sequence[str], folder: Path) -> Iterator[subprocess.Popen[bytes]]:
    """Run a program in *folder*, and end it."""
    with (folder / LOG).open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, *arguments],
            cwd=folder,
            env={**os.environ, "PYTHONPATH": str(BENCHMARKS)},
            stdout=log,
            stderr=log,
        )
        try:
            yield process
        finally:
            process.terminate()
            try:
                process.wait(30)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


async def _all_committed(
    process: subprocess.Popen[bytes], admin: Admin, source: Source, group: str, folder: Path
) -> float:
    """Wait until *group* has committed every event; return how many a second it did."""
    seen: list[tuple[float, int]] = []
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not seen or seen[-1][1] < source.count:
            if process.poll() is not None:
                log = (folder / LOG).read_text(errors="replace")
                raise RuntimeError(f"{process.args!r} has ended: {log[-2000:]}")
            await asyncio.sleep(LOOK_SECONDS)
            if done := sum((await admin.committed(group, source.topic)).values()):
                seen.append((time.perf_counter(), done))
    (began, first), (ended, last) = seen[0], seen[-1]
    # Few events may all be committed between two looks; the rate is of the run with more.
    return (last - first) / (ended - began) if last > first else 0.0


def _cpu_seconds(pid: int) -> float:
    fields = Path("/proc", str(pid), "stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / TICKS
