"""Enriches files that were added to a project."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence

from attrs import frozen

from claimx_pipeline.claimx.api import Json
from claimx_pipeline.claimx.entities import EntityRows
from claimx_pipeline.claimx.entities.media import media_id_of, media_row
from claimx_pipeline.claimx.events import Event
from claimx_pipeline.claimx.handlers.group import RowMaker, numeric_id, shared
from claimx_pipeline.claimx.handlers.protocol import Handled
from claimx_pipeline.claimx.reader import ClaimxReader, ProjectAnswer, both
from claimx_pipeline.connections.answer import Answered
from claimx_pipeline.domain.incomplete import IncompleteError
from claimx_pipeline.errors import Category, RecordError
from claimx_pipeline.isolation import as_failure

_IDS_PER_REQUEST = 100
"""Keeps the URL below 2,000 characters, which every server takes."""

_LONGEST_SHOWN = 60

_Found = Mapping[str, Answered[Json] | Exception]
"""Media id to what the API said of it, or why it said nothing; missing if it has none."""


_NAMED = 10
"""Ids that an error's text names."""


@frozen
class _Wanted:
    """The files that an event names."""

    ids: tuple[int, ...]
    unusable: tuple[str, ...]
    """Ids that the API cannot know."""


def _wanted(event: Event) -> _Wanted:
    """Return the files that *event* names, each once.

    Raises:
        RecordError: It names none that the API can know; permanent.
    """
    single = () if event.media_id is None else (event.media_id,)
    named = dict.fromkeys((*single, *event.media_ids))
    if len(named) < 2:  # noqa: PLR2004 - several
        return _Wanted((numeric_id("media_id", next(iter(named), None), event.event_type),), ())
    ids, unusable = [], []
    failed: RecordError | None = None
    for name in named:
        try:
            ids.append(numeric_id("media_ids", name, event.event_type))
        except RecordError as error:
            failed = error
            unusable.append(name[:_LONGEST_SHOWN])
    if failed is not None and not ids:
        raise failed
    return _Wanted(tuple(dict.fromkeys(ids)), tuple(unusable))


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
        """Return the files, the project and its contacts for each event.

        An event of several files of which the API names only some fails with an
        ``IncompleteError`` that holds the rows of those.
        """
        results: dict[int, Handled] = {}
        wanted: dict[int, _Wanted] = {}
        for position, event in enumerate(events):
            try:
                wanted[position] = _wanted(event)
            except RecordError as error:
                results[position] = Handled(error=error)
        if wanted:
            handled = await self._together(project_id, events, wanted, reader)
            results.update(zip(wanted, handled, strict=True))
        return [results[position] for position in range(len(events))]

    async def _together(
        self,
        project_id: str,
        events: Sequence[Event],
        wanted: Mapping[int, _Wanted],
        reader: ClaimxReader,
    ) -> list[Handled]:
        """Return what became of the events at the positions of *wanted*, asked about at once."""
        ids = list(dict.fromkeys(one for each in wanted.values() for one in each.ids))

        async def fetch(reader: ClaimxReader) -> tuple[_Found, ProjectAnswer]:
            number = numeric_id("project_id", project_id, events[0].event_type)
            return await both(self._media(reader, number, ids), reader.project(number))

        def build(position: int, found: tuple[_Found, ProjectAnswer]) -> EntityRows:
            return self._entities(events[position], wanted[position], int(project_id), *found)

        return await shared(list(wanted), reader, fetch, build)

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
        self,
        event: Event,
        wanted: _Wanted,
        project_id: int,
        media: _Found,
        project: ProjectAnswer,
    ) -> EntityRows:
        entities = self._rows.project(event, project, project_id)
        missing = []
        for media_id in map(str, wanted.ids):
            found = media.get(media_id)
            if isinstance(found, Exception):
                raise found
            if found is None:
                missing.append(media_id)
                continue
            origin = self._rows.origin(event, found.answered_at)
            entities.media.append(media_row(found.body, media_id, str(project_id), origin))
        if not missing and not wanted.unusable:
            return entities
        reason = (
            f"media {_few([*missing, *wanted.unusable])} is not among the files that the API "
            f"names for project {project_id}"
        )
        if not entities.media:
            raise RecordError(reason)
        # The API names others of the same event: what it does not name yet it may name later.
        category = Category.TRANSIENT if missing else Category.PERMANENT
        found_of = f"{len(entities.media)} of {len(wanted.ids) + len(wanted.unusable)}"
        raise IncompleteError(f"{reason}; {found_of} files were found", category, entities)


def _few(ids: Sequence[str]) -> str:
    more = len(ids) - _NAMED
    return ", ".join(ids[:_NAMED]) + (f" and {more} more" if more > 0 else "")
