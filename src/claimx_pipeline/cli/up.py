"""``claimx-run up``: every worker in one process."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer

from claimx_pipeline import operations
from claimx_pipeline.cli.context import CommandLine

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command()
def up(
    context: typer.Context,
    until_idle: Annotated[
        bool, typer.Option("--until-idle", help="Stop when nothing is left to do.")
    ] = False,
    strict: Annotated[
        bool,
        typer.Option("--strict", help="With --until-idle: end with 1 if a record died or waits."),
    ] = False,
    console: Annotated[
        bool, typer.Option("--console", help="Serve the web console too, as console.with_up does.")
    ] = False,
) -> None:
    """Run every worker in this process, creating topics and tables that are missing.

    Meant for one machine; in production each worker is a process of its own
    ('claimx-run worker NAME').
    """
    from claimx_pipeline.cli.running import run_workers

    command_line: CommandLine = context.obj
    pipeline = command_line.starting(every=True)
    asyncio.run(operations.create_all(pipeline))
    console = console or pipeline.settings.console.with_up
    workers = [*pipeline.workers.values()]
    run_workers(pipeline, workers, until_idle=until_idle, strict=strict, console=console)
