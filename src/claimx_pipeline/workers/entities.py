"""``entities``: what enrichment found goes into the entity tables and the event log.

Every event has a line there, also one that failed for good: the dead letters of the workers
that an event passes are read here, and come back as messages with nothing but that line.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from functools import partial

from attrs import evolve, frozen

from claimx_pipeline.broker.protocol import Record
from claimx_pipeline.delta.rows import TableRow
from claimx_pipeline.delta.spec import TableSpec
from claimx_pipeline.domain.domain import Domain
from claimx_pipeline.domain.entities import EntityRow
from claimx_pipeline.domain.events import Decode
from claimx_pipeline.domain.messages import EVENT_ID, EntityMessage
from claimx_pipeline.errors import DeadLetterError, DecodeError
from claimx_pipeline.runtime.correlation import given_by, made_of, raw_of
from claimx_pipeline.runtime.dead_letters.dead_letter import DeadLetter
from claimx_pipeline.runtime.dead_letters.large_values import ValueFiles
from claimx_pipeline.runtime.headers import FIRST_FAILED, RAW, Origin, header
from claimx_pipeline.runtime.outcome import Done, Outcome
from claimx_pipeline.runtime.resources import Resources
from claimx_pipeline.runtime.worker import Received, WorkerSpec
from claimx_pipeline.topics import Topic

ROLE = "entities"

REASON_CHARACTERS = 500
"""Most characters of an error that the event log keeps."""

DEAD = "dead"
"""Outcome of an event that failed for good."""


@frozen
class DeadEvent:
    """A dead letter, as the message that stores its event's line; None if it is not of an event."""

    message: EntityMessage | None
    raw: Origin | None = None
    """Where the event's raw record is, if that is what died."""


class EntitiesProcessor:
    """Spreads each message over the tables, and accounts for events that failed for good."""

    def __init__(self, domain: Domain, resources: Resources) -> None:
        self._domain = domain
        self._messages = domain.messages
        self._clock = resources.clock
        self._files = ValueFiles(resources.settings.storage.files.root)
        physical = resources.topology.physical
        self._dead_letters = frozenset(physical(topic.name) for topic in dead_letters(domain))
        of = _EventsOf(domain, domain.reading(resources.settings))
        self._readers: Mapping[str, Callable[[Record, bytes | None], _EventOf | None]] = {
            domain.worker_name("ingest"): of.raw,
            domain.worker_name("enrichment"): of.task,
            domain.worker_name(ROLE): of.rows,
        }
        """Worker to the reader of its dead letters: those that an event's outcome depends on."""

    async def open(self) -> None:
        """Nothing to open."""

    def decode(self, record: Record) -> EntityMessage | DeadEvent:
        """Return the rows in *record*, or what is known of the event of a dead letter.

        Raises:
            DecodeError: It is not such a message, or has rows of a kind that is not known here.
        """
        if record.topic in self._dead_letters:
            return self._dead_event(record)
        message = self._messages.decode(record.value)
        message.log.update(provenance(record, self._domain.name, message.event_id))
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
            return Done(rows=table_rows(message, self._messages.tables, self._domain.event_log))
        if message.message is None:
            return Done(skipped="the dead letter is not of an event")
        # Not written here: all rows of a key have one writer, that of its partition.
        line = self._messages.record(message.message)
        if message.raw is not None:
            line = evolve(line, headers=(*line.headers, (RAW, str(message.raw).encode())))
        return Done(publish=(line,))

    def _dead_event(self, record: Record) -> DeadEvent:
        failure = DeadLetter.read(record)
        if failure is None or failure.kind == "plugin" or failure.worker not in self._readers:
            return DeadEvent(None)
        try:
            event = self._readers[failure.worker](record, self._files.value(record))
        except (DecodeError, DeadLetterError):
            # It failed for that reason: the dead letter alone accounts for it.
            return DeadEvent(None)
        if event is None:
            return DeadEvent(None)
        is_raw = failure.worker == self._domain.worker_name("ingest")
        return DeadEvent(self._line(event, failure), failure.origin if is_raw else None)

    def _line(self, event: _EventOf, failure: DeadLetter) -> EntityMessage:
        return EntityMessage(
            event_id=event.event_id,
            event_type=event.event_type,
            key=event.key,
            log={
                "event_id": event.event_id,
                "event_type": event.event_type or None,
                self._domain.key_name: event.key,
                "outcome": DEAD,
                "reason": failure.error[:REASON_CHARACTERS],
                "category": failure.category,
                "attempts": failure.attempts,
                "ingested_at": event.ingested_at,
                "enriched_at": datetime.fromisoformat(failure.last_failed),
            },
            rows=self._domain.rows(),
        )


