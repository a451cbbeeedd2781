"""What a handler is: the part that turns events of some types into entity rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Protocol, TypeVar

from attrs import define

from claimx_pipeline.domain.entities import EntityRow, RowsByKind

Event_contra = TypeVar("Event_contra", contravariant=True)
Reader_contra = TypeVar("Reader_contra", contravariant=True)


FoundRows = RowsByKind | Mapping[str, list[EntityRow]]
"""Rows by kind: of a domain's own class, or a mapping of the kind's name to its rows."""


class HandledEvent(Protocol):
    """What became of one event, as the ``enrichment`` worker reads it."""

    @property
    def entities(self) -> FoundRows:
        """Rows that the event brought."""
        ...

    @property
    def error(self) -> Exception | None:
        """Why the event failed; its rows are then of no use."""
        ...

    @property
    def api_calls(self) -> int:
        """Requests made for it; shared requests count for the first event of a group."""
        ...


@define
class HandledRows:
    """What became of one event, with the rows of any domain."""

    entities: FoundRows
    """Rows that it brought; for kinds that plugins added, ``{"notes": [row]}``."""
    error: Exception | None = None
    """Why the event failed; its rows are then of no use."""
    api_calls: int = 0
    """Requests made for it."""
    note: str = ""
    """What of the event was left out, and why; the reason in the event log."""


class EventHandler(Protocol[Event_contra, Reader_contra]):
    """Enriches a domain's events of some types. Must not keep state between calls."""

    name: str
    """What the handler is called in logs and ``context.handler``."""
    event_types: frozenset[str]
    """Types handled, exactly as spelled in events."""
    event_prefixes: tuple[str, ...]
    """A type that no handler names exactly goes to the handler of its prefix."""

    async def handle(
        self, key: str, events: Sequence[Event_contra], reader: Reader_contra, /
    ) -> Sequence[HandledEvent]:
        """Return one result per event, in their order.

        Called with events of one key, several groups at once. After an
        exception each event of the group is handed in alone, unless it is one that passes by
        itself: then it is the failure of all of them.
        """
        ...
