"""``claimx-run status``: how everything is, in one screen."""

from __future__ import annotations

import asyncio
import contextlib
import sys
from typing import TYPE_CHECKING, Annotated

import typer

from claimx_pipeline import operations
from claimx_pipeline.cli.context import CommandLine
from claimx_pipeline.hooks.output import print_json

if TYPE_CHECKING:
    from collections.abc import Sequence


app = typer.Typer(add_completion=False, rich_markup_mode=None)

RATE_SECONDS = 1.0
"""Between the two looks from which rates are known."""
CLEAR = "\x1b[2J\x1b[H"


@app.command()
def status(
    context: typer.Context,
    watch: Annotated[bool, typer.Option("--watch", help="Look again until Ctrl-C.")] = False,
    interval: Annotated[
        float, typer.Option(min=0.2, help="With --watch: seconds between looks.")
    ] = 2.0,
    probe: Annotated[
        list[str] | None,
        typer.Option(
            metavar="http://HOST:PORT",
            help="Health server of a process; may be repeated. Without, those of this machine.",
        ),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Show workers and what they wait for, retries, dead letters and tables, in one screen.

    Ends with 1 if a worker waits, has failed, or is not ready for another reason.
    """
    command_line: CommandLine = context.obj
    ready = asyncio.run(_show(command_line, probe or (), watch=watch, interval=interval, json=json))
    if not ready:
        raise typer.Exit(1)


async def _show(
    command_line: CommandLine,
    probes: Sequence[str],
    *,
    watch: bool,
    interval: float,
    json: bool,
) -> bool:
    """Print looks until they end or a signal comes; return whether the last was well."""
    from claimx_pipeline.cli.status_screen import screen
    from claimx_pipeline.runtime.process import stop_on_signals

    ready, pipeline, config = True, command_line.pipeline(), command_line.config

    async def look() -> None:
        nonlocal ready
        before = await operations.look_at_status(pipeline, probes=probes)
        while True:
            await pipeline.clock.sleep(interval if watch else RATE_SECONDS)
            before = await operations.look_at_status(pipeline, before, probes=probes)
            ready = before.ready
            if json:
                print_json(before.as_json())
            else:
                clear = CLEAR if watch and sys.stdout.isatty() else ""
                sys.stdout.write(clear + screen(before, config) + "\n")
            sys.stdout.flush()
            if not watch:
                return

    task = asyncio.create_task(look())

    def stop() -> None:
        task.cancel()

    async with stop_on_signals(stop):
        with contextlib.suppress(asyncio.CancelledError):  # a signal ends the watching
            await task
    return ready
