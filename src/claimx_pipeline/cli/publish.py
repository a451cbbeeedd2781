"""``claimx-run publish``: events from a file, or records of one's own for any topic."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from claimx_pipeline import operations
from claimx_pipeline.cli import completing
from claimx_pipeline.cli.context import CommandLine
from claimx_pipeline.cli.live import following
from claimx_pipeline.errors import UsageError
from claimx_pipeline.hooks.output import note, print_json, warn
from claimx_pipeline.operations.names import one_domain
from claimx_pipeline.system_errors import reason_of
from claimx_pipeline.topics import BRAND

if TYPE_CHECKING:
    from claimx_pipeline.operations import RefusedLine
    from claimx_pipeline.pipeline import Pipeline

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
    domain: Annotated[
        str | None,
        typer.Option(
            help=f"Domain of the events; {BRAND} if not given.", autocompletion=completing.domains
        ),
    ] = None,
    topic: Annotated[
        str | None,
        typer.Option(
            help="Publish to this topic instead, as records that are taken as they are.",
            autocompletion=completing.topics,
        ),
    ] = None,
    key: Annotated[str | None, typer.Option(help="With --topic: key of every record.")] = None,
    key_from: Annotated[
        str | None,
        typer.Option(metavar="PATH", help="With --topic: where in each value its key is."),
    ] = None,
    header: Annotated[
        list[str] | None,
        typer.Option(metavar="NAME=TEXT", help="With --topic: a header; may be repeated."),
    ] = None,
    again: Annotated[
        bool,
        typer.Option("--again", help="Have their files fetched that are stored already, too."),
    ] = False,
    dry_run: Annotated[
        bool, typer.Option("--dry-run", help="With --topic: only show what would be published.")
    ] = False,
    yes: Annotated[bool, typer.Option("--yes", "-y", help="With --topic: do not ask.")] = False,
    json: Annotated[bool, typer.Option("--json", help="Print the outcome as JSON.")] = False,
) -> None:
    """Publish events, one JSON object per line.

    A JSON array, objects that are spread over lines, gzip and UTF-16 are read as well. A line
    that is not a valid event, or is larger than broker.max_record_bytes, is reported with its
    number and left out; the others are published. Ends with 1 if a line was left out.

    With --topic the values go to any topic as they are; what would be done is shown first.
    """
    from claimx_pipeline.cli.publish_records import Options, publish_records

    command_line: CommandLine = context.obj
    pipeline = command_line.pipeline()
    options = Options(key, key_from, tuple(header or ()), dry_run, yes, json)
    if topic is None:
        options.refuse_without_topic()
        _publish_events(pipeline, file, domain or BRAND, again=again, json=json)
    elif again:
        raise UsageError("--again is for events; leave out --topic, or --again for records")
    elif domain is not None:
        raise UsageError("--domain and --topic both say where to publish to; give one of them")
    else:
        publish_records(pipeline, topic, file, options)


def _publish_events(
    pipeline: Pipeline, file: Path, domain: str, *, again: bool, json: bool
) -> None:
    one_domain(pipeline, domain)
    try:
        with following(pipeline.clock) as say:
            done = asyncio.run(
                operations.publish_events(
                    pipeline,
                    lines_of(file),
                    domain,
                    fetch_again=again,
                    on_part=lambda count, of: say(f"published {count:,} of {of:,} events"),
                )
            )
    except UsageError as error:
        raise UsageError(f"{file} {error}") from error
    note_refused(file, done.refused)
    if json:
        refused = [{"line": each.line, "reason": each.reason} for each in done.refused]
        print_json({"published": done.published, "refused": refused})
    else:
        left_out = f", left out {len(done.refused)}" if len(done.refused) else ""
        note(f"published {done.published} events{left_out}")
    if len(done.refused) and not done.published:
        warn(f"{file} holds no event; publish reads JSON objects, one per line or in an array")
    if len(done.refused):
        raise typer.Exit(1)


def note_refused(file: Path, refused: Sequence[RefusedLine]) -> None:
    """Say which lines are left out, and why."""
    for each in refused[:SHOWN]:
        warn(f"{file}:{each.line}: {each.reason}")
    if len(refused) > SHOWN:
        warn(f"{file}: {len(refused) - SHOWN} more lines are left out")


def lines_of(file: Path) -> Iterator[bytes]:
    """Yield the lines of a file, or of standard input."""
    if str(file) == "-":
        yield from sys.stdin.buffer
        return
    try:
        with file.open("rb") as lines:
            yield from lines
    except OSError as error:
        raise UsageError(f"cannot be read: {reason_of(error)}") from error
