"""``claimx-run worker``: run workers, list them, or show how one is made."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Annotated, Any

import typer

from claimx_pipeline import operations
from claimx_pipeline.cli import completing
from claimx_pipeline.cli.asked import CSV, VERTICAL
from claimx_pipeline.cli.context import CommandLine
from claimx_pipeline.errors import UsageError
from claimx_pipeline.hooks.output import print_json, print_rows, print_table, with_snake_keys
from claimx_pipeline.operations.names import domain_of

if TYPE_CHECKING:
    from claimx_pipeline.operations import DescribedWorker
    from claimx_pipeline.pipeline import Pipeline

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command()
def worker(
    context: typer.Context,
    names: Annotated[
        list[str] | None,
        typer.Argument(
            help="Workers, or sets of them.", show_default=False, autocompletion=completing.workers
        ),
    ] = None,
    list_: Annotated[
        bool, typer.Option("--list", help="List the workers, or those named, and stop.")
    ] = False,
    instances: Annotated[
        int, typer.Option(help="Members of each worker in this process.", min=1, max=64)
    ] = 1,
    until_idle: Annotated[
        bool, typer.Option("--until-idle", help="Stop when nothing is left to do.")
    ] = False,
    strict: Annotated[
        bool,
        typer.Option("--strict", help="With --until-idle: end with 1 if a record died or waits."),
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="List or show as JSON.")] = False,
    csv: CSV = False,
    vertical: VERTICAL = False,
) -> None:
    """Run one or more workers in this process until it is stopped.

    'worker show NAME' prints instead what the worker reads and writes, and its chain of
    stages with every option as the settings leave it.

    SIGTERM or Ctrl-C: no new records are taken, what is in flight is finished and
    committed, and the process ends with 0. Start the command again for more processes
    of one worker: they share the partitions.
    """
    command_line: CommandLine = context.obj
    if names and names[0] == "list":
        list_, names = True, names[1:]
    if list_ or ((json or csv or vertical) and not names):
        show_list(command_line, names or (), json=json, csv=csv, vertical=vertical)
        return
    if not names:
        raise UsageError("name a worker; 'claimx-run worker --list' shows them")
    if names[0] == "show":
        show_workers(command_line.pipeline(), names[1:], json=json)
        return
    from claimx_pipeline.cli.running import run_workers

    pipeline = command_line.starting(names)
    run_workers(
        pipeline,
        pipeline.select(names),
        instances=instances,
        until_idle=until_idle,
        strict=strict,
    )


def show_list(
    command_line: CommandLine,
    names: Sequence[str],
    *,
    json: bool,
    csv: bool = False,
    vertical: bool = False,
) -> None:
    """Print every worker, or those called *names*, with what it reads and writes.

    A terminal is shown what they do, those of a domain together; 'worker show' has the rest.
    """
    pipeline = command_line.pipeline()
    workers = pipeline.select(names) if names else pipeline.workers.values()
    rows = [
        {
            "worker": worker.name,
            "domain": domain_of(pipeline, worker),
            "sets": sorted(worker.sets),
            "reads": [topic.name for topic in worker.reads],
            "writes": [*(topic.name for topic in worker.writes), *worker.tables],
            "group": pipeline.topology.group(worker.group),
            "what it does": worker.summary,
        }
        for worker in workers
    ]
    if sys.stdout.isatty() and not (json or csv or vertical):
        for domain in (*pipeline.domains, ""):
            if group := [row for row in rows if row["domain"] == domain]:
                title = f"Workers of domain {domain}" if domain else "Other workers"
                print_table(group, ["worker", "sets", "what it does"], title, spare=["sets"])
        return
    columns = ["worker", "sets", "reads", "writes", "what it does"]
    title = f"{len(rows)} workers"
    print_rows([*map(with_snake_keys, rows)], columns, title, json=json, csv=csv, vertical=vertical)


def show_workers(pipeline: Pipeline, names: Sequence[str], *, json: bool) -> None:
    """Print each worker as the settings leave it, its stages and their options included."""
    if not names:
        raise UsageError("name a worker to show; 'claimx-run worker --list' lists them")
    workers = pipeline.select(names)
    shown = [_facts(operations.describe_worker(pipeline, worker.name)) for worker in workers]
    if json:
        print_json([with_snake_keys(facts) for facts in shown])
        return
    for facts in shown:
        chain = facts.pop("stages")
        facts_of = ({"of": key, "is": value} for key, value in facts.items())
        print_table(facts_of, ["of", "is"], facts["worker"])
        if chain and sys.stdout.isatty():
            _draw_stages(chain)
        elif chain:
            print_table(_options(chain), ["stage", "option", "is", "from"], "Stages")


def _draw_stages(chain: Sequence[Mapping[str, Any]]) -> None:
    """Print the options of each stage below its name, for a person."""
    for number, each in enumerate(chain, start=1):
        options = _options([each])
        title = f"Stage {number}: {each['type']}, {each['from']}"
        print_table(options, ["option", "is"], title)


def _options(chain: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    return [
        {"stage": f"{number} {each['type']}", "option": option, "is": value, "from": each["from"]}
        for number, each in enumerate(chain, start=1)
        for option, value in each["options"].items()
    ]


def _facts(worker: DescribedWorker) -> dict[str, Any]:
    return {
        "worker": worker.worker,
        "what it does": worker.summary,
        "group": worker.group,
        "reads": worker.reads,
        "writes": worker.writes,
        "tables": worker.tables,
        "retry topics": worker.retry_topics,
        "dead letters": worker.dead_letters,
        "batch size": worker.batch_size,
        "linger seconds": worker.linger_seconds,
        "outage": worker.outage,
        "stages": [
            {"type": stage.type, "from": stage.origin, "options": stage.options}
            for stage in worker.stages
        ],
    }
