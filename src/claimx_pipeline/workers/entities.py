"""``entities``: what enrichment found goes into the entity tables and the event log."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from claimx_pipeline.broker.protocol import Record
from claimx_pipeline.claimx.messages import DECODER, EntityDecoder, EntityMessage
from claimx_pipeline.claimx.tables import ENTITY_TABLES, EVENT_LOG
from claimx_pipeline.delta.rows import TableRow
from claimx_pipeline.delta.spec import TableSpec
from claimx_pipeline.runtime.outcome import Done, Outcome
from claimx_pipeline.runtime.resources import Resources
from claimx_pipeline.runtime.worker import Received, WorkerSpec
from claimx_pipeline.topics import ENTITIES_DLQ, ENTITIES_ROWS


class EntitiesProcessor:
    """Spreads each message over the tables."""

    def __init__(self, decoder: EntityDecoder = DECODER) -> None:
        """Take rows of the kinds that *decoder* knows."""
        self._decoder = decoder

    async def open(self) -> None:
        """Nothing to open."""

    def decode(self, record: Record) -> EntityMessage:
        """Return the rows in *record*.

        Raises:
            DecodeError: It is no such message, or has rows of a kind that is not known here.
        """
        return self._decoder.decode(record.value)

    async def process(self, batch: Sequence[Received[EntityMessage]]) -> Sequence[Outcome]:
        """Name the table of each row."""
        return [Done(rows=table_rows(received.message, self._decoder.tables)) for received in batch]

    async def close(self) -> None:
        """Nothing to close."""


def table_rows(message: EntityMessage, tables: Mapping[str, TableSpec]) -> tuple[TableRow, ...]:
    """Return the rows of *message*, the line for the event log last."""
    rows = [
        TableRow(tables[kind].name, row)
        for kind, kind_rows in message.rows.items()
        for row in kind_rows
    ]
    return (*rows, TableRow(EVENT_LOG.name, message.log))


def build(_: Resources) -> EntitiesProcessor:
    """Return the processor of one member."""
    return EntitiesProcessor()


WORKER = WorkerSpec(
    name="entities",
    summary="Merges enriched rows into the entity tables, and logs each event.",
    group="claimx-entity-writer",
    formerly=frozenset({"entity_delta_writer"}),
    reads=(ENTITIES_ROWS,),
    tables=(*(table.name for table in ENTITY_TABLES.values()), EVENT_LOG.name),
    needs=("broker", "tables"),
    dead_letters=ENTITIES_DLQ,
    build=build,
    batch_size=500,
    linger_seconds=1.0,
    sets=frozenset({"claimx"}),
)
