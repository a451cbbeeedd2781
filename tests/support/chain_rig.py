"""Runs one worker of a pipeline over real topics until it has nothing left to do."""

import asyncio
import json
import uuid
from collections.abc import Sequence
from typing import Any

from claimx_pipeline import OutRecord, Pipeline
from claimx_pipeline.broker.protocol import Record
from claimx_pipeline.runtime.idle import wait_until_idle
from claimx_pipeline.runtime.process import WorkerProcess
from claimx_pipeline.telemetry.health import Health
from claimx_pipeline.telemetry.metrics import Metrics


async def run_worker(
    pipeline: Pipeline, name: str, topic: str, messages: Sequence[Any]
) -> dict[str, list[Record]]:
    """Publish *messages* as JSON to *topic*, run worker *name*, return what lies in its topics."""
    (spec,) = pipeline.select([name])
    admin = pipeline.broker().admin()
    await admin.create_topics(pipeline.topology.new_topics())
    producer = pipeline.broker().producer()
    await producer.start()
    physical = pipeline.topology.physical(topic)
    await producer.publish([OutRecord(physical, json.dumps(each).encode()) for each in messages])
    await producer.close()
    resources = pipeline.resources(pipeline.broker(), Health(pipeline.clock))
    process = WorkerProcess([spec], resources, Metrics())
    running = asyncio.create_task(process.run())
    idle = asyncio.create_task(wait_until_idle(admin, pipeline.topology, [spec], pipeline.clock))
    async with asyncio.timeout(60):
        await asyncio.wait([running, idle], return_when=asyncio.FIRST_COMPLETED)
        process.stop.set()
        await running
        await idle
    written = [*spec.writes, *([spec.dead_letters] if spec.dead_letters else [])]
    found = {each.name: await records(pipeline, each.name) for each in written}
    await admin.close()
    return found


async def records(pipeline: Pipeline, topic: str) -> list[Record]:
    """Return every record of a topic."""
    physical = pipeline.topology.physical(topic)
    consumer = pipeline.broker().consumer(group=f"reader-{uuid.uuid4()}", topics=[physical])
    admin = pipeline.broker().admin()
    total = sum((await admin.end_offsets(physical)).values())
    await consumer.start()
    found: list[Record] = []
    async with asyncio.timeout(30):
        while len(found) < total:
            for batch in await consumer.poll(max_records=1000, timeout=0.2):
                found += batch.records
    await consumer.close()
    await admin.close()
    return found
