"""``entities``: what enrichment found goes into the seven entity tables and the event log."""

from __future__ import annotations

from collections.abc import Sequence

from claimx_pipeline.broker.protocol import Record
from claimx_pipeline.claimx.messages import EntityMessage, decode_entities
from claimx_pipeline.claimx.tables import EVENT_LOG, KIND_TABLES
from claimx_pipeline.delta.rows import TableRow
from claimx_pipeline.runtime.outcome import Done, Outcome
from claimx_pipeline.runtime.resources import Resources
from claimx_pipeline.runtime.worker import Received, WorkerSpec
from claimx_pipeline.topics import ENTITIES_DLQ, ENTITIES_ROWS


class EntitiesProcessor:
    """Spreads each message over the tables."""

    async def open(self) -> None:
        """Nothing to open."""

    def decode(self, record: Record) -> EntityMessage:
        """Return the rows in *record*."""
        return decode_entities(record.value)

    async def process(self, batch: Sequence[Received[EntityMessage]]) -> Sequence[Outcome]:
        """Name the table of each row."""
        return [Done(rows=table_rows(received.message)) for received in batch]

    async def close(self) -> None:
        """Nothing to close."""


def table_rows(message: EntityMessage) -> tuple[TableRow, ...]:
    """Return the rows of *message*, the line for the event log last."""
    rows = [
        TableRow(KIND_TABLES[kind], row)
        for kind, kind_rows in message.rows.items()
        for row in kind_rows
    ]
    return (*rows, TableRow(EVENT_LOG.name, message.log))


def build(_: Resources) -> EntitiesProcessor:
    """Return the processor of one member."""
    return EntitiesProcessor()


WORKER = WorkerSpec(
    name="entities",
    summary="Merges enriched rows into the seven entity tables, and logs each event.",
    group="claimx-entity-writer",
    reads=(ENTITIES_ROWS,),
    tables=(*KIND_TABLES.values(), EVENT_LOG.name),
    needs=("broker", "tables"),
    dead_letters=ENTITIES_DLQ,
    build=build,
    batch_size=500,
    linger_seconds=1.0,
    sets=frozenset({"claimx"}),
)
