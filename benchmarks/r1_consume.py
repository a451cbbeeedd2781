"""R1: consume, decode and route, nothing written: the runtime's own cost."""

from __future__ import annotations

import hashlib
import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import orjson
from harness import Conditions, Measured, Result, Stopwatch, compare
from kafka_topics import FilledTopic, fill
from product_loop import pipeline_in, run_worker

from claimx_pipeline.broker.protocol import Record
from claimx_pipeline.claimx.events import Event, decode_event
from claimx_pipeline.runtime.outcome import DONE, Outcome
from claimx_pipeline.runtime.worker import Received, WorkerSpec


class NullProcessor:
    """Decodes every event and sends it nowhere."""

    async def open(self) -> None:
        """Nothing to open."""

    def decode(self, record: Record) -> Event:
        """Return the event."""
        return decode_event(record.value, record.timestamp)

    async def process(self, batch: Sequence[Received[Any]]) -> Sequence[Outcome]:
        """Every record is done."""
        return [DONE] * len(batch)

    async def close(self) -> None:
        """Nothing to close."""


def checked(value: bytes) -> str:
    """Return the id of an event as the shortest code would make it.

    Raises:
        ValueError: It is not a valid event.
    """
    event = orjson.loads(value)
    kind, project, at = event.get("eventType"), event.get("projectId"), event.get("ingestedAt")
    if not isinstance(kind, str) or project is None or not isinstance(at, str):
        raise ValueError("it lacks its type, its project or its time")
    moment = datetime.fromisoformat(at).astimezone(UTC)
    named = (kind, project, event.get("mediaId"), event.get("taskAssignmentId"), moment)
    return hashlib.sha256("|".join(map(str, named)).encode()).hexdigest()


async def bare(topic: FilledTopic) -> Measured:
    """``getmany(1000)``, each event decoded, checked and given an id, each batch committed."""
    consumer, watch, seen = await topic.bare_consumer(), Stopwatch(), 0
    while seen < topic.count:
        batches = await consumer.getmany(timeout_ms=500, max_records=1000)
        if seen == 0 and batches:
            watch.start()
        for records in batches.values():
            for record in records:
                checked(record.value)
            seen += len(records)
        await consumer.commit()
    watch.stop()
    await consumer.stop()
    return watch.measured(topic.count)


async def measure(url: str, *, rounds: int, events: int, by_cpu: bool = False) -> list[Result]:
    """Measure on *events* events."""
    topic = await fill(url, events)
    with tempfile.TemporaryDirectory() as folder:
        pipeline = pipeline_in(Path(folder), topic)
        spec = WorkerSpec(
            name="null",
            summary="",
            group="",
            reads=(),
            build=lambda _: NullProcessor(),
            # As the worker "ingest".
            batch_size=1000,
            in_flight=10_000,
        )
        return [
            await compare(
                "R1",
                "consume, check, id, commit; the same by getmany(1000) + orjson",
                product=lambda: run_worker(topic, spec, pipeline),
                bare=lambda: bare(topic),
                unit="events/s",
                at_least=0.6,
                rounds=rounds,
                by_cpu=by_cpu,
            )
        ]


async def bench(run: Conditions) -> list[Result]:
    """Measure."""
    return await measure(
        run.url, rounds=run.rounds, events=run.of(60_000, 150_000), by_cpu=run.gated
    )
