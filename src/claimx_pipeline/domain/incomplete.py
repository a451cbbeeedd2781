"""An event of which a part is known and the rest is not."""

from __future__ import annotations

from claimx_pipeline.domain.entities import RowsByKind
from claimx_pipeline.errors import Category, RecordError


class IncompleteError(RecordError):
    """A part of what an event is about was found: its rows are stored, and the event fails.

    It comes back for the rest, or is a dead letter, as ``category`` says. Plugins see the event
    once all of it is known.
    """

    def __init__(self, reason: str, category: Category, entities: RowsByKind) -> None:
        super().__init__(reason, category)
        self.entities = entities
        """Rows of what was found."""
