"""FastStream on confluent-kafka: a message about each event; at least once, by batches of 1,000.

``python -m peers.faststream_confluent_ingest SERVERS TOPIC OUT GROUP``
"""

from __future__ import annotations

import asyncio
import sys
from typing import Any

from faststream import AckPolicy, FastStream
from faststream.confluent import KafkaBroker, KafkaPublishMessage
from peers.event import task_of


def main(servers: str, topic: str, out: str, group: str) -> None:
    """Run until it is terminated."""
    broker = KafkaBroker(servers)
    tasks = broker.publisher(out, batch=True)

    @broker.subscriber(
        topic,
        batch=True,
        max_records=1000,
        group_id=group,
        auto_offset_reset="earliest",
        ack_policy=AckPolicy.NACK_ON_ERROR,
    )
    async def ingest(events: list[dict[str, Any]]) -> None:
        made = [task_of(event) for event in events]
        await tasks.publish(
            *(KafkaPublishMessage(task, key=task["project_id"].encode()) for task in made)
        )

    asyncio.run(FastStream(broker).run())


if __name__ == "__main__":
    main(*sys.argv[1:])
