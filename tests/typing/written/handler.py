"""A handler: how events of a type of one's own are enriched."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from claimx_pipeline import (
    Category,
    Clock,
    EntityRows,
    Event,
    Handled,
    Handler,
    RecordError,
    Settings,
    hookimpl,
)


class NoteHandler:
    name = "acme_notes"
    event_types = frozenset({"ACME_NOTE_ADDED"})
    event_prefixes: tuple[str, ...] = ()

    async def handle(
        self, project_id: str, events: Sequence[Event], reader: object
    ) -> Sequence[Handled]:
        return [self.handled(project_id, event) for event in events]

    def handled(self, project_id: str, event: Event) -> Handled:
        if event.media_id is None:
            error = RecordError("the note has no file", Category.PERMANENT)
            return Handled(error=error)
        rows = EntityRows(projects=[{"project_id": project_id}])
        return Handled(rows, api_calls=1)


@hookimpl
def claimx_register_handlers(settings: Settings, clock: Clock) -> Iterable[Handler]:
    return [NoteHandler()]