@frozen
class _EventOf:
    """What a dead letter says of its event."""

    event_id: str
    event_type: str
    key: str
    ingested_at: datetime | None = None


@frozen
class _EventsOf:
    """Reads the events of a domain's dead letters."""

    domain: Domain
    decode: Decode

    def raw(self, record: Record, value: bytes | None) -> _EventOf:
        """Return the event of a raw record."""
        event = self.decode(value, record.timestamp)
        return _EventOf(event.event_id, event.event_type, event.key, event.ingested_at)

    def task(self, _: Record, value: bytes | None) -> _EventOf:
        """Return the event of a task."""
        event = self.domain.messages.event_of_task(value)
        return _EventOf(event.event_id, event.event_type, event.key, event.ingested_at)

    def rows(self, record: Record, value: bytes | None) -> _EventOf | None:
        """Return the event of a message of rows; None for one that is accounted for."""
        try:
            event_id, event_type, key, log = self.domain.messages.summary(value)
        except DecodeError:
            known = header(record.headers, EVENT_ID)
            key = (record.key or b"").decode("utf-8", "replace")
            return _EventOf(known, "", key) if known and key else None
        # A line that says so and failed itself is not passed on again and again.
        return None if log.get("outcome") == DEAD else _EventOf(event_id, event_type, key)


def provenance(record: Record, domain: str, event_id: str) -> EntityRow:
    """Return what the event log says of where an event was read, from a message about it."""
    raw = raw_of(record.headers)
    return {
        "correlation_id": given_by(record.headers) or made_of(domain, event_id),
        "raw_topic": raw and raw.topic,
        "raw_partition": raw and raw.partition,
        "raw_offset": raw and raw.offset,
    }


def table_rows(
    message: EntityMessage, tables: Mapping[str, TableSpec], event_log: TableSpec
) -> tuple[TableRow, ...]:
    """Return the rows of *message*, the line for the event log last."""
    rows = [
        TableRow(tables[kind].name, row)
        for kind, kind_rows in message.rows.items()
        for row in kind_rows
    ]
    return (*rows, TableRow(event_log.name, message.log))


def dead_letters(domain: Domain) -> tuple[Topic, ...]:
    """Return the topics with the events of *domain* that failed for good."""
    topics = domain.topics
    return (topics.events_dlq, topics.enrichment_dlq, topics.entities_dlq)


def build(domain: Domain, resources: Resources) -> EntitiesProcessor:
    """Return the processor of one member."""
    return EntitiesProcessor(domain, resources)


def worker(domain: Domain) -> WorkerSpec:
    """Return the worker of *domain*."""
    topics = domain.topics
    return WorkerSpec(
        name=domain.worker_name(ROLE),
        summary="Merges enriched rows into the entity tables, and logs each event.",
        group=topics.group("entity-writer"),
        formerly=domain.formerly.get(ROLE, frozenset()),
        reads=(topics.entities_rows, *dead_letters(domain)),
        writes=(topics.entities_rows,),
        tables=(*(kind.table.name for kind in domain.kinds), domain.event_log.name),
        needs=("broker", "tables"),
        dead_letters=topics.entities_dlq,
        build=partial(build, domain),
        batch_size=500,
        linger_seconds=1.0,
        sets=domain.sets(ROLE),
        domain=domain.name,
    )
