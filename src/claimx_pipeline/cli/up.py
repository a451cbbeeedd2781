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
) -> None:
    """Run every worker in this process, creating topics and tables that are missing.

    Meant for one machine; in production each worker is a process of its own
    ('claimx-run worker NAME').
    """
    from claimx_pipeline.cli.running import run_workers

    command_line: CommandLine = context.obj
    pipeline = command_line.starting(every=True)
    asyncio.run(operations.create_all(pipeline))
    run_workers(pipeline, [*pipeline.workers.values()], until_idle=until_idle)
