"""What became of one event in the enrichment: its rows, and its line of the event log."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from attrs import define, evolve

from claimx_pipeline.domain.domain import Domain
from claimx_pipeline.domain.entities import EntityRow, RowsByKind
from claimx_pipeline.domain.handlers import HandledEvent
from claimx_pipeline.domain.kinds import EntityKind
from claimx_pipeline.domain.messages import EntityMessage
from claimx_pipeline.hooks.context import Dispatched, EnrichmentContext
from claimx_pipeline.runtime.outcome import Done, Outcome


@define
class Enriched:
    """What the API said about one event, before plugins have seen it."""

    handled: HandledEvent
    handler: str
    began: datetime
    ended: datetime
    skipped: str = ""


def with_moment(outcome: Outcome, before: Dispatched) -> Outcome:
    """Return *outcome* with what plugins asked for before the API was asked.

    An event that is tried again is shown to them again then.
    """
    if not isinstance(outcome, Done):
        return outcome
    return evolve(
        outcome,
        publish=(*before.publish, *outcome.publish),
        failed_plugins=(*before.failed, *outcome.failed_plugins),
    )


def drop_own_rows(entities: RowsByKind, kinds: Sequence[EntityKind]) -> None:
    """Drop the rows that only this event needs; those of kinds that survive a filter stay."""
    for kind in kinds:
        if not kind.survives_filter:
            getattr(entities, kind.name).clear()


def message_of(
    domain: Domain, context: EnrichmentContext, enriched: Enriched, *, outcome: str, reason: str
) -> EntityMessage:
    """Return the message that stores the event's rows and its line of the event log."""
    return EntityMessage(
        event_id=context.event_id,
        event_type=context.event_type,
        key=context.key,
        log=log_row(domain, context, enriched, outcome=outcome, reason=reason),
        rows=context.entities,
    )


def log_row(
    domain: Domain, context: EnrichmentContext, enriched: Enriched, *, outcome: str, reason: str
) -> EntityRow:
    """Return the event's line of the event log."""
    event = context.event
    return {
        "event_id": event.event_id,
        "event_type": event.event_type,
        domain.key_name: event.key,
        "outcome": outcome,
        "reason": reason,
        "category": "",
        "api_calls": context.api_calls,
        **{kind.count_column: len(getattr(context.entities, kind.name)) for kind in domain.kinds},
        "attempts": context.attempt,
        "duration_ms": round(context.duration_seconds * 1000),
        "ingested_at": event.ingested_at,
        "enriched_at": enriched.ended,
    }
