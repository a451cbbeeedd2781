"""``claimx-run verify``: marked events through the user's own settings, end to end."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from claimx_pipeline import operations
from claimx_pipeline.cli import completing
from claimx_pipeline.cli.context import CommandLine
from claimx_pipeline.errors import UsageError
from claimx_pipeline.hooks.output import note, print_json, warn
from claimx_pipeline.system_errors import reason_of
from claimx_pipeline.topics import BRAND

if TYPE_CHECKING:
    from claimx_pipeline.operations import Verified

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command()
def verify(
    context: typer.Context,
    project: Annotated[
        str, typer.Option(help="What the events are about; the service must know it.")
    ],
    domain: Annotated[
        str, typer.Option(help="Domain of the events.", autocompletion=completing.domains)
    ] = BRAND,
    events: Annotated[
        Path | None, typer.Option(help="Events to send instead, one JSON object per line.")
    ] = None,
    out: Annotated[Path, typer.Option(help="Folder for what would have been sent.")] = Path(
        "claimx-verify"
    ),
    send: Annotated[
        bool,
        typer.Option("--send", help="Let requests, webhooks and actions out, to real services."),
    ] = False,
    timeout: Annotated[float, typer.Option(min=1, help="Seconds until it ends.")] = 120.0,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Send marked events through your own settings and say what became of each.

    Topics and groups have a prefix of their own, tables and files a folder of their own; all of it
    is deleted afterwards. The API is asked for real. What would be sent to other services, by
    webhooks or as actions is written as files, unless --send is given. Ends with 1 if an event is
    not done.
    """
    command_line: CommandLine = context.obj
    pipeline = command_line.pipeline()
    verifying = operations.verify(
        pipeline,
        project,
        domain=domain,
        out=out,
        events=None if events is None else _lines(events),
        send=send,
        timeout=timeout,
    )
    done = asyncio.run(verifying)
    if json:
        print_json(done.as_json())
    else:
        _show(done)
    if not done.ok:
        raise typer.Exit(1)


def _lines(file: Path) -> list[bytes]:
    try:
        return file.read_bytes().splitlines()
    except OSError as error:
        raise UsageError(f"{file} cannot be read: {reason_of(error)}") from error


def _show(done: Verified) -> None:
    for event in done.events:
        typer.echo(f"event {event.subject}: {len(event.stations)} stations")
        for each in event.now:
            typer.echo(f"  {each.state}: {each.what}")
            if each.remedy and each.state != "done":
                typer.echo(f"      {each.remedy}")
    for table, rows in done.rows.items():
        typer.echo(f"table {table}: {rows} rows")
    for file in done.not_sent:
        typer.echo(f"not sent: {file}")
    if done.not_run:
        note(f"not run, as they would send: {', '.join(done.not_run)}; --send runs them")
    for problem in done.problems:
        warn(f"warning: {problem}")
    if done.timed_out:
        note("the time was over before everything was done; --timeout gives more")
    note("all events came through" if done.ok else "not all events came through")
