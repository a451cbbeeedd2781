"""Enriches what happens to a project itself, and to its policyholder."""

from __future__ import annotations

from collections.abc import Sequence

from claimx_pipeline.claimx.entities import EntityRows
from claimx_pipeline.claimx.entities.project import TELLING_EVENTS, said_by
from claimx_pipeline.claimx.events import Event
from claimx_pipeline.claimx.handlers.group import RowMaker, numeric_id, shared
from claimx_pipeline.claimx.handlers.protocol import Handled
from claimx_pipeline.claimx.reader import ClaimxReader, ProjectAnswer


class ProjectHandler:
    """Asks for the project again, and adds to its row what only the event says.

    A project was made or got a master file name, a policyholder was invited or joined.
    """

    name = "project"
    event_types = TELLING_EVENTS | {"PROJECT_CREATED"}
    event_prefixes: tuple[str, ...] = ()

    def __init__(self, rows: RowMaker) -> None:
        self._rows = rows

    async def handle(
        self, project_id: str, events: Sequence[Event], reader: ClaimxReader
    ) -> Sequence[Handled]:
        """Return the project and its contacts for each event."""
        asked_from = self._rows.clock.now()

        async def fetch(reader: ClaimxReader) -> ProjectAnswer:
            number = numeric_id("project_id", project_id, events[0].event_type)
            return await reader.project(number, not_before=asked_from)

        def build(event: Event, answer: ProjectAnswer) -> EntityRows:
            entities = self._rows.project(event, answer, int(project_id))
            entities.projects[0].update(said_by(event))
            return entities

        return await shared(events, reader, fetch, build)
