"""The plugin: a type of sources, ``eventhouse``, for ``sources.<name>.type``."""

from __future__ import annotations

from claimx_pipeline import Resources, hookimpl
from claimx_pipeline.sources import SourceSettings, SourceType
from eventhouse_source.source import EventhouseOptions, EventhouseSource


def make(settings: SourceSettings, options: EventhouseOptions, _: Resources) -> EventhouseSource:
    """Return the source that the settings ask for."""
    return EventhouseSource(options, settings.column)


@hookimpl
def claimx_register_sources() -> list[SourceType]:
    """Offer the type."""
    return [
        SourceType(
            name="eventhouse",
            summary="Events from a Kusto table, as they arrive there.",
            options=EventhouseOptions,
            make=make,
        )
    ]
