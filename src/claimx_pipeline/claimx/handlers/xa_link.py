"""Notes that linking a project to XactAnalysis failed; makes no request."""

from __future__ import annotations

from collections.abc import Sequence

from claimx_pipeline.claimx.entities import EntityRows
from claimx_pipeline.claimx.entities.project import autolink_failure_row
from claimx_pipeline.claimx.events import Event
from claimx_pipeline.claimx.handlers.group import RowMaker, numeric_id, shared
from claimx_pipeline.claimx.handlers.protocol import Handled
from claimx_pipeline.claimx.reader import ClaimxReader


class XaLinkHandler:
    """Automatic linking to XactAnalysis failed: notes that and when in the project."""

    name = "xa_link"
    event_types = frozenset({"PROJECT_AUTO_XA_LINKING_UNSUCCESSFUL"})
    event_prefixes: tuple[str, ...] = ()

    def __init__(self, rows: RowMaker) -> None:
        self._rows = rows

    async def handle(
        self, project_id: str, events: Sequence[Event], reader: ClaimxReader
    ) -> Sequence[Handled]:
        """Return a project's row with nothing but the failure for each event."""

        async def fetch(_reader: ClaimxReader) -> int:
            return numeric_id("project_id", project_id, events[0].event_type)

        def build(event: Event, number: int) -> EntityRows:
            origin = self._rows.origin(event, None)
            return EntityRows(projects=[autolink_failure_row(str(number), origin)])

        return await shared(events, reader, fetch, build)
