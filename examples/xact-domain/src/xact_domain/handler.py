"""What becomes of an event: nothing is asked, and every attachment is accounted for."""

from collections.abc import Sequence

from claimx_pipeline.domain import HandledRows, RowsByKind, rows_of
from xact_domain.events import XactEvent, is_link
from xact_domain.settings import NAME


@rows_of(())
class XactRows(RowsByKind):
    """The domain has no entities: all that it knows is in its events."""


class AttachmentsHandler:
    """Takes every event, and says which of its attachments cannot be fetched."""

    name = NAME
    event_types = frozenset[str]()
    event_prefixes: tuple[str, ...] = ("",)
    """Every event type begins with it."""

    async def handle(
        self, key: str, events: Sequence[XactEvent], reader: None
    ) -> list[HandledRows]:
        """Return no rows, and the note for the event log."""
        return [HandledRows(XactRows(), note=not_taken(event)) for event in events]


def not_taken(event: XactEvent) -> str:
    """Return why attachments of *event* are not fetched; empty if all are."""
    given = event.given_attachments
    if event.unreadable:
        return "data is not a JSON object; attachments, if there are any, are not fetched"
    if given and not event.assignment_id:
        return f"{len(given)} attachment(s) are not fetched: the event has no assignmentId"
    if wrong := [each for each in given if not is_link(each)]:
        return f"{len(wrong)} of {len(given)} attachment(s) are not fetched: they are not links"
    return ""
