"""Enriches what happens to a project itself."""

from __future__ import annotations

from collections.abc import Sequence

from claimx_pipeline.claimx.entities import EntityRows
from claimx_pipeline.claimx.events import Event
from claimx_pipeline.claimx.handlers.group import RowMaker, numeric_id, shared
from claimx_pipeline.claimx.handlers.protocol import Handled
from claimx_pipeline.claimx.reader import ClaimxReader, ProjectAnswer

_MFN_ADDED = "PROJECT_MFN_ADDED"


class ProjectHandler:
    """A project was made, or got a master file name: asks for the project anew."""

    name = "project"
    event_types = frozenset({"PROJECT_CREATED", _MFN_ADDED})
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
            if event.event_type == _MFN_ADDED and event.master_file_name:
                project = entities.projects[0]
                project["master_file_name"] = event.master_file_name
                project["master_file_name_at"] = event.ingested_at
            return entities

        return await shared(events, reader, fetch, build)
