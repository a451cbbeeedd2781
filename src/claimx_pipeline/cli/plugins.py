"""``claimx-run plugins``: which there are, what one would do, and how a new one begins."""

from __future__ import annotations

import keyword
import re
import sys
from collections.abc import Sequence
from importlib import resources
from pathlib import Path
from string import Template
from typing import TYPE_CHECKING, Annotated, Any

import typer
from attrs import asdict

from claimx_pipeline import operations
from claimx_pipeline.cli.context import CommandLine
from claimx_pipeline.errors import ClaimxError, DecodeError, UsageError
from claimx_pipeline.hooks.output import note, print_json, print_table
from claimx_pipeline.topics import BRAND

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

TEMPLATES = "claimx_pipeline.cli.new_plugin"

FILES = {
    "pyproject.toml.txt": "pyproject.toml",
    "README.md.txt": "README.md",
    "init.py.txt": "src/$name/__init__.py",
    "plugin.py.txt": "src/$name/plugin.py",
    "stage.py.txt": "src/$name/stage.py",
    "test_plugin.py.txt": "tests/test_plugin.py",
    "test_stage.py.txt": "tests/test_stage.py",
}
"""Template to the path it is written to."""

Json = Annotated[bool, typer.Option("--json", help="Print JSON.")]
Name = Annotated[str, typer.Argument(help="Name of the plugin.")]


@app.callback()
def plugins() -> None:
    """List plugins, try one, start a new one."""


@app.command("list")
def list_(context: typer.Context, json: Json = False) -> None:
    """List every plugin that was found: loaded, disabled, or failed and why."""
    command_line: CommandLine = context.obj
    plugins = command_line.plugins()
    infos = plugins.infos.values()
    for problem in plugins.not_found:
        note(f"warning: {problem}")
    rows = [{**asdict(info), "domains": list(info.domains or ["all"])} for info in infos]
    if any(EXTENDING in info.hooks for info in infos):
        added = _added(command_line)
        rows = [{**row, "adds": added.get(row["name"], [])} for row in rows]
    if json:
        print_json(rows)
        return
    if not rows:
        note("no plugins are installed; the pipeline works without")
    columns = ["name", "state", "version", "origin", "priority", "domains", "hooks", "problem"]
    if sys.stdout.isatty():  # 'plugins show' has the rest
        columns = ["name", "state", "domains", "origin", "problem"]
    if any(row.get("adds") for row in rows):
        columns.insert(-1, "adds")
    print_table(rows, columns, "Plugins")


@app.command()
def show(context: typer.Context, name: Name, json: Json = False) -> None:
    """Show what a plugin is, what it brings along, and its settings."""
    command_line: CommandLine = context.obj
    facts = _facts(operations.describe_plugin(command_line.pipeline(), name))
    if json:
        print_json(facts)
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
    domain: Annotated[str, typer.Option(help="Domain of the event.")] = BRAND,
    json: Json = False,
) -> None:
    """Show what a plugin would do about an event. Nothing is sent, published or written.

    The event is enriched by the API of the settings, which is only read from, or
    with --simulated by a simulated one.
    """
    from claimx_pipeline.cli.plugins_try import tried

    command_line: CommandLine = context.obj
    outcome = tried(
        command_line, name, first_event(event, command_line.pipeline(), domain), simulated=simulated
    )
    if json:
        print_json(outcome)
        return
    note(f"event    {outcome['event_type']} about {outcome['about']}")
    note(f"answer   {outcome['answer']}")
    if outcome["actions"]:
        print_table(outcome["actions"], ["action", "to", "what"], "Would be done")


@app.command()
def new(
    name: Annotated[str, typer.Argument(help="Name, as a Python package is called.")],
    directory: Annotated[
        Path, typer.Option("--dir", help="Folder in which the package's folder is made.")
    ] = Path(),
) -> None:
    """Write a complete package for a new plugin: it installs, and its tests pass."""
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name) or keyword.iskeyword(name):
        raise UsageError(
            f"{name!r} cannot be the name of a package; use lower case letters, digits and '_'"
        )
    target = directory / name
    if target.exists():
        raise UsageError(f"{target} exists already; nothing was written")
    words = {
        "name": name,
        "dist": name.replace("_", "-"),
        "worker": name.replace("_", "-"),
        "class": "".join(part.capitalize() for part in name.split("_")),
    }
    for template, path in FILES.items():
        file = target / Template(path).substitute(words)
        file.parent.mkdir(parents=True, exist_ok=True)
        text = (resources.files(TEMPLATES) / template).read_text(encoding="utf-8")
        file.write_text(Template(text).substitute(words), encoding="utf-8")
        typer.echo(f"wrote {file}")
    note(f"next: 'pip install ./{target}', 'pytest {target}', 'claimx-run plugins show {name}'")


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
        note(f"what plugins add to domains cannot be shown: {error}")
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
        raise UsageError(f"{file} cannot be read: {error.strerror}") from error
    for value in (text, text.partition(b"\n")[0]):
        try:
            return operations.read_event(value, pipeline, domain)
        except DecodeError as error:
            problem = error
    raise UsageError(f"{file} does not hold a valid event: {problem}")
