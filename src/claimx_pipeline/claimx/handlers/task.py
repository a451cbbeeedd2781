"""Enriches what happens to tasks."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

from claimx_pipeline.claimx.api import Json
from claimx_pipeline.claimx.entities import FROM_TASK, EntityRows
from claimx_pipeline.claimx.entities.contact import link_contact_row, with_link_contact
from claimx_pipeline.claimx.entities.task import task_project_id
from claimx_pipeline.claimx.events import Event
from claimx_pipeline.claimx.handlers.group import RowMaker, numeric_id, shared, sorted_out
from claimx_pipeline.claimx.handlers.protocol import Handled
from claimx_pipeline.claimx.reader import ClaimxReader, ProjectAnswer, both
from claimx_pipeline.connections.answer import Answered

_Found = tuple[Answered[Json], ProjectAnswer, int]
"""The task, its project and the project's id."""


class TaskHandler:
    """A task was assigned, completed or otherwise changed: asks for the assignment."""

    name = "task"
    event_types = frozenset({"CUSTOM_TASK_ASSIGNED", "CUSTOM_TASK_COMPLETED"})
    event_prefixes: tuple[str, ...] = ("CUSTOM_TASK_",)

    def __init__(self, rows: RowMaker) -> None:
        self._rows = rows

    async def handle(
        self, project_id: str, events: Sequence[Event], reader: ClaimxReader
    ) -> Sequence[Handled]:
        """Return task, template, link, project and contacts for each event."""

        async def of_one(assignment_id: int, same: Sequence[Event]) -> list[Handled]:
            async def fetch(reader: ClaimxReader) -> _Found:
                number = numeric_id("project_id", project_id, same[0].event_type)
                return await self._found(reader, assignment_id, number)

            def build(event: Event, found: _Found) -> EntityRows:
                return self._entities(event, assignment_id, found)

            return await shared(same, reader, fetch, build)

        async def of_all(ids: Mapping[int, Sequence[Event]]) -> list[Handled]:
            parts = await asyncio.gather(*(of_one(each, same) for each, same in ids.items()))
            return [handled for part in parts for handled in part]

        return await sorted_out("task_assignment_id", events, of_all)

    async def _found(self, reader: ClaimxReader, assignment_id: int, project_id: int) -> _Found:
        task, project = await both(
            reader.task(assignment_id, project_id), reader.project(project_id)
        )
        named = task_project_id(task.body, self._rows.unreadable)
        if named is None or named == str(project_id):
            return task, project, project_id
        # The task says which project it belongs to, whatever the event said.
        owner = numeric_id("projectId", named, "task's")
        return task, await reader.project(owner), owner

    def _entities(self, event: Event, assignment_id: int, found: _Found) -> EntityRows:
        task, project, project_id = found
        owner = str(project_id)
        entities = self._rows.project(event, project, project_id)
        origin = self._rows.origin(event, task.answered_at)
        for kind, rows_of in FROM_TASK:
            setattr(entities, kind.name, rows_of(task.body, assignment_id, owner, origin))
        person = link_contact_row(task.body, assignment_id, owner, origin)
        entities.contacts = with_link_contact(entities.contacts, person)
        return entities
