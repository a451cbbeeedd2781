"""Quix Streams into a Delta table: a sink that appends each batch; at least once.

A checkpoint every 5,000 events, which is one batch per partition of its events.
``python -m peers.quix_delta SERVERS TOPIC TABLE GROUP``; the table is there.
"""

from __future__ import annotations

import sys

import pyarrow as pa
from deltalake import DeltaTable, write_deltalake
from peers.event import row_of
from quixstreams import Application
from quixstreams.sinks import BatchingSink, SinkBatch


class DeltaSink(BatchingSink):
    """Appends each batch."""

    def __init__(self, path: str) -> None:
        super().__init__()
        self._table = DeltaTable(path)
        self._schema = pa.schema(self._table.schema().to_arrow())

    def write(self, batch: SinkBatch) -> None:
        """Append *batch* in one commit."""
        rows = pa.Table.from_pylist([item.value for item in batch], self._schema)
        write_deltalake(self._table, rows, mode="append")


def main(servers: str, topic: str, table: str, group: str) -> None:
    """Run until it is terminated."""
    app = Application(
        broker_address=servers,
        consumer_group=group,
        auto_offset_reset="earliest",
        commit_every=5_000,
        auto_create_topics=False,
    )
    events = app.dataframe(app.topic(topic, value_deserializer="bytes"))
    events.apply(row_of).sink(DeltaSink(table))
    app.run()


if __name__ == "__main__":
    main(*sys.argv[1:])
