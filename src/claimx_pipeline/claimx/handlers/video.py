"""Enriches video calls."""

from __future__ import annotations

from collections.abc import Sequence

from claimx_pipeline.claimx.api import Json
from claimx_pipeline.claimx.entities import EntityRows
from claimx_pipeline.claimx.events import Event
from claimx_pipeline.claimx.handlers.group import RowMaker, numeric_id, shared
from claimx_pipeline.claimx.handlers.protocol import Handled
from claimx_pipeline.claimx.reader import ClaimxReader, ProjectAnswer, both
from claimx_pipeline.claimx.rows import video_of, video_row
from claimx_pipeline.connections.answer import Answered


class VideoHandler:
    """A video call was set up or held: asks for the report on the project's calls."""

    name = "video"
    event_types = frozenset({"VIDEO_COLLABORATION_INVITE_SENT", "VIDEO_COLLABORATION_COMPLETED"})
    event_prefixes: tuple[str, ...] = ()

    def __init__(self, rows: RowMaker) -> None:
        self._rows = rows

    async def handle(
        self, project_id: str, events: Sequence[Event], reader: ClaimxReader
    ) -> Sequence[Handled]:
        """Return the call, if the report has it, the project and its contacts for each event."""

        async def fetch(reader: ClaimxReader) -> tuple[Answered[list[Json]], ProjectAnswer]:
            number = numeric_id("project_id", project_id, events[0].event_type)
            return await both(reader.video(number), reader.project(number))

        def build(event: Event, found: tuple[Answered[list[Json]], ProjectAnswer]) -> EntityRows:
            report, project = found
            number = str(int(project_id))
            entities = self._rows.project(event, project, int(project_id))
            item = video_of(
                report.body, event.video_collaboration_id, number, self._rows.unreadable
            )
            origin = self._rows.origin(event, report.answered_at)
            row = video_row(item, number, origin) if item else None
            entities.video_collab = [row] if row else []
            return entities

        return await shared(events, reader, fetch, build)
