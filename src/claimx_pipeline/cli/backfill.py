"""``claimx-run backfill``: the events of files or of a table, at a rate, beside what is live."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated

import typer

from claimx_pipeline import operations
from claimx_pipeline.cli import completing
from claimx_pipeline.cli.context import CommandLine
from claimx_pipeline.cli.process_log import Say, process_log

if TYPE_CHECKING:
    from claimx_pipeline.operations import Backfill, Running
    from claimx_pipeline.pipeline import Pipeline

PROGRESS_SECONDS = 5.0
"""Between two lines about the progress."""

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command()
def backfill(
    context: typer.Context,
    path: Annotated[
        str, typer.Argument(help="A file, a folder, a pattern in quotes, or a Delta table.")
    ],
    rate: Annotated[
        float | None,
        typer.Option(help="Events per second, at most.", min=0.001, show_default="no limit"),
    ] = None,
    column: Annotated[
        str | None,
        typer.Option(help="Column of a table that holds the event.", show_default="whole row"),
    ] = None,
    version: Annotated[
        int | None,
        typer.Option(help="Version of a Delta table.", min=0, show_default="newest"),
    ] = None,
    type_: Annotated[
        str | None,
        typer.Option("--type", help="files, parquet or delta.", show_default="by what is there"),
    ] = None,
    topic: Annotated[
        str | None,
        typer.Option(
            help="Raw topic of the events.",
            autocompletion=completing.topics,
            show_default="of the first domain",
        ),
    ] = None,
    again: Annotated[
        bool, typer.Option("--again", help="Begin at the beginning, not where it has ended.")
    ] = False,
) -> None:
    """Publish every event of files or of a table, and stop.

    It can be stopped at any time: called again with the same options it goes on where it was.
    Events keep their ids, so what is published twice is stored once.
    """
    command_line: CommandLine = context.obj
    source = operations.backfill_of(
        path, rate=rate, type_=type_, topic=topic, column=column, version=version
    )
    pipeline = command_line.starting([source.worker], overrides=source.overrides)
    with process_log(pipeline) as say:
        asyncio.run(_run(pipeline, source, path, say, again=again))


async def _run(pipeline: Pipeline, source: Backfill, path: str, say: Say, *, again: bool) -> None:
    await operations.create_topics(pipeline)
    if again:
        await operations.restart_source(pipeline, source.name)
    async with operations.running(pipeline, source.worker, signals=True) as run:
        telling = asyncio.create_task(_tell(pipeline, run, say))
        try:
            await run.until_idle()
        finally:
            telling.cancel()
        ended = not run.stopping
    (done,) = run.done()
    dead = f", {done.dead} of them dead letters: see 'claimx-run dlq list'" if done.dead else ""
    say(f"published {done.records - done.dead} events of {path}{dead}")
    if not ended:
        say("not at the end yet; call it again with the same options to go on")
    elif not done.records:
        say("everything was published before; publish it again with --again")


async def _tell(pipeline: Pipeline, run: Running, say: Say) -> None:
    """Print how many events were published, every few seconds."""
    before, clock = 0, pipeline.clock
    while True:
        await clock.sleep(PROGRESS_SECONDS)
        done = sum(each.records for each in run.done())
        say(f"{done} events published, {(done - before) / PROGRESS_SECONDS:.0f} a second")
        before = done
