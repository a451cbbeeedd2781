"""``ingest``: a raw event of a domain becomes an enrichment task."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from functools import partial

from claimx_pipeline.broker.protocol import OutRecord, Record
from claimx_pipeline.domain.domain import Domain
from claimx_pipeline.domain.events import DomainEvent
from claimx_pipeline.domain.messages import created
from claimx_pipeline.runtime.correlation import Pairs, of_raw
from claimx_pipeline.runtime.headers import HOPS, ID, hops_of
from claimx_pipeline.runtime.outcome import Done, Outcome
from claimx_pipeline.runtime.raw_event import read_event
from claimx_pipeline.runtime.resources import Resources
from claimx_pipeline.runtime.worker import Received, WorkerSpec

ROLE = "ingest"


class IngestProcessor:
    """Decodes events and asks for their enrichment."""

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
        """Ask for the enrichment of each event."""
        made, name = TaskMaker(self._domain, self._clock.now()), self._domain.name
        return [
            Done(publish=(made(event, hops_of(record), of_raw(record, name, event.event_id)),))
            for record, event in ((received.record, received.message) for received in batch)
        ]

    async def close(self) -> None:
        """Nothing to close."""


class TaskMaker:
    """Makes the records that ask for the enrichment of events."""

    def __init__(self, domain: Domain, now: datetime) -> None:
        """Make tasks of *domain* at *now*."""
        self._topic = domain.topics.enrichment_pending.name
        self._task = domain.messages.task
        self._created = created(now)

    def __call__(self, event: DomainEvent, hops: int = 0, passed: Pairs = ()) -> OutRecord:
        """Return the record that asks for the enrichment of *event*.

        Args:
            event: The event.
            hops: How many plugins' messages led to it; it keeps count of that.
            passed: Headers of all that its raw record leads to.
        """
        led = ((HOPS, str(hops).encode()),) if hops else ()
        return OutRecord(
            self._topic,
            self._task(event, self._created),
            event.key.encode(),
            ((ID, event.event_id.encode()), *led, *passed),
        )


def build(domain: Domain, resources: Resources) -> IngestProcessor:
    """Return the processor of one member."""
    return IngestProcessor(domain, resources)


def worker(domain: Domain) -> WorkerSpec:
    """Return the worker of *domain*."""
    topics = domain.topics
    return WorkerSpec(
        name=domain.worker_name(ROLE),
        summary="Reads raw events and asks for the enrichment of each.",
        group=topics.group("event-ingester-worker"),
        formerly=domain.formerly.get(ROLE, frozenset()),
        reads=(topics.events_raw,),
        writes=(topics.enrichment_pending,),
        needs=("broker",),
        dead_letters=topics.events_dlq,
        build=partial(build, domain),
        batch_size=1000,
        in_flight=10_000,  # it only rewrites: small records that wait for nothing but the broker
        sets=domain.sets(ROLE),
        domain=domain.name,
    )
