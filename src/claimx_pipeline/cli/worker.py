"""``claimx-run worker``: run workers, or list them."""

from __future__ import annotations

from typing import Annotated

import typer

from claimx_pipeline.cli.context import CommandLine
from claimx_pipeline.cli.output import print_json, print_table
from claimx_pipeline.errors import UsageError

app = typer.Typer(add_completion=False, rich_markup_mode=None)

EPILOG = """Examples: 'claimx-run worker enrichment', 'claimx-run worker ingest events',
'claimx-run worker claimx --until-idle'."""


@app.command(epilog=EPILOG)
def worker(
    context: typer.Context,
    names: Annotated[
        list[str] | None, typer.Argument(help="Workers, or sets of them.", show_default=False)
    ] = None,
    list_: Annotated[bool, typer.Option("--list", help="List the workers and stop.")] = False,
    instances: Annotated[
        int, typer.Option(help="Members of each worker in this process.", min=1, max=64)
    ] = 1,
    until_idle: Annotated[
        bool, typer.Option("--until-idle", help="Stop when nothing is left to do.")
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="List as JSON.")] = False,
) -> None:
    """Run one or more workers in this process until it is told to stop.

    SIGTERM or Ctrl-C: no new records are taken, what is in flight is finished and
    committed, and the process ends with 0. Start the command again for more processes
    of one worker: they share the partitions.
    """
    command_line: CommandLine = context.obj
    if list_ or (json and not names):
        show_list(command_line, json=json)
        return
    if not names:
        raise UsageError("name a worker; 'claimx-run worker --list' shows them")
    from claimx_pipeline.cli.running import run_workers

    pipeline = command_line.pipeline()
    run_workers(pipeline, pipeline.select(names), instances=instances, until_idle=until_idle)


def show_list(command_line: CommandLine, *, json: bool) -> None:
    """Print every worker with what it reads and writes."""
    pipeline = command_line.pipeline()
    rows = [
        {
            "worker": worker.name,
            "sets": sorted(worker.sets),
            "reads": [topic.name for topic in worker.reads],
            "writes": [*(topic.name for topic in worker.writes), *worker.tables],
            "group": pipeline.topology.group(worker.group),
            "what it does": worker.summary,
        }
        for worker in pipeline.workers.values()
    ]
    if json:
        print_json(rows)
    else:
        print_table(rows, ["worker", "sets", "reads", "writes", "what it does"], "Workers")
