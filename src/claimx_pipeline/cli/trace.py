"""``claimx-run trace``: every station of an event, and where it is now."""

from __future__ import annotations

import asyncio
import sys
import textwrap
from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime
from typing import TYPE_CHECKING, Annotated

import typer

from claimx_pipeline import operations
from claimx_pipeline.cli.context import CommandLine
from claimx_pipeline.cli.program import typed
from claimx_pipeline.hooks.drawing import terminal_width
from claimx_pipeline.hooks.output import note, print_json

if TYPE_CHECKING:
    from pathlib import Path

    from claimx_pipeline.operations import Station, Trace

app = typer.Typer(add_completion=False, rich_markup_mode=None)


_INDENT = " " * 36
"""Below the kind of a station."""


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
    every: Annotated[
        bool, typer.Option("--all", help="Show every station, of several events too.")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Find every station of an event in time order, and say where it is now and what to do.

    Stations are records of all topics and rows of all tables. Of several events, say those of a
    project, each is one entry. Ends with 1 if nothing is found, or something is dead.
    """
    command_line: CommandLine = context.obj
    found = asyncio.run(operations.trace(command_line.pipeline(), subject, probes=probe or ()))
    if json:
        print_json(found.as_json())
    else:
        lines = (
            line
            for each in _lines(found, command_line.config, every=every)
            for line in _folded(each)
        )
        sys.stdout.write("\n".join(lines) + "\n")
        if len(found.events) > 1 and not every:
            note(f"{len(found.stations)} stations (--all shows them); or trace one of the events")
        for text in found.notes:
            note(text)
        if found.cut:
            note("there is more than was looked at; trace one of the events")
    if not found.found or any(each.state == "dead" for each in found.now):
        raise typer.Exit(1)


def _lines(found: Trace, config: Path | None, *, every: bool) -> Iterator[str]:
    """Yield every station, or a line per event if there are several, and where things are now."""
    if every or len(found.events) < 2:  # noqa: PLR2004 - several
        before: datetime | None = None
        for station in found.stations:
            yield from _station(station, before, several=len(found.events) > 1)
            before = station.at or before
    else:
        yield from _events(found)
    if found.stations:
        yield ""
    for each in found.now:
        since = f" (since {each.since:%Y-%m-%d %H:%M:%S} UTC)" if each.since else ""
        yield f"NOW {each.state}: {each.what}{since}"
        if each.remedy:
            yield f"    {typed(each.remedy, config)}"


def _events(found: Trace) -> Iterator[str]:
    """Yield what each event is, where it was seen last, and its id, whole, on a line of its own."""
    stations: defaultdict[str, list[Station]] = defaultdict(list)
    for station in found.stations:
        stations[station.event_id].append(station)
    for event in found.events:
        seen = stations[event]
        raw = next((each for each in seen if each.kind == "raw event"), seen[0])
        about = raw.about if raw.kind == "raw event" else raw.kind
        last = f"{seen[-1].kind} {seen[-1].where}"
        yield f"{_time(raw)}  {about}"
        yield f"    {event}"
        yield f"    {len(seen)} stations, the last: {last}"
    if others := len(stations.pop("", ())):
        yield f"{others} stations are of no single event"


def _time(station: Station) -> str:
    return f"{station.at:%Y-%m-%d %H:%M:%S.%f}"[:23] if station.at else "(no time)".ljust(23)


def _station(station: Station, before: datetime | None, *, several: bool) -> Iterator[str]:
    """Yield what is known of a station; an id that it names itself is not said once more."""
    between = f"+{(station.at - before).total_seconds():.3f}s" if station.at and before else ""
    named = station.event_id and station.event_id not in station.about
    of = f" of event {station.event_id}" if several and named else ""
    yield f"{_time(station)} {between:>10}  {station.kind}{of}: {station.about}"
    yield f"{_INDENT}{station.where}"
    for reader in station.readers:
        if not reader.done:
            queue = f", {reader.before} before it" if reader.before else ""
            yield f"{_INDENT}not read by {reader.worker} yet{queue}"


def _folded(line: str) -> list[str]:
    """Return *line* as it fits a terminal, its indent kept; elsewhere as it is."""
    wide = terminal_width()
    if not sys.stdout.isatty() or len(line) <= wide:
        return [line]
    indent = " " * (len(_INDENT) if wide > 2 * len(_INDENT) and line[:1].isdigit() else 4)
    return textwrap.wrap(
        line, wide, subsequent_indent=indent, break_long_words=False, break_on_hyphens=False
    )
