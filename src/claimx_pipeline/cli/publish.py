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

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command()
def publish(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="One JSON event per line; - for standard input.")],
    json: Annotated[bool, typer.Option("--json", help="Print the outcome as JSON.")] = False,
) -> None:
    """Publish events, one JSON object per line.

    A line that is not a valid event, or is larger than broker.max_record_bytes, is reported with
    its number and left out; the others are published. Ends with 1 if a line was left out.
    """
    command_line: CommandLine = context.obj
    pipeline = command_line.pipeline()
    done = asyncio.run(operations.publish_events(pipeline, _lines(file)))
    for each in done.refused:
        note(f"{file}:{each.line}: {each.reason}")
    if json:
        refused = [{"line": each.line, "reason": each.reason} for each in done.refused]
        print_json({"published": done.published, "refused": refused})
    else:
        left_out = f", left out {len(done.refused)}" if done.refused else ""
        note(f"published {done.published} events{left_out}")
    if done.refused:
        raise typer.Exit(1)


def _lines(file: Path) -> Iterator[bytes]:
    if str(file) == "-":
        yield from sys.stdin.buffer
        return
    try:
        with file.open("rb") as lines:
            yield from lines
    except OSError as error:
        raise UsageError(f"{file} cannot be read: {error.strerror}") from error
