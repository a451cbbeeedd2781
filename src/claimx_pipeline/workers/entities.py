"""``entities``: what enrichment found goes into the entity tables and the event log.

Every event has a line there, also one that failed for good: the dead letters of the workers
that an event passes are read here, and come back as messages with nothing but that line.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime

from attrs import frozen

from claimx_pipeline.broker.protocol import Record
from claimx_pipeline.claimx.events import decode_event
from claimx_pipeline.claimx.messages import (
    DECODER,
    EVENT_ID,
    EntityDecoder,
    EntityMessage,
    decode_task,
    entity_record,
    event_of_message,
)
from claimx_pipeline.claimx.tables import ENTITY_TABLES, EVENT_LOG
from claimx_pipeline.delta.rows import TableRow
from claimx_pipeline.delta.spec import TableSpec
from claimx_pipeline.errors import DeadLetterError, DecodeError
from claimx_pipeline.runtime.dead_letters.dead_letter import DeadLetter
from claimx_pipeline.runtime.dead_letters.large_values import ValueFiles
from claimx_pipeline.runtime.headers import FIRST_FAILED, header
from claimx_pipeline.runtime.outcome import Done, Outcome
from claimx_pipeline.runtime.resources import Resources
from claimx_pipeline.runtime.worker import Received, WorkerSpec
from claimx_pipeline.topics import ENRICHMENT_DLQ, ENTITIES_DLQ, ENTITIES_ROWS, EVENTS_DLQ

REASON_CHARACTERS = 500
"""Most characters of an error that the event log keeps."""

DEAD = "dead"
"""Outcome of an event that failed for good."""


@frozen
class DeadEvent:
    """A dead letter, as the message that stores its event's line; None if it is not of an event."""

    message: EntityMessage | None


class EntitiesProcessor:
    """Spreads each message over the tables, and accounts for events that failed for good."""

    def __init__(self, resources: Resources, decoder: EntityDecoder = DECODER) -> None:
        """Take rows of the kinds that *decoder* knows."""
        self._decoder = decoder
        self._clock = resources.clock
        self._files = ValueFiles(resources.settings.storage.files.root)
        physical = resources.topology.physical
        self._dead_letters = frozenset(physical(topic.name) for topic in DEAD_LETTERS)

    async def open(self) -> None:
        """Nothing to open."""

    def decode(self, record: Record) -> EntityMessage | DeadEvent:
        """Return the rows in *record*, or what is known of the event of a dead letter.

        Raises:
            DecodeError: It is not such a message, or has rows of a kind that is not known here.
        """
        if record.topic in self._dead_letters:
            return DeadEvent(self._dead_event(record))
        message = self._decoder.decode(record.value)
        if header(record.headers, FIRST_FAILED) is not None:
            # It comes back after it failed: its line is newer than the one that says so.
            message.log["enriched_at"] = self._clock.now()
        return message

    async def process(
        self, batch: Sequence[Received[EntityMessage | DeadEvent]]
    ) -> Sequence[Outcome]:
        """Name the table of each row; pass on the line of each event that failed for good."""
        return [self._outcome(received.message) for received in batch]

    async def close(self) -> None:
        """Nothing to close."""

    def _outcome(self, message: EntityMessage | DeadEvent) -> Outcome:
        if isinstance(message, EntityMessage):
            return Done(rows=table_rows(message, self._decoder.tables))
        if message.message is None:
            return Done(skipped="the dead letter is not of an event")
        # Not written here: all rows of a project have one writer, that of its partition.
        return Done(publish=(entity_record(message.message),))

    def _dead_event(self, record: Record) -> EntityMessage | None:
        failure = DeadLetter.read(record)
        if failure is None or failure.kind == "plugin" or failure.worker not in _EVENTS:
            return None
        try:
            event = _EVENTS[failure.worker](record, self._files.value(record))
        except (DecodeError, DeadLetterError):
            return None  # it failed for that reason: the dead letter alone accounts for it
        if event is None:
            return None
        return EntityMessage(
            event_id=event.event_id,
            event_type=event.event_type,
            project_id=event.project_id,
            log={
                "event_id": event.event_id,
                "event_type": event.event_type or None,
                "project_id": event.project_id,
                "outcome": DEAD,
                "reason": failure.error[:REASON_CHARACTERS],
                "category": failure.category,
                "attempts": failure.attempts,
                "ingested_at": event.ingested_at,
                "enriched_at": datetime.fromisoformat(failure.last_failed),
            },
        )


@frozen
class _EventOf:
    """What a dead letter says of its event."""

    event_id: str
    event_type: str
    project_id: str
    ingested_at: datetime | None = None


def _of_raw(record: Record, value: bytes | None) -> _EventOf:
    event = decode_event(value, record.timestamp)
    return _EventOf(event.event_id, event.event_type, event.project_id, event.ingested_at)


def _of_task(_: Record, value: bytes | None) -> _EventOf:
    event = decode_task(value).event()
    return _EventOf(event.event_id, event.event_type, event.project_id, event.ingested_at)


def _of_rows(record: Record, value: bytes | None) -> _EventOf | None:
    try:
        event_id, event_type, project_id, log = event_of_message(value)
    except DecodeError:
        known = header(record.headers, EVENT_ID)
        key = (record.key or b"").decode("utf-8", "replace")
        return _EventOf(known, "", key) if known and key else None
    # A line that says so and failed itself is not passed on again and again.
    return None if log.get("outcome") == DEAD else _EventOf(event_id, event_type, project_id)


_EVENTS: Mapping[str, Callable[[Record, bytes | None], _EventOf | None]] = {
    "ingest": _of_raw,
    "enrichment": _of_task,
    "entities": _of_rows,
}
"""Worker to the reader of its dead letters: the workers that an event's outcome depends on."""


def table_rows(message: EntityMessage, tables: Mapping[str, TableSpec]) -> tuple[TableRow, ...]:
    """Return the rows of *message*, the line for the event log last."""
    rows = [
        TableRow(tables[kind].name, row)
        for kind, kind_rows in message.rows.items()
        for row in kind_rows
    ]
    return (*rows, TableRow(EVENT_LOG.name, message.log))


def build(resources: Resources) -> EntitiesProcessor:
    """Return the processor of one member."""
    return EntitiesProcessor(resources)


DEAD_LETTERS = (EVENTS_DLQ, ENRICHMENT_DLQ, ENTITIES_DLQ)
"""Topics with the events that failed for good."""


WORKER = WorkerSpec(
    name="entities",
    summary="Merges enriched rows into the entity tables, and logs each event.",
    group="claimx-entity-writer",
    formerly=frozenset({"entity_delta_writer"}),
    reads=(ENTITIES_ROWS, *DEAD_LETTERS),
    writes=(ENTITIES_ROWS,),
    tables=(*(table.name for table in ENTITY_TABLES.values()), EVENT_LOG.name),
    needs=("broker", "tables"),
    dead_letters=ENTITIES_DLQ,
    build=build,
    batch_size=500,
    linger_seconds=1.0,
    sets=frozenset({"claimx"}),
)
