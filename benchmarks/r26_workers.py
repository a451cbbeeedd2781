"""R26: every worker in a process of its own: to start, idle, and per event of a whole pipeline.

Processor time and memory are read from ``/proc``, so a busy machine changes them little. The
simulator and Kafka run elsewhere and are not counted.
"""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import subprocess
import sys
import tempfile
import time
import urllib.request
import uuid
from collections.abc import Iterator, Sequence
from pathlib import Path
from urllib.parse import urlsplit

from attrs import define, frozen
from harness import Conditions, Result, single

from claimx_pipeline import OutRecord, Pipeline
from claimx_pipeline.simulator.server import SimulatorServer
from claimx_pipeline.simulator.world import World
from tests.rigs import members, topics
from tests.rigs.kafka_server import free_port

SETTINGS = """\
broker: {{url: "{url}", prefix: "{prefix}"}}
claimx: {{api: {{base_url: {api}, token: demo-token}}}}
connections: {{itel_cabinet_api: {{base_url: {itel}, auth_token: demo-itel-token}}}}
tables: {{root: {folder}/tables}}
storage: {{files: {{root: {folder}/files}}, cache: {{root: {folder}/cache}}}}
media: {{development_hosts: ["{media_host}"], work_dir: {folder}/partial}}
plugins: {{dir: ""}}
health: {{port: "${{BENCH_HEALTH_PORT}}"}}
"""
TICKS = os.sysconf("SC_CLK_TCK")
PATIENCE_SECONDS = 900.0
MOST_CPU_MS, MOST_IDLE_MB, MOST_MB = 6.0, 1_200.0, 250.0
START_SECONDS = 0.4
LEAST_RATE = 180.0
WATCHED = ("entities", "itel-tracking")
"""Those whose memory has a target of its own, beside ``events``."""


@frozen
class Taken:
    """What a process has taken so far."""

    cpu: float
    """Seconds of a core."""
    resident: float
    """MB now."""
    most: float
    """MB at most."""
    shared: float
    """MB now, what several processes share being counted in parts."""


@define
class Worker:
    """One worker's process."""

    name: str
    process: subprocess.Popen[bytes]
    port: int
    """Where it says whether it is ready."""

    def ready(self) -> bool:
        """Return whether it says that it is."""
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{self.port}/health/ready", timeout=5):
                return True
        except OSError:
            return False

    def taken(self) -> Taken:
        """Return what it has taken.

        Raises:
            RuntimeError: It has ended.
        """
        if self.process.poll() is not None:
            raise RuntimeError(f"worker {self.name} has ended with {self.process.returncode}")
        folder = Path("/proc") / str(self.process.pid)
        fields = (folder / "stat").read_text().rpartition(")")[2].split()
        status = dict(line.split(":", 1) for line in (folder / "status").read_text().splitlines())
        rolled = (folder / "smaps_rollup").read_text().splitlines()
        rollup = next(line for line in rolled if line.startswith("Pss:"))
        return Taken(
            (int(fields[11]) + int(fields[12])) / TICKS,
            int(status["VmRSS"].split()[0]) / 1024,
            int(status["VmHWM"].split()[0]) / 1024,
            int(rollup.split()[1]) / 1024,
        )


@contextlib.contextmanager
def running(names: Sequence[str], folder: Path) -> Iterator[list[Worker]]:
    """Run each worker in a process of its own."""
    environment = {k: v for k, v in os.environ.items() if k != "PYTHONDONTWRITEBYTECODE"}
    started: list[Worker] = []
    with contextlib.ExitStack() as stack:
        log = stack.enter_context((folder / "workers.log").open("wb"))
        try:
            for name in names:
                command = [sys.executable, "-m", "claimx_pipeline", "worker", name]
                port = free_port()
                child = subprocess.Popen(
                    command,
                    cwd=folder,
                    env={**environment, "BENCH_HEALTH_PORT": str(port)},
                    stdout=log,
                    stderr=log,
                )
                started.append(Worker(name, child, port))
            yield started
        finally:
            for worker in started:
                worker.process.terminate()
            for worker in started:
                worker.process.wait(60)


