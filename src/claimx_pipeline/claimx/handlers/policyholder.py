"""Enriches the invitation and the joining of a policyholder."""

from __future__ import annotations

from collections.abc import Sequence

from claimx_pipeline.claimx.entities import EntityRows
from claimx_pipeline.claimx.events import Event
from claimx_pipeline.claimx.handlers.group import RowMaker, numeric_id, shared
from claimx_pipeline.claimx.handlers.protocol import Handled
from claimx_pipeline.claimx.reader import ClaimxReader, ProjectAnswer

_COLUMNS = {
    "POLICYHOLDER_INVITED": "policyholder_invited_at",
    "POLICYHOLDER_JOINED": "policyholder_joined_at",
}


class PolicyholderHandler:
    """A policyholder was invited or joined: asks for the project anew and notes when."""

    name = "policyholder"
    event_types = frozenset(_COLUMNS)
    event_prefixes: tuple[str, ...] = ()

    def __init__(self, rows: RowMaker) -> None:
        self._rows = rows

    async def handle(
        self, project_id: str, events: Sequence[Event], reader: ClaimxReader
    ) -> Sequence[Handled]:
        """Return the project, with the time of the event, and its contacts for each event."""
        asked_from = self._rows.clock.now()

        async def fetch(reader: ClaimxReader) -> ProjectAnswer:
            number = numeric_id("project_id", project_id, events[0].event_type)
            return await reader.project(number, not_before=asked_from)

        def build(event: Event, answer: ProjectAnswer) -> EntityRows:
            entities = self._rows.project(event, answer, int(project_id))
            entities.projects[0][_COLUMNS[event.event_type]] = event.ingested_at
            return entities

        return await shared(events, reader, fetch, build)
