"""R21: what one project with very many events costs the others, from raw event to entity rows.

Workers ``ingest`` and ``enrichment`` run in a process of their own, against an API that takes its
time. Events of other projects come at a steady rate, and their time to the topic of entity rows
is measured in turn: without the large project, and while its events lie before the workers.
"""

from __future__ import annotations

import asyncio
import contextlib
import os
import statistics
import subprocess
import sys
import tempfile
import time
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import msgspec
from attrs import define, field, frozen
from harness import Conditions, Result, single, support

from claimx_pipeline import OutRecord, Pipeline
from claimx_pipeline.broker.partitioning import partition_of
from claimx_pipeline.broker.protocol import Producer
from claimx_pipeline.operations import create_all

support()

from tests.rigs.topics import admin_of  # noqa: E402 - the tests' helpers must be importable first

API_SECONDS = 0.05
RATE = 40.0
"""Events of other projects per second."""
PROJECTS = 60
LARGE = 999_983
RAW, ROWS = "claimx.events.raw", "claimx.entities.rows"
START = datetime(2026, 8, 22, 10, tzinfo=UTC)
PATIENCE_SECONDS = 3600.0

SERVER = """
import asyncio, json, re, sys
TYPE = b"Content-Type: application/json\\r\\n"
HEAD = b"HTTP/1.1 200 OK\\r\\n" + TYPE + b"Content-Length: %d\\r\\n\\r\\n"
def answer(path):
    if ids := re.search("mediaId=([0-9,]+)", path):
        return {"data": [{"mediaID": int(one), "mediaName": "a.jpg"} for one in ids[1].split(",")]}
    number = int(re.search("/([0-9]+)", path)[1])
    if "/customTasks/" in path:
        return {"assignmentId": number, "taskId": 1, "status": "ASSIGNED"}
    return {"data": {"project": {"projectId": number, "projectNumber": "CLM-0001"}}}
class Server(asyncio.Protocol):
    def connection_made(self, transport): self.transport = transport
    def data_received(self, data):
        for path in re.findall(rb"^GET ([^ ]+) HTTP", data, re.M):
            body = json.dumps(answer(path.decode())).encode()
            reply = HEAD % len(body) + body
            asyncio.get_running_loop().call_later(float(sys.argv[1]), self.reply, reply)
    def reply(self, content):
        if not self.transport.is_closing(): self.transport.write(content)
async def main():
    server = await asyncio.get_running_loop().create_server(Server, "127.0.0.1", 0)
    print(server.sockets[0].getsockname()[1], flush=True)
    await server.serve_forever()
asyncio.run(main())
"""

SETTINGS = """\
logging: {{level: WARNING}}
broker: {{url: "{url}", prefix: "{prefix}"}}
claimx: {{api: {{base_url: "{api}", token: bench}}}}
plugins: {{dir: ""}}
"""


@contextlib.contextmanager
def started(*command: str, folder: Path) -> Iterator[subprocess.Popen[str]]:
    """Run a program until the block ends."""
    with (folder / "log.txt").open("a") as log:
        child = subprocess.Popen(
            command,
            cwd=folder,
            env={**os.environ, "CLAIMX_HEALTH__PORT": "0"},
            stdout=subprocess.PIPE,
            stderr=log,
            text=True,
        )
        try:
            yield child
        finally:
            child.terminate()
            child.wait()


@contextlib.contextmanager
def api(folder: Path, seconds: float = API_SECONDS) -> Iterator[str]:
    """Run the API, which takes *seconds*, and give its URL."""
    with started(sys.executable, "-c", SERVER, str(seconds), folder=folder) as child:
        assert child.stdout is not None
        yield f"http://127.0.0.1:{int(child.stdout.readline())}"


@frozen
class Sent:
    """An event under way: whether it shares the large project's partition, and since when."""

    behind: bool
    at: float


