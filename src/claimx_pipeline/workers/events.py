"""``events``: every raw event is kept as a row, once."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from claimx_pipeline.broker.protocol import Record
from claimx_pipeline.claimx.events import Decode, Event, decode_event, event_decoder
from claimx_pipeline.claimx.tables import EVENTS
from claimx_pipeline.clock import Clock
from claimx_pipeline.delta.rows import ColumnRow, Columns, TableRow
from claimx_pipeline.runtime.outcome import Done, Outcome
from claimx_pipeline.runtime.raw_event import read_event
from claimx_pipeline.runtime.resources import Resources
from claimx_pipeline.runtime.worker import Received, WorkerSpec
from claimx_pipeline.topics import EVENTS_DLQ, EVENTS_RAW

LONGEST_ID = 18
"""Digits that always fit 64 bits."""


class EventsProcessor:
    """Makes the row of each event."""

    def __init__(self, clock: Clock, decode: Decode = decode_event) -> None:
        self._clock = clock
        self._decode = decode

    async def open(self) -> None:
        """Nothing to open."""

    def decode(self, record: Record) -> Event:
        """Return the event in *record*."""
        return read_event(record, self._clock, self._decode)

    async def process(self, batch: Sequence[Received[Event]]) -> Sequence[Outcome]:
        """Make one row of each event."""
        columns = event_columns(batch, self._clock.now())
        return [
            Done(
                rows=(TableRow(EVENTS.name, ColumnRow(columns, at), received.message.id_has_time),)
            )
            for at, received in enumerate(batch)
        ]

    async def close(self) -> None:
        """Nothing to close."""


def event_columns(batch: Sequence[Received[Event]], now: datetime) -> Columns:
    """Return the rows of *batch*, made at *now*, by column."""
    events = [received.message for received in batch]
    return {
        "event_id": [event.event_id for event in events],
        "event_type": [event.event_type for event in events],
        "project_id": [event.project_id for event in events],
        "media_id": [event.media_id for event in events],
        "task_assignment_id": [number(event.task_assignment_id) for event in events],
        "video_collaboration_id": [number(event.video_collaboration_id) for event in events],
        "master_file_name": [event.master_file_name for event in events],
        "ingested_at": [event.ingested_at for event in events],
        "created_at": [now] * len(events),
        "event_date": [event.ingested_at.date() for event in events],
        "raw_data": [bytes(event.payload).decode("utf-8", "replace") for event in events],
    }


def number(text: str | None) -> int | None:
    """Return an id as a number; what is none stays in ``raw_data``, with the whole event."""
    if not (text and text.isascii() and text.isdigit() and len(text) <= LONGEST_ID):
        return None
    return int(text)


def build(resources: Resources) -> EventsProcessor:
    """Return the processor of one member."""
    decode = event_decoder(resources.settings.claimx.events)
    return EventsProcessor(resources.clock, decode)


WORKER = WorkerSpec(
    name="events",
    summary="Keeps every raw event as a row of claimx_events, once.",
    group="claimx-events-writer",
    formerly=frozenset({"delta_events_writer"}),
    reads=(EVENTS_RAW,),
    tables=(EVENTS.name,),
    needs=("broker", "tables"),
    dead_letters=EVENTS_DLQ,
    build=build,
    batch_size=1000,
    linger_seconds=1.0,
    sets=frozenset({"claimx"}),
)
