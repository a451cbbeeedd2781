"""``claimx-run worker``: run workers, list them, or show how one is made."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from claimx_pipeline.cli.context import CommandLine
from claimx_pipeline.cli.output import print_json, print_table
from claimx_pipeline.errors import UsageError

if TYPE_CHECKING:
    from claimx_pipeline.pipeline import Pipeline
    from claimx_pipeline.runtime.worker import WorkerSpec

app = typer.Typer(add_completion=False, rich_markup_mode=None)

EPILOG = """Examples: 'claimx-run worker enrichment', 'claimx-run worker ingest events',
'claimx-run worker claimx --until-idle', 'claimx-run worker show entities'."""


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
    json: Annotated[bool, typer.Option("--json", help="List or show as JSON.")] = False,
) -> None:
    """Run one or more workers in this process until it is told to stop.

    'worker show NAME' prints instead what the worker reads and writes, and its chain of
    stages with every option as the settings leave it.

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
    if names[0] == "show":
        show_workers(command_line.pipeline(), names[1:], json=json)
        return
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


def show_workers(pipeline: Pipeline, names: Sequence[str], *, json: bool) -> None:
    """Print each worker as the settings leave it, its stages and their options included."""
    if not names:
        raise UsageError("name a worker to show; 'claimx-run worker --list' lists them")
    shown = [described(worker, pipeline) for worker in pipeline.select(names)]
    if json:
        print_json(shown)
        return
    for facts in shown:
        chain = facts.pop("stages")
        facts_of = ({"of": key, "is": value} for key, value in facts.items())
        print_table(facts_of, ["of", "is"], facts["worker"])
        options = [
            {
                "stage": f"{number} {each['type']}",
                "option": option,
                "is": value,
                "from": each["from"],
            }
            for number, each in enumerate(chain, start=1)
            for option, value in each["options"].items()
        ]
        if chain:
            print_table(options, ["stage", "option", "is", "from"], "Stages")


def described(worker: WorkerSpec, pipeline: Pipeline) -> dict[str, Any]:
    """Return what there is to know about *worker*."""
    from claimx_pipeline.settings.loading.objects import as_plain
    from claimx_pipeline.stages.from_settings import stages_of

    topology = pipeline.topology
    return {
        "worker": worker.name,
        "what it does": worker.summary,
        "group": topology.group(worker.group),
        "reads": [topology.physical(topic.name) for topic in worker.reads],
        "writes": [topology.physical(topic.name) for topic in worker.writes],
        "tables": list(worker.tables),
        "retry topics": [topology.physical(topic.name) for topic in worker.retry.topics()]
        if worker.retry
        else [],
        "dead letters": worker.dead_letters and topology.physical(worker.dead_letters.name),
        "batch size": worker.batch_size,
        "linger seconds": worker.linger_seconds,
        "outage": worker.outage,
        "stages": [
            {"type": spec.type, "from": spec.origin, "options": as_plain(spec.config)}
            for spec in stages_of(worker, pipeline.settings)
        ],
    }
