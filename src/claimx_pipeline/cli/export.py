"""``claimx-run export``: write what runs the workers in production."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from claimx_pipeline import operations
from claimx_pipeline.hooks.output import note

if TYPE_CHECKING:
    from claimx_pipeline.cli.context import CommandLine
    from claimx_pipeline.operations.export import Target

app = typer.Typer(
    add_completion=False,
    no_args_is_help=True,
    rich_markup_mode=None,
    help="""Write what runs every worker in production, those of plugins and settings included.

    Files of an earlier export are replaced; claimx.yaml and the overlay of Kubernetes, which you
    change, are left as they are.""",
)

Folder = Annotated[Path, typer.Argument(metavar="DIR", help="Where to write.")]


@app.command()
def systemd(
    context: typer.Context,
    folder: Folder,
    *,
    program: Annotated[
        str, typer.Option(help="claimx-run on the machine.")
    ] = "/opt/claimx/bin/claimx-run",
    settings: Annotated[
        str, typer.Option(help="Folder of claimx.yaml and claimx.env.")
    ] = "/etc/claimx",
    state: Annotated[str, typer.Option(help="Folder that workers run in.")] = "/var/lib/claimx",
    logs: Annotated[str, typer.Option(help="Folder of log files.")] = "/var/log/claimx",
) -> None:
    """Write a unit per worker, with settings, user, log rotation and targets of Prometheus."""
    paths = {"program": program, "settings": settings, "state": state, "logs": logs}
    _write(context, "systemd", folder, paths)


@app.command()
def kubernetes(context: typer.Context, folder: Folder) -> None:
    """Write manifests for kustomize: a base, components for KEDA and Prometheus, an overlay."""
    _write(context, "kubernetes", folder, {})


@app.command()
def compose(context: typer.Context, folder: Folder) -> None:
    """Write a compose file: Kafka, Azurite, Prometheus and every worker."""
    _write(context, "compose", folder, {})


@app.command()
def image(context: typer.Context, folder: Folder) -> None:
    """Write the Dockerfile of the image that Kubernetes and compose run."""
    _write(context, "image", folder, {})


def _write(context: typer.Context, target: Target, folder: Path, paths: dict[str, str]) -> None:
    command_line: CommandLine = context.obj
    pipeline = command_line.pipeline()
    written = operations.export_deployment(pipeline, target, folder, **paths)
    for file in written:
        typer.echo(f"wrote {file}")
    note(f"wrote {len(written)} files; what you have changed was left as it is")
