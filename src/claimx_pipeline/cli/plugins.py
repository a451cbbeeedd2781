"""``claimx-run plugins``: which plugins there are."""

from __future__ import annotations

from typing import Annotated

import typer
from attrs import asdict

from claimx_pipeline.cli.context import CommandLine
from claimx_pipeline.cli.output import note, print_json, print_table

app = typer.Typer(
    add_completion=False, no_args_is_help=True, rich_markup_mode=None, help="List the plugins."
)


@app.callback()
def plugins() -> None:
    """List the plugins."""


@app.command("list")
def list_(
    context: typer.Context,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """List every plugin that was found: loaded, disabled, or failed and why."""
    command_line: CommandLine = context.obj
    infos = command_line.plugins().infos.values()
    rows = [asdict(info) for info in infos]
    if json:
        print_json(rows)
        return
    if not rows:
        note("no plugins are installed; the pipeline works without")
    columns = ["name", "state", "version", "origin", "priority", "hooks", "problem"]
    print_table(rows, columns, "Plugins")
