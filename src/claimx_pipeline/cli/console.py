"""``claimx-run console``: the web console in the foreground."""

from __future__ import annotations

import asyncio
import signal
from typing import TYPE_CHECKING, Annotated

import typer
from attrs import evolve

from claimx_pipeline.cli.context import CommandLine
from claimx_pipeline.hooks.output import note

if TYPE_CHECKING:
    from claimx_pipeline.pipeline import Pipeline
    from claimx_pipeline.settings.tree.console import ConsoleSettings

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command()
def console(
    context: typer.Context,
    *,
    host: Annotated[
        str | None, typer.Option(help="Address to listen on instead of console.host.")
    ] = None,
    port: Annotated[
        int | None, typer.Option(help="Port instead of console.port; 0 for any.", min=0, max=65535)
    ] = None,
    allow_changes: Annotated[
        bool, typer.Option("--allow-changes", help="Let dead letters be replayed, offsets moved.")
    ] = False,
    show_personal_data: Annotated[
        bool, typer.Option("--show-personal-data", help="Show and export what is a person's.")
    ] = False,
) -> None:
    """Serve pages for operators until Ctrl-C: the flow, topics, dead letters, offsets, tables.

    Only this machine reaches it unless console.host says otherwise; then console.token is needed.
    It only reads, and hides personal data, unless the options or the settings allow more.

    Example: claimx-run console --allow-changes
    """
    command_line: CommandLine = context.obj
    pipeline = command_line.pipeline()
    settings = pipeline.settings.console
    settings = evolve(
        settings,
        host=settings.host if host is None else host,
        port=settings.port if port is None else port,
        allow_changes=settings.allow_changes or allow_changes,
        show_personal_data=settings.show_personal_data or show_personal_data,
    )
    asyncio.run(_until_signal(pipeline, settings))


async def _until_signal(pipeline: Pipeline, settings: ConsoleSettings) -> None:
    from claimx_pipeline.console.server import ConsoleServer

    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGINT, signal.SIGTERM):
        loop.add_signal_handler(number, stop.set)
    async with ConsoleServer(pipeline, settings) as server:
        note(f"console at {server.url}; Ctrl-C ends")
        await stop.wait()
