"""What a handler is: the part that turns events of some types into entity rows."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Protocol

from attrs import define, field

from claimx_pipeline.claimx.entities import EntityRows
from claimx_pipeline.claimx.events import Event

if TYPE_CHECKING:
    from claimx_pipeline.claimx.reader import ClaimxReader


@define
class Handled:
    """What became of one event."""

    entities: EntityRows = field(factory=EntityRows)
    error: Exception | None = None
    """Why the event failed; its rows are then of no use."""
    api_calls: int = 0
    """Requests made for it; shared requests count for the first event of a group."""


class Handler(Protocol):
    """Enriches events of some types. Must not keep state between calls."""

    name: str
    event_types: frozenset[str]
    """Types handled, exactly as spelled in events."""
    event_prefixes: tuple[str, ...]
    """A type that no handler names exactly goes to the handler of its prefix."""

    async def handle(
        self, project_id: str, events: Sequence[Event], reader: ClaimxReader
    ) -> Sequence[Handled]:
        """Return one result per event, in their order.

        Called with events of one project, several groups at once. An exception is
        the failure of every event of the group.
        """
        ...
