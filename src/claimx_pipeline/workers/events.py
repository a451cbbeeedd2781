"""``events``: every raw event of a domain is kept as a row, once."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial

from claimx_pipeline.broker.protocol import Record
from claimx_pipeline.delta.rows import ColumnRow, TableRow
from claimx_pipeline.domain.domain import Domain
from claimx_pipeline.domain.events import DomainEvent
from claimx_pipeline.runtime.outcome import Done, Outcome
from claimx_pipeline.runtime.raw_event import read_event
from claimx_pipeline.runtime.resources import Resources
from claimx_pipeline.runtime.worker import Received, WorkerSpec

ROLE = "events"


class EventsProcessor:
    """Makes the row of each event."""

    def __init__(self, domain: Domain, resources: Resources) -> None:
        self._domain = domain
        self._clock = resources.clock
        self._decode = domain.reading(resources.settings)

    async def open(self) -> None:
        """Nothing to open."""

    def decode(self, record: Record) -> DomainEvent:
        """Return the event in *record*."""
        return read_event(record, self._clock, self._decode)

    async def process(self, batch: Sequence[Received[DomainEvent]]) -> Sequence[Outcome]:
        """Make one row of each event."""
        columns = self._domain.event_columns(
            [received.message for received in batch],
            [received.record.value for received in batch],
            self._clock.now(),
        )
        table = self._domain.events_table.name
        return [
            Done(rows=(TableRow(table, ColumnRow(columns, at), received.message.id_has_time),))
            for at, received in enumerate(batch)
        ]

    async def close(self) -> None:
        """Nothing to close."""


def build(domain: Domain, resources: Resources) -> EventsProcessor:
    """Return the processor of one member."""
    return EventsProcessor(domain, resources)


def worker(domain: Domain) -> WorkerSpec:
    """Return the worker of *domain*."""
    topics, table = domain.topics, domain.events_table.name
    return WorkerSpec(
        name=domain.worker_name(ROLE),
        summary=f"Keeps every raw event as a row of {table}, once.",
        group=topics.group("events-writer"),
        formerly=domain.formerly.get(ROLE, frozenset()),
        reads=(topics.events_raw,),
        tables=(table,),
        needs=("broker", "tables"),
        dead_letters=topics.events_dlq,
        build=partial(build, domain),
        batch_size=1000,
        linger_seconds=1.0,
        sets=domain.sets(ROLE),
        domain=domain.name,
    )