async def begun(workers: Sequence[Worker]) -> dict[str, Taken]:
    """Wait until all wait for records; return what each had taken when it did."""
    found: dict[str, Taken] = {}
    async with asyncio.timeout(PATIENCE_SECONDS):
        while len(found) < len(workers):
            for each in workers:
                taken = each.taken()
                if each.name not in found and await asyncio.to_thread(each.ready):
                    found[each.name] = taken
            await asyncio.sleep(0.05)
    return found


async def published(pipeline: Pipeline, world: World, count: int) -> None:
    """Let *count* events happen."""
    world.set_clock(world.end(count))
    topic = pipeline.topology.physical("claimx.events.raw")
    await topics.publish(
        pipeline.broker(),
        [
            OutRecord(topic, json.dumps(event.value).encode(), str(event.project_id).encode())
            for event in world.events(count)
        ],
    )


@frozen
class Run:
    """What workers took by the time they had started, and when all was done."""

    started: dict[str, Taken]
    ended: dict[str, Taken]
    seconds: float
    """From the first event published until nothing was left to do."""

    def of_events(self, name: str) -> float:
        """Return the processor seconds that a worker needed for the events."""
        return self.ended[name].cpu - self.started[name].cpu


async def measured(kafka: str, folder: Path, count: int) -> Run:
    """Run *count* events through every worker."""
    world = World(7)
    async with SimulatorServer(world) as simulator:
        config = folder / "claimx.yaml"
        config.write_text(
            SETTINGS.format(
                url=kafka,
                prefix=f"bench-{uuid.uuid4().hex[:8]}.",
                api=simulator.api_url,
                media_host=urlsplit(simulator.api_url).netloc,
                itel=simulator.itel_url,
                folder=folder,
            )
        )
        pipeline = Pipeline.load(config, environ={"BENCH_HEALTH_PORT": "0"}, cwd=folder)
        await topics.create_topics(pipeline)
        for table in pipeline.tables:
            await asyncio.to_thread(pipeline.table_store.create, table)
        with running(list(pipeline.workers), folder) as workers:
            started = await begun(workers)
            began = time.perf_counter()
            await published(pipeline, world, count)
            specs = list(pipeline.workers.values())
            await members.idle(pipeline, specs, seconds=PATIENCE_SECONDS)
            seconds = time.perf_counter() - began
            return Run(started, {each.name: each.taken() for each in workers}, seconds)


def rows_of(run: Run, count: int) -> Iterator[Result]:
    """Yield the rows of the table."""
    for name in run.started:
        began, ended = run.started[name], run.ended[name]
        figures = (
            f"start {began.cpu:.2f} s, idle {began.resident:.0f} MB, "
            f"{run.of_events(name) / count * 1000:.2f} ms per event, most {ended.most:.0f} MB"
        )
        print(f"      {name:<18} {figures}", flush=True)
    whole = sum(map(run.of_events, run.started)) / count * 1000
    idle = sum(each.resident for each in run.started.values())
    yield single(
        "R26",
        f"{len(run.started)} workers, {count:,} events: processor time per event, ms",
        value=whole,
        unit="ms",
        at_most=MOST_CPU_MS,
    )
    rate = count / run.seconds
    what = "events a second by all, beside simulator and Kafka"
    row = Result("R26e", what, f">= {LEAST_RATE:g}", "events/s", [rate], [rate], [0.0])
    row.met = rate >= LEAST_RATE
    print(row.line(), flush=True)
    yield row
    shared = sum(each.shared for each in run.started.values())
    print(f"      idle, what they share counted once: {shared:,.0f} MB", flush=True)
    yield single("R26i", "all of them idle, MB", value=idle, unit="MB", at_most=MOST_IDLE_MB)
    first = run.started["ingest"].cpu
    yield single(
        "R26s",
        "ingest to where it waits for events, s of a core",
        value=first,
        unit="s",
        at_most=START_SECONDS,
    )
    for name in filter(run.ended.__contains__, WATCHED):
        most = run.ended[name].most
        yield single("R13", f"most memory of {name}, MB", value=most, unit="MB", at_most=MOST_MB)


async def bench(run: Conditions) -> list[Result]:
    """Measure."""
    count = run.of(600, 5_000)
    with tempfile.TemporaryDirectory() as folder:
        return list(rows_of(await measured(run.url, Path(folder), count), count))
