"""What a plugin is told about an event."""

from __future__ import annotations

from typing import Any, Literal, Protocol, Self

from attrs import define, evolve, field

from claimx_pipeline.claimx.entities import EntityRow, EntityRows
from claimx_pipeline.claimx.events import Event

Stage = Literal["enrichment_complete"]


class HookContext(Protocol):
    """What the dispatcher needs of the context of any hook that is called while events flow."""

    headers: dict[str, str]
    """Headers of everything that the plugins publish."""

    @property
    def event_id(self) -> str:
        """Id of the event that all began with."""
        ...

    @property
    def event_type(self) -> str:
        """The event's type."""
        ...

    @property
    def project_id(self) -> str:
        """The project it belongs to."""
        ...

    @property
    def hops(self) -> int:
        """How many plugins' messages led here."""
        ...

    @property
    def cause(self) -> str:
        """What the hook is called about, the same whenever it is called again."""
        ...

    def copy(self) -> Self:
        """Return a copy that a plugin may change, whatever becomes of the plugin."""
        ...

    def adopt(self, changed: Self) -> None:
        """Take over what a plugin that succeeded changed in its copy."""
        ...


@define
class EnrichmentContext:
    """An event after the API answered, before its rows are published."""

    event: Event
    entities: EntityRows
    """Rows found for this event, of all seven kinds. They may be changed in place."""
    headers: dict[str, str] = field(factory=dict)
    """Headers of everything the plugins of this event publish."""
    attempt: int = 1
    """Which try this is, from 1."""
    handler: str = ""
    """Name of the handler that asked the API; empty if there is none for the type."""
    api_calls: int = 0
    """Requests to the ClaimX API made for this event."""
    duration_seconds: float = 0.0
    """How long the enrichment took."""
    hops: int = 0
    """How many plugins' messages led to this event; 0 for one from outside."""
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
    def cause(self) -> str:
        """The event's id: the hook is called once per event."""
        return self.event.event_id

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

    def copy(self) -> Self:
        """Return a copy with rows and headers of its own."""
        rows = {kind: [copied(row) for row in rows] for kind, rows in self.entities.items()}
        return evolve(self, entities=EntityRows(**rows), headers=dict(self.headers))

    def adopt(self, changed: Self) -> None:
        """Take over rows and headers."""
        self.entities, self.headers = changed.entities, changed.headers


def copied(value: Any) -> Any:
    """Return a JSON-like value with mappings and lists of its own."""
    if type(value) is dict:
        return {
            name: copied(inner) if type(inner) in (dict, list) else inner
            for name, inner in value.items()
        }
    if type(value) is list:
        return [copied(inner) for inner in value]
    return value
