"""A process of its own on an embedded broker, for tests that kill it.

``append URL TOPIC NAME COUNT`` publishes batches of ten and prints the number of each
record once it is acknowledged; ``hold URL TOPIC GROUP`` joins a group and prints what it
owns, then holds on.
"""

from __future__ import annotations

import asyncio
import sys

from claimx_pipeline.broker.protocol import OutRecord
from claimx_pipeline.broker.sqlite.broker import SqliteBroker
from claimx_pipeline.settings.tree.broker import BrokerSettings

BATCH = 10


async def append(url: str, topic: str, name: str, count: int) -> None:
    """Publish *count* records."""
    producer = SqliteBroker(url, BrokerSettings(url=url)).producer()
    await producer.start()
    for start in range(0, count, BATCH):
        numbers = range(start, start + BATCH)
        await producer.publish(
            [OutRecord(topic, b"%s %d" % (name.encode(), n), key=name.encode()) for n in numbers]
        )
        print(numbers[-1], flush=True)
    await producer.close()


async def hold(url: str, topic: str, group: str) -> None:
    """Own partitions until killed."""
    consumer = SqliteBroker(url, BrokerSettings(url=url)).consumer(group=group, topics=[topic])
    await consumer.start()
    print(len(consumer.assignments()), flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    command, *arguments = sys.argv[1:]
    if command == "append":
        asyncio.run(append(*arguments[:3], int(arguments[3])))
    else:
        asyncio.run(hold(*arguments))
