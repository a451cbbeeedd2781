"""``claimx-run publish``: events from a file onto the topic of raw events."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

import typer

from claimx_pipeline import operations
from claimx_pipeline.cli.context import CommandLine
from claimx_pipeline.errors import UsageError
from claimx_pipeline.hooks.output import note, print_json
from claimx_pipeline.operations.names import one_domain
from claimx_pipeline.topics import BRAND

SHOWN = 20
"""Lines that are not events are reported up to this number, and counted beyond."""

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command()
def publish(
    context: typer.Context,
    file: Annotated[
        Path,
        typer.Argument(
            help="JSON events, one per line or in an array, also gzip; - for standard input."
        ),
    ],
    domain: Annotated[str, typer.Option(help="Domain of the events.")] = BRAND,
    json: Annotated[bool, typer.Option("--json", help="Print the outcome as JSON.")] = False,
) -> None:
    """Publish events, one JSON object per line.

    A JSON array, objects that are spread over lines, gzip and UTF-16 are read as well. A line
    that is not a valid event, or is larger than broker.max_record_bytes, is reported with its
    number and left out; the others are published. Ends with 1 if a line was left out.
    """
    command_line: CommandLine = context.obj
    pipeline = command_line.pipeline()
    one_domain(pipeline, domain)
    try:
        done = asyncio.run(operations.publish_events(pipeline, _lines(file), domain))
    except UsageError as error:
        raise UsageError(f"{file} {error}") from error
    for each in done.refused[:SHOWN]:
        note(f"{file}:{each.line}: {each.reason}")
    if len(done.refused) > SHOWN:
        note(f"{file}: {len(done.refused) - SHOWN} more lines are not events")
    if json:
        refused = [{"line": each.line, "reason": each.reason} for each in done.refused]
        print_json({"published": done.published, "refused": refused})
    else:
        left_out = f", left out {len(done.refused)}" if len(done.refused) else ""
        note(f"published {done.published} events{left_out}")
    if len(done.refused) and not done.published:
        note(f"{file} holds no event; publish reads JSON objects, one per line or in an array")
    if len(done.refused):
        raise typer.Exit(1)


def _lines(file: Path) -> Iterator[bytes]:
    if str(file) == "-":
        yield from sys.stdin.buffer
        return
    try:
        with file.open("rb") as lines:
            yield from lines
    except OSError as error:
        raise UsageError(f"cannot be read: {error.strerror}") from error
