"""The event log of a domain: what became of every event, one row per event id."""

from __future__ import annotations

from collections.abc import Sequence

from claimx_pipeline.delta.spec import LONG, STRING, TIMESTAMP, Column, TableSpec
from claimx_pipeline.domain.kinds import EntityKind


def event_log(  # noqa: PLR0913 - what differs from domain to domain
    name: str,
    *,
    key_name: str,
    kinds: Sequence[EntityKind],
    events_table: str,
    key_doc: str,
    example: str,
    service: str = "",
) -> TableSpec:
    """Return the table that accounts for every event of a domain.

    Args:
        name: Its name.
        key_name: The column with the event's key, as the domain calls it.
        kinds: The domain's kinds; each has a column with how many rows an event brought.
        events_table: The table of the domain's events, for the reference page.
        key_doc: What the key is, for the reference page.
        example: An event type, for the reference page.
        service: The service that is asked, for the reference page; empty for none.
    """
    return TableSpec(
        name=name,
        summary="What became of every event, one row per event id",
        doc=(
            "Written by the worker `entities`, one row for every event, also for one that brought "
            "no rows or failed for good. A later outcome replaces an earlier one, in whatever "
            "order they arrive: after a replay that works the line says so. A record that is not "
            "an event is accounted for by its dead letter alone."
        ),
        mode="merge",
        key=("event_id",),
        bucket_column=key_name,
        answer_time="enriched_at",
        age="ingested_at",
        columns=(
            Column(
                "event_id",
                STRING,
                nullable=False,
                source="the event",
                doc=f"Id of the event; see {events_table}",
            ),
            Column("event_type", STRING, source="the event", doc=f"For example {example}"),
            Column(key_name, STRING, nullable=False, source="the event", doc=key_doc),
            Column(
                "outcome",
                STRING,
                source="the `enrichment` worker; `dead` from the dead letter",
                doc="enriched, incomplete (a part is stored, the rest is tried again), skipped, "
                "filtered or dead",
            ),
            Column(
                "reason",
                STRING,
                source="the `enrichment` worker, a plugin that filtered it, or the dead letter",
                doc="Why it was not enriched, or not whole; empty if it was",
            ),
            Column(
                "category",
                STRING,
                source="the dead letter; empty without one",
                doc="Category of the error; empty without one",
            ),
            Column(
                "api_calls",
                LONG,
                bookkeeping=True,
                source="the `enrichment` worker; requests for several events count for the first",
                doc=f"Requests made to {service} for it" if service else "Requests made for it",
            ),
            *(count_column(kind) for kind in kinds),
            Column(
                "attempts",
                LONG,
                bookkeeping=True,
                source="header `claimx-attempts` of the record, plus 1",
                doc="How many tries it took",
            ),
            Column(
                "duration_ms",
                LONG,
                bookkeeping=True,
                source="the clock of the `enrichment` worker",
                doc="Milliseconds the last try took",
            ),
            Column("ingested_at", TIMESTAMP, source="the event", doc="When the source took it in"),
            Column(
                "enriched_at",
                TIMESTAMP,
                bookkeeping=True,
                source="the clock of the `enrichment` worker",
                doc="When its outcome was known",
            ),
        ),
    )


def count_column(kind: EntityKind) -> Column:
    """Return the event log's column with how many rows of *kind* an event brought."""
    return Column(
        kind.count_column,
        LONG,
        bookkeeping=True,
        source="the `enrichment` worker, after the plugins",
        doc=f"Rows of {kind.table.name} that it brought",
    )
