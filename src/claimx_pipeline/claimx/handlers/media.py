"""Enriches files that were added to a project."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

from claimx_pipeline.claimx.api import Json
from claimx_pipeline.claimx.entities import EntityRows
from claimx_pipeline.claimx.entities.media import media_id_of, media_row
from claimx_pipeline.claimx.events import Event
from claimx_pipeline.claimx.handlers.group import RowMaker, numeric_id, shared, sorted_out
from claimx_pipeline.claimx.handlers.protocol import Handled
from claimx_pipeline.claimx.reader import ClaimxReader, ProjectAnswer, both
from claimx_pipeline.connections.answer import Answered
from claimx_pipeline.errors import RecordError
from claimx_pipeline.isolation import as_failure

_IDS_PER_REQUEST = 100
"""Keeps the URL below 2,000 characters, which every server takes."""

_Found = Mapping[str, Answered[Json] | Exception]
"""Media id to what the API said of it, or why it said nothing; missing if it has none."""


class MediaHandler:
    """Files were added: asks for all of a group's files at once."""

    name = "media"
    event_types = frozenset({"PROJECT_FILE_ADDED"})
    event_prefixes: tuple[str, ...] = ()

    def __init__(self, rows: RowMaker) -> None:
        self._rows = rows

    async def handle(
        self, project_id: str, events: Sequence[Event], reader: ClaimxReader
    ) -> Sequence[Handled]:
        """Return the file, the project and its contacts for each event."""

        async def of_all(ids: Mapping[int, Sequence[Event]]) -> list[Handled]:
            async def fetch(reader: ClaimxReader) -> tuple[_Found, ProjectAnswer]:
                number = numeric_id("project_id", project_id, events[0].event_type)
                return await both(self._media(reader, number, list(ids)), reader.project(number))

            def build(event: Event, found: tuple[_Found, ProjectAnswer]) -> EntityRows:
                return self._entities(event, int(project_id), *found)

            wanted = [event for same in ids.values() for event in same]
            return await shared(wanted, reader, fetch, build)

        return await sorted_out("media_id", events, of_all)

    async def _media(self, reader: ClaimxReader, project: int, ids: Sequence[int]) -> _Found:
        parts = [
            self._part(reader, project, ids[start : start + _IDS_PER_REQUEST])
            for start in range(0, len(ids), _IDS_PER_REQUEST)
        ]
        found: dict[str, Answered[Json] | Exception] = {}
        for part in await asyncio.gather(*parts):
            found.update(part)
        return found

    async def _part(self, reader: ClaimxReader, project: int, ids: Sequence[int]) -> _Found:
        try:
            answer = await reader.media(project, ids)
        except BaseException as error:  # noqa: BLE001 - reported as the outcome of these files' events
            failed = as_failure(error)
            return {str(media_id): failed for media_id in ids}
        found: dict[str, Answered[Json] | Exception] = {}
        for item in answer.body:
            media_id = media_id_of(item, self._rows.unreadable)
            if media_id is not None:
                found[media_id] = Answered(item, answer.answered_at)
        return found

    def _entities(
        self, event: Event, project_id: int, media: _Found, project: ProjectAnswer
    ) -> EntityRows:
        media_id = str(int(event.media_id or ""))
        found = media.get(media_id)
        if found is None:
            raise RecordError(
                f"media {media_id} is not among the files that the API names "
                f"for project {project_id}"
            )
        if isinstance(found, Exception):
            raise found
        entities = self._rows.project(event, project, project_id)
        origin = self._rows.origin(event, found.answered_at)
        entities.media = [media_row(found.body, media_id, str(project_id), origin)]
        return entities