@define
class Live:
    """Publishes events of other projects, and sees when their rows come."""

    pipeline: Pipeline
    producer: Producer
    count: int = 0
    ended: bool = False
    sent: dict[str, Sent] = field(factory=dict)
    seconds: dict[bool, list[float]] = field(factory=lambda: {False: [], True: []})
    """How long they took, by whether they share the large project's partition."""

    def record(self, project: int, number: int) -> OutRecord:
        """Return event *number* of a project: a file, or a task, each another one."""
        kind = "PROJECT_FILE_ADDED" if number % 2 else "CUSTOM_TASK_ASSIGNED"
        event = {
            "eventType": kind,
            "projectId": str(project),
            "mediaId": str(5_000_000 + number) if number % 2 else None,
            "taskAssignmentId": None if number % 2 else str(5_000_000 + number),
            "ingestedAt": (START + timedelta(milliseconds=number)).isoformat(),
        }
        topic = self.pipeline.topology.physical(RAW)
        return OutRecord(topic, msgspec.json.encode(event), str(project).encode())

    async def publish(self) -> None:
        """Publish at the rate, until it is ended."""
        decode = self.pipeline.domains["claimx"].decoder(self.pipeline.settings)
        place = partition_of(self.record(LARGE, 0), 6, 0)
        begun = time.monotonic()
        while not self.ended:
            number = 10_000_000 + self.count
            record = self.record(100_000 + self.count % PROJECTS, number)
            behind = partition_of(record, 6, 0) == place
            self.sent[decode(record.value, 0).event_id] = Sent(behind, time.monotonic())
            await self.producer.publish([record])
            self.count += 1
            await asyncio.sleep(max(0.0, begun + self.count / RATE - time.monotonic()))

    async def look(self) -> None:
        """Note for ever which rows have come."""
        topic = self.pipeline.topology.physical(ROWS)
        consumer = self.pipeline.broker().consumer(
            group=f"bench-{uuid.uuid4().hex}", topics=[topic]
        )
        await consumer.start()
        try:
            while True:
                for batch in await consumer.poll(max_records=5000, timeout=0.5):
                    now = time.monotonic()
                    for record in batch.records:
                        said = msgspec.json.decode(record.value or b"", type=Said)
                        if (sent := self.sent.pop(said.event_id, None)) is not None:
                            self.seconds[sent.behind].append(now - sent.at)
        finally:
            await consumer.close()

    def take(self) -> dict[bool, list[float]]:
        """Return the times measured so far, and forget them."""
        taken, self.seconds = self.seconds, {False: [], True: []}
        return taken

    async def large(self, first: int, count: int) -> None:
        """Publish *count* events of the large project at once."""
        for start in range(first, first + count, 2000):
            numbers = range(start, min(start + 2000, first + count))
            await self.producer.publish([self.record(LARGE, number) for number in numbers])


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    """Wait until *condition* holds."""
    async with asyncio.timeout(PATIENCE_SECONDS):
        while not await condition():  # noqa: ASYNC110 - another process makes it true
            await asyncio.sleep(0.1)


class Said(msgspec.Struct):
    """What is read of a message of entity rows."""

    event_id: str


@contextlib.asynccontextmanager
async def live_events(pipeline: Pipeline) -> AsyncIterator[Live]:
    """Publish and look within the block."""
    producer = pipeline.broker().producer()
    await producer.start()
    live = Live(pipeline, producer)
    tasks = [asyncio.create_task(live.publish()), asyncio.create_task(live.look())]
    try:
        yield live
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)
        await producer.close()


@define
class Found:
    """Seconds of events, and how quickly the large project's were done."""

    alone: list[float] = field(factory=list)
    beside: list[float] = field(factory=list)
    """Of events in other partitions than the large project's."""
    behind: list[float] = field(factory=list)
    """Of those in its partition."""
    rates: list[float] = field(factory=list)


def p95(seconds: list[float]) -> float:
    """Return what 95 of 100 are below, in milliseconds."""
    return statistics.quantiles(seconds, n=20)[-1] * 1000


async def measured(url: str, folder: Path, events: int, rounds: int) -> Found:
    """Measure on one broker."""
    found = Found()
    prefix = f"skew{uuid.uuid4().hex[:8]}." if url.startswith("kafka") else ""
    with api(folder) as address:
        text = SETTINGS.format(url=url, prefix=prefix, api=address)
        (folder / "claimx.yaml").write_text(text)
        pipeline = Pipeline.load(environ={}, cwd=folder)
        await create_all(pipeline)
        command = (sys.executable, "-m", "claimx_pipeline", "worker", "ingest", "enrichment")
        with started(*command, folder=folder) as child:
            async with live_events(pipeline) as live, admin_of(pipeline.broker()) as admin:
                rows = pipeline.topology.physical(ROWS)

                async def done() -> int:
                    assert child.poll() is None, (folder / "log.txt").read_text()
                    return sum((await admin.end_offsets(rows)).values())

                async def first() -> bool:
                    return await done() > RATE

                async def caught_up() -> bool:
                    await done()
                    return len(live.sent) < RATE

                await until(first)
                for number in range(rounds):
                    await asyncio.sleep(3)  # what is left of the last round passes
                    live.take()
                    await asyncio.sleep(10)
                    found.alone += [each for some in live.take().values() for each in some]
                    await live.large(number * events, events)
                    before, began = await done(), time.monotonic()
                    shown = live.count

                    async def passed(shown: int = shown, before: int = before) -> bool:
                        return await done() - before >= 0.9 * events + live.count - shown

                    live.take()
                    await until(passed)
                    found.rates.append((await done() - before) / (time.monotonic() - began))
                    found.beside += live.take()[False]
                    await until(caught_up)
                    found.behind += live.take()[True]
    return found


async def bench(run: Conditions) -> list[Result]:
    """Measure on both brokers."""
    results = []
    events, rounds = run.of(10_000, 100_000), run.of(2, 3)
    for name, url in (("embedded broker", ""), ("Kafka", run.url)):
        with tempfile.TemporaryDirectory() as place:
            folder = Path(place)
            broker = url or f"sqlite:///{folder}/broker.db"
            found = await measured(broker, folder, events, rounds)
        what = f"p95 of others beside a large project; alone ({name})"
        beside, alone = p95(found.beside), p95(found.alone)
        results.append(single("R21", what, value=beside, bare=alone, unit="ms", at_most=8))
        behind, rate = p95(found.behind) / 1000, statistics.median(found.rates)
        counts = f"{len(found.beside)} and {len(found.alone)} events"
        print(f"      {counts}; p95 in its partition {behind:.1f} s; {rate:,.0f} events a second")
    return results
