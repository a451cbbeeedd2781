"""What a topic is, and the core's own topics."""

from __future__ import annotations

from attrs import field, frozen
from attrs.validators import ge


@frozen
class Topic:
    """One topic, by its logical name; the settings may call it something else."""

    name: str
    partitions: int = field(default=6, validator=ge(1))
    retention_hours: float | None = None
    """None keeps records for ever."""
    source: bool = False
    """Written from outside, so a missing writer is no mistake."""
    terminal: bool = False
    """Read by people and tools, so a missing reader is no mistake."""


WEEK_HOURS = 7 * 24.0

EVENTS_RAW = Topic("claimx.events.raw", retention_hours=WEEK_HOURS, source=True)
ENRICHMENT_PENDING = Topic("claimx.enrichment.pending", retention_hours=WEEK_HOURS)
ENTITIES_ROWS = Topic("claimx.entities.rows", retention_hours=WEEK_HOURS)
DOWNLOADS_PENDING = Topic("claimx.downloads.pending", retention_hours=WEEK_HOURS)
DOWNLOADS_CACHED = Topic("claimx.downloads.cached", retention_hours=WEEK_HOURS)
DOWNLOADS_RESULTS = Topic("claimx.downloads.results", retention_hours=WEEK_HOURS)

EVENTS_DLQ = Topic("claimx.events.dlq", partitions=1, terminal=True)
ENRICHMENT_DLQ = Topic("claimx.enrichment.dlq", partitions=1, terminal=True)
ENTITIES_DLQ = Topic("claimx.entities.dlq", partitions=1, terminal=True)
DOWNLOADS_DLQ = Topic("claimx.downloads.dlq", partitions=1, terminal=True)

DLQ_REPLAYED = Topic("claimx.dlq.replayed", partitions=1, terminal=True)
"""One mark per replayed dead letter, keyed by where the letter lies."""
