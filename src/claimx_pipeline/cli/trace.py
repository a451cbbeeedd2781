"""``claimx-run trace``: every station of an event, and where it is now."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

from claimx_pipeline import operations
from claimx_pipeline.cli.context import CommandLine
from claimx_pipeline.hooks.output import note, print_json

if TYPE_CHECKING:
    from claimx_pipeline.operations import Station, Trace

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command()
def trace(
    context: typer.Context,
    subject: Annotated[
        str,
        typer.Argument(
            metavar="ID", help="An event, a project, an assignment, a file, or a correlation id."
        ),
    ],
    probe: Annotated[
        list[str] | None,
        typer.Option(
            metavar="http://HOST:PORT",
            help="Health server of a process; may be repeated. Without, those of this machine.",
        ),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Find every station of an event in time order, and say where it is now and what to do.

    Stations are records of all topics and rows of all tables. Ends with 1 if nothing is found,
    or something is dead.
    """
    command_line: CommandLine = context.obj
    found = asyncio.run(operations.trace(command_line.pipeline(), subject, probes=probe or ()))
    if json:
        print_json(found.as_json())
    else:
        sys.stdout.write("\n".join(_lines(found)) + "\n")
        for text in found.notes:
            note(text)
        if found.cut:
            note("there is more than is shown; trace one of the events")
    if not found.found or any(each.state == "dead" for each in found.now):
        raise typer.Exit(1)


def _lines(found: Trace) -> Iterator[str]:
    several = len(found.events) > 1
    before: datetime | None = None
    for station in found.stations:
        yield from _station(station, before, several=several)
        before = station.at or before
    if found.stations:
        yield ""
    for each in found.now:
        since = f" (since {each.since:%Y-%m-%d %H:%M:%S} UTC)" if each.since else ""
        yield f"NOW {each.state}: {each.what}{since}"
        if each.remedy:
            yield f"    {each.remedy}"


def _station(station: Station, before: datetime | None, *, several: bool) -> Iterator[str]:
    time = f"{station.at:%Y-%m-%d %H:%M:%S.%f}"[:23] if station.at else "(no time)".ljust(23)
    between = f"+{(station.at - before).total_seconds():.3f}s" if station.at and before else ""
    yield f"{time} {between:>12}  {station.kind:<16} {station.where}"
    of = f"event {station.event_id}: " if several and station.event_id else ""
    yield f"{'':37} {of}{station.about}"
    for reader in station.readers:
        if not reader.done:
            queue = f", {reader.before} before it" if reader.before else ""
            yield f"{'':37} not read by {reader.worker} yet{queue}"
