"""``claimx-run publish``: events from a file onto the topic of raw events."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from claimx_pipeline.cli.context import CommandLine
from claimx_pipeline.cli.output import note, print_json
from claimx_pipeline.errors import DecodeError, UsageError

if TYPE_CHECKING:
    from claimx_pipeline.broker.protocol import OutRecord
    from claimx_pipeline.pipeline import Pipeline

app = typer.Typer(add_completion=False, rich_markup_mode=None)

BATCH = 1000


@app.command()
def publish(
    context: typer.Context,
    file: Annotated[Path, typer.Argument(help="One JSON event per line; - for standard input.")],
    json: Annotated[bool, typer.Option("--json", help="Print the outcome as JSON.")] = False,
) -> None:
    """Publish events, one JSON object per line.

    A line that is no event is reported with its number and left out; the others are
    published. Ends with 1 if a line was left out.
    """
    command_line: CommandLine = context.obj
    pipeline = command_line.pipeline()
    refused: list[dict[str, object]] = []
    records = list(_records(_lines(file), refused))
    published = asyncio.run(publish_events(pipeline, records)) if records else 0
    for line in refused:
        note(f"{file}:{line['line']}: {line['reason']}")
    if json:
        print_json({"published": published, "refused": refused})
    else:
        note(f"published {published} events" + (f", left out {len(refused)}" if refused else ""))
    if refused:
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


def _records(lines: Iterator[bytes], refused: list[dict[str, object]]) -> Iterator[OutRecord]:
    """Yield a record per good line; note the bad ones in *refused*."""
    from claimx_pipeline.broker.protocol import OutRecord
    from claimx_pipeline.claimx.events import decode_event
    from claimx_pipeline.topics import EVENTS_RAW

    for number, line in enumerate(lines, 1):
        value = line.strip()
        if not value:
            continue
        try:
            event = decode_event(value, 0)
        except DecodeError as error:
            refused.append({"line": number, "reason": str(error)})
            continue
        yield OutRecord(EVENTS_RAW.name, value, event.project_id.encode())


async def publish_events(pipeline: Pipeline, records: list[OutRecord]) -> int:
    """Publish *records*, by logical topic name; return how many were acknowledged."""
    from attrs import evolve

    producer = pipeline.broker().producer()
    await producer.start()
    try:
        for start in range(0, len(records), BATCH):
            batch = records[start : start + BATCH]
            named = [
                evolve(record, topic=pipeline.topology.physical(record.topic)) for record in batch
            ]
            await producer.publish(named)
    finally:
        await producer.close()
    return len(records)
