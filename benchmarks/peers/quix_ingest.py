"""Quix Streams: a message about each event; at least once, a checkpoint every 10,000 events.

``python -m peers.quix_ingest SERVERS TOPIC OUT GROUP [COMPRESSION]``
"""

from __future__ import annotations

import sys

from peers.event import task_of
from quixstreams import Application


def main(servers: str, topic: str, out: str, group: str, compression: str = "none") -> None:
    """Run until it is terminated."""
    app = Application(
        broker_address=servers,
        consumer_group=group,
        auto_offset_reset="earliest",
        commit_every=10_000,
        auto_create_topics=False,
        producer_extra_config={"compression.type": compression},
    )
    events = app.dataframe(app.topic(topic, value_deserializer="json"))
    events = events.apply(task_of)
    # The key stays that of the event: its project.
    events.to_topic(app.topic(out, value_serializer="json"))
    app.run()


if __name__ == "__main__":
    main(*sys.argv[1:])
