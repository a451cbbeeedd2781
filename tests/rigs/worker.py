"""Runs a worker of a test's own over real topics and tables, as the product runs its own."""

import asyncio
from collections.abc import Callable, Sequence
from pathlib import Path

from attrs import define, evolve, field

from claimx_pipeline import DONE, Clock, OutRecord, Pipeline, Topic, WorkerSpec
from claimx_pipeline.broker.protocol import NewTopic, Record
from claimx_pipeline.errors import DecodeError
from claimx_pipeline.runtime.loop import WorkerLoop
from claimx_pipeline.runtime.outcome import Outcome
from claimx_pipeline.runtime.retry_ladder import RetryLadder
from claimx_pipeline.telemetry.metrics import Metrics
from claimx_pipeline.workers import retry
from tests.rigs import members, topics

IN = Topic("test.in", partitions=2, source=True)
OUT = Topic("test.out", partitions=2, terminal=True)
DEAD = Topic("test.dlq", partitions=1, terminal=True)
FAMILY = "test"
DELAYS = (1.0, 2.0, 3.0)


@define
class Scripted:
    """A processor that does what the test says with each record's text."""

    act: Callable[[str], Outcome] = lambda _: DONE
    seen: list[str] = field(factory=list)
    opened: int = 0
    closed: int = 0

    async def open(self) -> None:
        self.opened += 1

    def decode(self, record: Record) -> str:
        text = (record.value or b"").decode()
        if text.startswith("undecodable"):
            raise DecodeError(f"{text!r} is no message")
        return text

    async def process(self, batch: Sequence) -> list[Outcome]:
        self.seen += [received.message for received in batch]
        return [self.act(received.message) for received in batch]

    async def close(self) -> None:
        self.closed += 1


@define
class Rig:
    """Topics ``test.in`` and ``test.out``, and workers that read the one."""

    pipeline: Pipeline
    metrics: Metrics = field(factory=Metrics)

    @classmethod
    async def make(
        cls, folder: Path, url: str = "", prefix: str = "", clock: Clock | None = None
    ) -> "Rig":
        overrides = {"broker.url": url, "broker.prefix": prefix} if url else {}
        (folder / "claimx.yaml").write_text(f"retry: {{delays_seconds: {list(DELAYS)}}}\n")
        rig = cls(Pipeline.load(environ={}, cwd=folder, overrides=overrides, clock=clock))
        used = (IN, OUT, DEAD, *RetryLadder(FAMILY, DELAYS).topics())
        async with topics.admin_of(rig.broker()) as admin:
            await admin.create_topics([NewTopic(f"{prefix}{t.name}", t.partitions) for t in used])
        return rig

    def broker(self):
        return self.pipeline.broker()

    def spec(self, processor, **changes) -> WorkerSpec:
        given = {
            "name": "scripted",
            "summary": "",
            "group": "scripted",
            "reads": (IN,),
            "writes": (OUT,),
            "build": lambda _: processor,
            "batch_size": 100,
        }
        return WorkerSpec(**{**given, **changes})

    def failing(self, processor, **changes) -> WorkerSpec:
        """Return a worker with retry topics and dead letters."""
        spec = self.spec(processor, **{"family": FAMILY, "dead_letters": DEAD, **changes})
        return evolve(spec, retry=RetryLadder(spec.family, DELAYS) if spec.family else None)

    def retrying(self, stop: asyncio.Event) -> WorkerLoop:
        """Return a member of the worker that brings failed records back."""
        return self.loop(retry.serving(retry.WORKER, [self.failing(Scripted())]), stop)

    def loop(self, spec: WorkerSpec, stop: asyncio.Event, broker=None) -> WorkerLoop:
        return members.member(self.pipeline, spec, stop, self.metrics, broker)

    async def publish(self, *texts: str, key: bytes | None = b"k") -> None:
        """Publish to one partition (by default), in order."""
        physical = self.pipeline.topology.physical(IN.name)
        records = [OutRecord(physical, text.encode(), key) for text in texts]
        await topics.publish(self.broker(), records)

    async def run_until(self, condition: Callable[[], bool], *loops: WorkerLoop) -> None:
        """Run members until *condition* holds, then stop them; a failure ends it as well."""
        await members.run_until(condition, *loops)

    async def committed(self, group: str = "scripted") -> int:
        """Return how many records of ``test.in`` the group has committed."""
        topology = self.pipeline.topology
        group, topic = topology.group(group), topology.physical(IN.name)
        return await topics.committed(self.broker(), group, topic)

    async def published(self) -> list[str]:
        """Return what lies in ``test.out``."""
        return [record.value.decode() for record in await self.records(OUT)]

    async def records(self, topic: Topic) -> list[Record]:
        """Return every record of a topic."""
        return await topics.records(self.broker(), self.pipeline.topology.physical(topic.name))
