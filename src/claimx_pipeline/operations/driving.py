"""Drives a pipeline from Python, without the command line: create, publish, run, read.

What ``claimx-run`` does beyond these is to print and to listen to signals.
"""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import Iterable, Sequence
from typing import TYPE_CHECKING, Any

import msgspec

from claimx_pipeline.broker.protocol import OutRecord, Record

if TYPE_CHECKING:
    import pyarrow as pa

    from claimx_pipeline.pipeline import Pipeline

# The runtime and the tables are imported where they are used: publishing needs neither.


async def create_all(pipeline: Pipeline) -> None:
    """Create every topic and table that is missing.

    Raises:
        BrokerError: The broker did not do it.
        TableError: A table's place cannot be written.
    """
    admin = pipeline.broker().admin()
    try:
        await admin.create_topics(pipeline.topology.new_topics())
    finally:
        await admin.close()
    for table in pipeline.tables:
        await asyncio.to_thread(pipeline.table_store.create, table)


async def publish(
    pipeline: Pipeline, topic: str, messages: Iterable[Any], *, keys: Sequence[str] | None = None
) -> None:
    """Publish messages; return when the broker has acknowledged them.

    Args:
        pipeline: The pipeline.
        topic: Logical name of the topic.
        messages: Bytes as they are; anything else as JSON.
        keys: A key for each; none if not given.

    Raises:
        BrokerError: The broker did not acknowledge; what was sent may or may not be stored.
    """
    values = [each if isinstance(each, bytes) else msgspec.json.encode(each) for each in messages]
    physical = pipeline.topology.physical(topic)
    given = [key.encode() for key in keys] if keys is not None else [None] * len(values)
    producer = pipeline.broker().producer()
    await producer.start()
    try:
        await producer.publish(
            [OutRecord(physical, value, key) for value, key in zip(values, given, strict=True)]
        )
    finally:
        await producer.close()


async def run_until_idle(pipeline: Pipeline, *workers: str) -> None:
    """Run workers in this event loop until they have nothing left to do.

    Args:
        pipeline: The pipeline.
        workers: Names of workers or of sets of them, such as ``claimx``.

    Raises:
        UsageError: There is no worker of a name.
        SettingsError: A setting is missing that they need.
        ClaimxError: A worker cannot start, or failed.
    """
    from claimx_pipeline.runtime.idle import wait_until_idle  # noqa: PLC0415 - see above
    from claimx_pipeline.runtime.process import WorkerProcess  # noqa: PLC0415 - the same
    from claimx_pipeline.telemetry.health import Health  # noqa: PLC0415 - the same
    from claimx_pipeline.telemetry.metrics import Metrics  # noqa: PLC0415 - the same

    chosen = pipeline.select(workers)
    pipeline.require(chosen)
    broker = pipeline.broker()
    resources = pipeline.resources(broker, Health(pipeline.clock))
    process = WorkerProcess(chosen, resources, Metrics())
    admin = broker.admin()
    running = asyncio.create_task(process.run())
    idle = asyncio.create_task(wait_until_idle(admin, pipeline.topology, chosen, pipeline.clock))
    try:
        await asyncio.wait([running, idle], return_when=asyncio.FIRST_COMPLETED)
    finally:
        process.stop.set()
        idle.cancel()
        ended = await asyncio.gather(running, idle, return_exceptions=True)
        await admin.close()
    for one in ended:
        if isinstance(one, Exception):
            raise one


async def read_topic(pipeline: Pipeline, topic: str) -> list[Record]:
    """Return every record that lies in a topic now, by its logical name.

    Raises:
        BrokerError: The broker did not answer, or there is no such topic.
    """
    name = pipeline.topology.physical(topic)
    broker = pipeline.broker()
    admin = broker.admin()
    consumer = broker.consumer(group=f"reader-{uuid.uuid4()}", topics=[name])
    found: list[Record] = []
    try:
        ends = await admin.end_offsets(name)
        begins = await admin.begin_offsets(name)
        total = sum(end - begins.get(partition, 0) for partition, end in ends.items())
        await consumer.start()
        while len(found) < total:
            for batch in await consumer.poll(max_records=1000, timeout=0.2):
                found += batch.records
    finally:
        await consumer.close()
        await admin.close()
    return found


def query(pipeline: Pipeline, sql: str) -> pa.Table:
    """Return the answer to one SQL statement that reads tables. Blocks.

    Raises:
        UsageError: The statement does more than read tables, or cannot be run.
        TableError: A table it names has not been created.
    """
    from claimx_pipeline.delta.querying.query import run_query  # noqa: PLC0415 - see above

    return run_query(pipeline.table_store, sql)
