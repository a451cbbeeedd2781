"""``claimx-run config``: check and show the settings."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import TYPE_CHECKING, Annotated

import typer

from claimx_pipeline import operations
from claimx_pipeline.cli import completing
from claimx_pipeline.errors import BrokerError, Problem
from claimx_pipeline.hooks.output import note, print_json, print_table
from claimx_pipeline.system_errors import readable

if TYPE_CHECKING:
    from claimx_pipeline.cli.context import CommandLine
    from claimx_pipeline.pipeline import Pipeline

USAGE = 2
"""Exit code if the settings cannot be used."""

app = typer.Typer(
    add_completion=False,
    rich_markup_mode=None,
    no_args_is_help=True,
    help="Check and show the settings.",
)

AsJson = Annotated[bool, typer.Option("--json", help="Print one JSON document.")]


@app.command()
def check(
    context: typer.Context,
    workers: Annotated[
        list[str] | None,
        typer.Argument(
            help="Workers, or sets of them, that are to start here.",
            autocompletion=completing.workers,
        ),
    ] = None,
    *,
    every: Annotated[
        bool, typer.Option("--all", help="All workers are to start here, as with 'up'.")
    ] = False,
    connect: Annotated[
        bool, typer.Option("--connect", help="Also ask the broker, the tables and the services.")
    ] = False,
    broker: Annotated[
        bool,
        typer.Option(
            "--broker", help="Also look on Kafka for records that other settings left unread."
        ),
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Build everything that a start builds, connect to nothing, and name every problem.

    What is missing here for some workers (a variable, an address, a credential) is a warning: it
    is a problem only for those who need it, so name the workers that are to start, or --all. So
    is what waits in topics that the settings do not name any more; the embedded broker's file is
    looked at if it is there, Kafka with --broker.
    """
    command_line: CommandLine = context.obj
    checked = operations.check_settings(command_line.sources(), workers or (), every=every)
    problems, warnings = [*checked.problems], [*checked.warnings]
    pipeline = checked.pipeline
    if pipeline is not None and not problems:
        if connect:
            asked = asyncio.run(operations.ask_services(pipeline, workers or ()))
            problems, warnings = [*asked.problems], [*warnings, *asked.warnings]
        if broker or connect or _is_file(pipeline.settings.broker.url):
            warnings += _left_behind(pipeline)
    if as_json:
        print_json({"problems": _listed(problems), "warnings": _listed(warnings)})
    else:
        for problem in problems:
            typer.echo(f"problem: {problem}")
        for warning in warnings:
            typer.echo(f"warning: {warning}")
        note(_summary(len(problems), len(warnings), checked.waiting))
    if problems:
        raise typer.Exit(USAGE)


@app.command()
def show(
    context: typer.Context,
    *,
    sources: Annotated[
        bool, typer.Option("--sources", help="Say where each value comes from.")
    ] = False,
    as_json: AsJson = False,
) -> None:
    """Print every setting with its value; credentials are masked."""
    command_line: CommandLine = context.obj
    loaded = command_line.pipeline().loaded

    from claimx_pipeline.settings.show import shown_settings

    shown = shown_settings(loaded)
    if as_json and sources:
        print_json({each.path: {"value": each.value, "origin": each.origin} for each in shown})
    elif as_json:
        print_json({each.path: each.value for each in shown})
    else:
        columns = ["setting", "value", *(["origin"] if sources else [])]
        rows = [
            {"setting": each.path, "value": each.value, "origin": each.origin} for each in shown
        ]
        print_table(rows, columns, "The settings in force; 'config show --sources' says from where")


@app.command()
def schema(context: typer.Context) -> None:
    """Print the JSON Schema of a settings file, for completion in an editor."""
    command_line: CommandLine = context.obj
    sections = command_line.pipeline().loaded.sections

    from claimx_pipeline.settings.schema import settings_schema

    print_json(settings_schema(sections))


def _is_file(url: str) -> bool:
    """Return whether *url* is an embedded broker that exists."""
    from claimx_pipeline.broker.url import sqlite_path

    if not url.startswith("sqlite://"):
        return False
    with readable("broker.url", sqlite_path(url)):
        return sqlite_path(url).exists()


def _left_behind(pipeline: Pipeline) -> list[Problem]:
    try:
        return asyncio.run(operations.left_behind(pipeline))
    except BrokerError as error:
        return [Problem("broker", f"what waits there is not known: {error}")]


def _listed(problems: list[Problem]) -> list[dict[str, str]]:
    return [{"where": problem.where, "what": problem.what} for problem in problems]


def _summary(problems: int, warnings: int, waiting: Sequence[str]) -> str:
    beside = f", {warnings} warning{'s' * (warnings != 1)}" if warnings else ""
    if problems:
        return f"the settings cannot be used: {problems} problem{'s' * (problems != 1)}{beside}"
    if not waiting:
        return f"the settings can be used{beside}"
    return (
        f"the settings are valid{beside}; workers that lack something here and cannot start: "
        f"{', '.join(waiting)} ('config check WORKER' checks one as its start does)"
    )
