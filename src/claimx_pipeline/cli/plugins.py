"""``claimx-run plugins``: which there are, what one would do, and how a new one begins."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
from attrs import asdict

from claimx_pipeline import operations
from claimx_pipeline.cli import completing
from claimx_pipeline.cli.asked import CSV, VERTICAL
from claimx_pipeline.cli.context import CommandLine
from claimx_pipeline.cli.plugins_new import Kind, write_plugin
from claimx_pipeline.errors import ClaimxError, DecodeError, UsageError
from claimx_pipeline.hooks.output import (
    note,
    print_json,
    print_rows,
    print_table,
    warn,
    with_snake_keys,
)
from claimx_pipeline.system_errors import reason_of

if TYPE_CHECKING:
    from claimx_pipeline.domain.events import DomainEvent
    from claimx_pipeline.operations import DescribedPlugin
    from claimx_pipeline.pipeline import Pipeline

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode=None,
    help="List plugins, try one, start a new one.",
)

EXTENDING = "claimx_extend_domains"
"""Hook by which plugins add to domains."""

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Name = Annotated[str, typer.Argument(help="Name of the plugin.", autocompletion=completing.plugins)]


@app.callback()
def plugins() -> None:
    """List plugins, try one, start a new one."""


@app.command("list")
def list_(
    context: typer.Context, json: Json = False, csv: CSV = False, vertical: VERTICAL = False
) -> None:
    """List every plugin that was found: loaded, disabled, or failed and why."""
    command_line: CommandLine = context.obj
    plugins = command_line.plugins()
    infos = plugins.infos.values()
    for problem in plugins.not_found:
        warn(f"warning: {problem}")
    rows = [{**asdict(info), "domains": list(info.domains or ["all"])} for info in infos]
    if any(EXTENDING in info.hooks for info in infos):
        added = _added(command_line)
        rows = [{**row, "adds": added.get(row["name"], [])} for row in rows]
    if not rows and not json:
        note("no plugins are installed; the pipeline works without")
        if sys.stdout.isatty() and not csv:
            return
    columns = ["name", "state", "version", "origin", "priority", "domains", "hooks", "problem"]
    if sys.stdout.isatty() and not (csv or vertical):  # 'plugins show' has the rest
        columns = ["name", "state", "domains", "origin"]
        columns += ["problem"] if any(row["problem"] for row in rows) else []
    if any(row.get("adds") for row in rows):
        columns.insert(columns.index("domains") + 1, "adds")
    title = f"{len(rows)} plugins; 'plugins show NAME' has the rest"
    print_rows(rows, columns, title, json=json, csv=csv, vertical=vertical, spare=["origin"])


@app.command()
def show(context: typer.Context, name: Name, json: Json = False) -> None:
    """Show what a plugin is, what it brings along, and its settings."""
    command_line: CommandLine = context.obj
    facts = _facts(operations.describe_plugin(command_line.pipeline(), name))
    if json:
        print_json(with_snake_keys(facts))
    else:
        rows = ({"of": key, "is": value} for key, value in facts.items() if value not in ("", []))
        print_table(rows, ["of", "is"], name)


@app.command("try")
def try_(
    context: typer.Context,
    name: Name,
    event: Annotated[Path, typer.Option(help="File with an event; its first line is taken.")],
    simulated: Annotated[
        bool, typer.Option("--simulated", help="Ask a simulated ClaimX about the event.")
    ] = False,
    domain: Annotated[
        str | None,
        typer.Option(
            help="Domain of the event; the plugin's own if it hears of one only.",
            autocompletion=completing.domains,
        ),
    ] = None,
    json: Json = False,
) -> None:
    """Show what a plugin would do about an event. Nothing is sent, published or written.

    The event is enriched by the API of the settings, which is only read from, or
    with --simulated by a simulated one. The plugin is called as a worker calls it.
    """
    from claimx_pipeline.cli.plugins_try import domain_of, text_of, tried

    command_line: CommandLine = context.obj
    pipeline = command_line.pipeline()
    found = first_event(event, pipeline, domain_of(pipeline, name, domain))
    outcome = tried(command_line, name, found, simulated=simulated)
    if json:
        print_json(outcome)
    else:
        sys.stdout.write(text_of(outcome))


@app.command()
def new(
    name: Annotated[str, typer.Argument(help="Name, as a Python package is called.")],
    kind: Annotated[Kind, typer.Option(help="What the plugin is.")] = "stage-worker",
    directory: Annotated[
        Path, typer.Option("--dir", help="Folder in which the package's folder is made.")
    ] = Path(),
) -> None:
    """Write a complete package for a new plugin: it installs, and its tests pass.

    Kinds: 'hook' reacts to events, 'stage-worker' has a worker with a stage of its own as well,
    'domain' brings events of another system, 'source' reads events from elsewhere, 'alert' calls
    a service.
    """
    write_plugin(name, kind, directory)


def _added(command_line: CommandLine) -> dict[str, Sequence[str]]:
    """Return what each plugin adds to domains; without settings that can be used, nothing."""
    try:
        pipeline = command_line.pipeline()
        return {
            name: operations.describe_plugin(pipeline, name).adds
            for name, info in pipeline.plugins.infos.items()
            if EXTENDING in info.hooks
        }
    except ClaimxError as error:
        warn(f"what plugins add to domains cannot be shown: {error}")
        return {}


def _facts(plugin: DescribedPlugin) -> dict[str, Any]:
    info = asdict(plugin.info)
    if plugin.info.state != "loaded":
        return info
    return {
        **info,
        "what it does": plugin.summary,
        "event types": plugin.event_types,
        "publishes to": plugin.publishes_to,
        **plugin.brings,
        "adds": plugin.adds,
        "settings": plugin.settings,
    }


def first_event(file: Path, pipeline: Pipeline, domain: str) -> DomainEvent:
    """Return the event of *domain* on the first line of *file*.

    Raises:
        UsageError: It cannot be read, or holds none.
    """
    try:
        text = file.read_bytes().strip()
    except OSError as error:
        raise UsageError(f"{file} cannot be read: {reason_of(error)}") from error
    for value in (text, text.partition(b"\n")[0]):
        try:
            return operations.read_event(value, pipeline, domain)
        except DecodeError as error:
            problem = error
    raise UsageError(f"{file} does not hold a valid event: {problem}")
