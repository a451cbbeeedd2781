"""What a handler of ClaimX events is, and what it returns."""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from attrs import define, field

from claimx_pipeline.claimx.entities import EntityRows
from claimx_pipeline.domain.handlers import EventHandler

if TYPE_CHECKING:
    from claimx_pipeline.claimx.events import Event  # noqa: F401 - named in quotes
    from claimx_pipeline.claimx.reader import ClaimxReader  # noqa: F401 - named in quotes


@define
class Handled:
    """What became of one event."""

    entities: EntityRows = field(factory=EntityRows)
    """Rows that the event brought."""
    error: Exception | None = None
    """Why the event failed; its rows are then of no use."""
    api_calls: int = 0
    """Requests made for it; shared requests count for the first event of a group."""


class Handler(EventHandler["Event", "ClaimxReader"], Protocol):
    """Enriches ClaimX events of some types. Must not keep state between calls."""
