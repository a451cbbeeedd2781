"""Every station of an event, and where it is now."""

from __future__ import annotations

from datetime import datetime
from typing import TYPE_CHECKING, Any

from starlette.requests import Request
from starlette.responses import Response

from claimx_pipeline import operations
from claimx_pipeline.console.access import note_view
from claimx_pipeline.console.rendering import Console

if TYPE_CHECKING:
    from collections.abc import Iterator

    from claimx_pipeline.operations import Station


async def trace(request: Request) -> Response:
    """Follow an event, a project, an assignment, a file or a correlation id."""
    console = Console.of(request)
    subject = request.query_params.get("id", "").strip()
    found = await operations.trace(console.pipeline, subject) if subject else None
    if found and found.stations and console.settings.show_personal_data:
        note_view(request, f"trace of {subject}")
    return console.page(
        request,
        "trace.html",
        subject=subject,
        found=found,
        stations=list(_with_times(console, found.stations)) if found else [],
    )


def _with_times(console: Console, stations: Any) -> Iterator[dict[str, Any]]:
    """Yield each station with the seconds since the one before."""
    before: datetime | None = None
    for station in stations:
        since = (station.at - before).total_seconds() if station.at and before else None
        yield _shown(console, station, since)
        before = station.at or before


def _shown(console: Console, station: Station, since: float | None) -> dict[str, Any]:
    return {
        "at": station.at,
        "since": since,
        "kind": station.kind,
        "where": station.where,
        "about": console.hide_text(station.about),
        "event_id": station.event_id,
        "waiting": [each for each in station.readers if not each.done],
    }
