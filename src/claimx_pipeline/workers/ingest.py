"""``ingest``: a raw event becomes an enrichment task."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from claimx_pipeline.broker.protocol import OutRecord, Record
from claimx_pipeline.claimx.events import Decode, Event, decode_event, event_decoder
from claimx_pipeline.claimx.messages import EnrichmentTask, encode_task
from claimx_pipeline.clock import Clock
from claimx_pipeline.runtime.headers import HOPS, ID, hops_of
from claimx_pipeline.runtime.outcome import Done, Outcome
from claimx_pipeline.runtime.raw_event import read_event
from claimx_pipeline.runtime.resources import Resources
from claimx_pipeline.runtime.worker import Received, WorkerSpec
from claimx_pipeline.topics import ENRICHMENT_PENDING, EVENTS_DLQ, EVENTS_RAW


class IngestProcessor:
    """Decodes events and asks for their enrichment."""

    def __init__(self, clock: Clock, decode: Decode = decode_event) -> None:
        self._clock = clock
        self._decode = decode

    async def open(self) -> None:
        """Nothing to open."""

    def decode(self, record: Record) -> Event:
        """Return the event in *record*."""
        return read_event(record, self._clock, self._decode)

    async def process(self, batch: Sequence[Received[Event]]) -> Sequence[Outcome]:
        """Ask for the enrichment of each event."""
        now = self._clock.now()
        return [
            Done(publish=(enrichment_task(received.message, now, hops_of(received.record)),))
            for received in batch
        ]

    async def close(self) -> None:
        """Nothing to close."""


def enrichment_task(event: Event, now: datetime, hops: int = 0) -> OutRecord:
    """Return the record that asks for the enrichment of *event*.

    An event that a plugin's message led to keeps count of how often that happened.
    """
    led = ((HOPS, str(hops).encode()),) if hops else ()
    return OutRecord(
        ENRICHMENT_PENDING.name,
        encode_task(EnrichmentTask.of(event, now)),
        event.project_id.encode(),
        ((ID, event.event_id.encode()), *led),
    )


def build(resources: Resources) -> IngestProcessor:
    """Return the processor of one member."""
    decode = event_decoder(resources.settings.claimx.events)
    return IngestProcessor(resources.clock, decode)


WORKER = WorkerSpec(
    name="ingest",
    summary="Reads raw events and asks for the enrichment of each.",
    group="claimx-event-ingester-worker",
    formerly=frozenset({"event_ingester"}),
    reads=(EVENTS_RAW,),
    writes=(ENRICHMENT_PENDING,),
    needs=("broker",),
    dead_letters=EVENTS_DLQ,
    build=build,
    batch_size=1000,
    in_flight=10_000,  # it only rewrites: small records that wait for nothing but the broker
    sets=frozenset({"claimx"}),
)
