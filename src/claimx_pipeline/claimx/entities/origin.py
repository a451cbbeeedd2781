"""What a row says about where it comes from, in the bookkeeping columns that all kinds share."""

from __future__ import annotations

from datetime import datetime

from attrs import frozen

from claimx_pipeline.claimx.events import Event
from claimx_pipeline.delta.spec import STRING, TIMESTAMP, Column
from claimx_pipeline.domain.answer_columns import Unreadable
from claimx_pipeline.domain.entities import EntityRow

BOOKKEEPING = (
    Column(
        "event_id",
        STRING,
        bookkeeping=True,
        doc="Event that changed the row last; see claimx_events",
        source="the event",
    ),
    Column(
        "created_at",
        TIMESTAMP,
        bookkeeping=True,
        doc="When the row was first made; no later event changes it",
        source="the clock of the `enrichment` worker",
    ),
    Column(
        "updated_at",
        TIMESTAMP,
        bookkeeping=True,
        doc="When the row was last made",
        source="the clock of the `enrichment` worker",
    ),
    Column(
        "last_enriched_at",
        TIMESTAMP,
        bookkeeping=True,
        doc="When the API answered; null if the row says only what an event said",
        source="the time of the answer, kept with one that is answered from the cache",
    ),
)


@frozen
class Provenance:
    """What rows are made from, shown in their bookkeeping columns."""

    event: Event
    answered_at: datetime | None
    """When the API answered; None for what the event alone says."""
    made_at: datetime
    unreadable: Unreadable

    def stamp(self) -> EntityRow:
        """Return the bookkeeping columns that every kind has."""
        return {
            "event_id": self.event.event_id,
            "created_at": self.made_at,
            "updated_at": self.made_at,
            "last_enriched_at": self.answered_at,
        }
