"""``claimx-run monitoring``: dashboards and alerts."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from claimx_pipeline import operations
from claimx_pipeline.hooks.output import note

if TYPE_CHECKING:
    from claimx_pipeline.cli.context import CommandLine

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode=None,
    help="Dashboards for Grafana and alerts for Prometheus.",
)


@app.callback()
def monitoring() -> None:
    """Dashboards for Grafana and alerts for Prometheus."""


@app.command()
def export(
    context: typer.Context,
    folder: Annotated[Path, typer.Argument(metavar="DIR", help="Where to write.")],
    *,
    runbooks: Annotated[
        str, typer.Option(help="Address under which the alerts' pages can be read.")
    ] = "runbooks",
) -> None:
    """Write dashboards, alert rules, and a page for each alert that says what to do.

    Those of plugins are among them. Files of an earlier export are replaced.
    """
    command_line: CommandLine = context.obj
    pipeline = command_line.pipeline()
    written = operations.export_monitoring(pipeline, folder, runbooks=runbooks)
    for file in written:
        typer.echo(f"wrote {file}")
    note(f"wrote {len(written)} files")
