"""What a plugin is told about an event."""

from __future__ import annotations

from typing import Any, Literal

from attrs import define, field

from claimx_pipeline.claimx.entities import EntityRow, EntityRows
from claimx_pipeline.claimx.events import Event

Stage = Literal["enrichment_complete"]


@define
class EnrichmentContext:
    """An event after the API answered, before its rows are published."""

    event: Event
    entities: EntityRows
    """Rows found for this event. They may be changed in place."""
    headers: dict[str, str] = field(factory=dict)
    """Headers of everything the plugins of this event publish."""
    attempt: int = 1
    """Which try this is, from 1."""
    api_calls: int = 0
    """Requests to the ClaimX API made for this event."""
    duration_seconds: float = 0.0
    """How long the enrichment took."""
    stage: Stage = "enrichment_complete"

    @property
    def event_id(self) -> str:
        """The event's id."""
        return self.event.event_id

    @property
    def event_type(self) -> str:
        """The event's type."""
        return self.event.event_type

    @property
    def project_id(self) -> str:
        """The project the event belongs to."""
        return self.event.project_id

    @property
    def tasks(self) -> list[EntityRow]:
        """Task rows of the event; empty unless it is a task event."""
        return self.entities.tasks

    @property
    def project(self) -> EntityRow | None:
        """The project's row, if the event brought one."""
        return self.entities.projects[0] if self.entities.projects else None

    def describe(self) -> dict[str, Any]:
        """Return the names that message templates may use."""
        return {
            "event_id": self.event_id,
            "event_type": self.event_type,
            "project_id": self.project_id,
        }
