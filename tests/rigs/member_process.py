"""A member of a group as a process of its own, for tests that start many and kill some.

``URL TOPIC GROUP``: it prints ``owns N`` when that changes and the value of each record it
has handled, then commits; it goes on until it is killed or its input is closed.
"""

from __future__ import annotations

import asyncio
import sys

from claimx_pipeline.broker.kafka.broker import KafkaBroker
from claimx_pipeline.broker.protocol import Broker
from claimx_pipeline.broker.sqlite.broker import SqliteBroker
from claimx_pipeline.errors import BrokerUnavailableError, FencedError
from claimx_pipeline.settings.tree.broker import BrokerSettings, KafkaSettings


def broker_at(url: str) -> Broker:
    settings = BrokerSettings(url=url, kafka=KafkaSettings(session_timeout_seconds=6.0))
    return SqliteBroker(url, settings) if url.startswith("sqlite") else KafkaBroker(url, settings)


async def run(url: str, topic: str, group: str) -> None:
    consumer = broker_at(url).consumer(group=group, topics=[topic])
    await consumer.start()
    closing = asyncio.create_task(asyncio.to_thread(sys.stdin.read))
    owned = -1
    while not closing.done():
        try:
            batches = await consumer.poll(max_records=20, timeout=0.2)
            if len(consumer.assignments()) != owned:
                owned = len(consumer.assignments())
                print(f"owns {owned}", flush=True)
            for batch in batches:
                for record in batch.records:
                    print((record.value or b"").decode(), flush=True)
                await consumer.commit({batch.assignment: batch.records[-1].offset + 1})
        except (BrokerUnavailableError, FencedError):
            await asyncio.sleep(0.1)
    await consumer.close()


if __name__ == "__main__":
    asyncio.run(run(*sys.argv[1:4]))
