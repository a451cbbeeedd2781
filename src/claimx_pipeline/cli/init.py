"""``claimx-run init``: a commented settings file to start from."""

from __future__ import annotations

from importlib import resources
from pathlib import Path
from typing import Annotated

import typer

from claimx_pipeline.hooks.output import note

FAILED = 1
"""Exit code if something is in the way."""

TEMPLATES = "claimx_pipeline.settings.templates"

FILES = {
    "claimx.yaml": Path("claimx.yaml"),
    "task_trigger.yaml": Path("plugins/config/task_trigger/config.yaml"),
}
"""Template to the path it is written to."""

app = typer.Typer(help="Write a commented claimx.yaml to start from.")


@app.command()
def init(
    directory: Annotated[Path, typer.Argument(metavar="[DIR]", help="Where to write.")] = Path(),
    *,
    force: Annotated[bool, typer.Option("--force", help="Overwrite files that exist.")] = False,
) -> None:
    """Write a commented claimx.yaml, and a task trigger that is switched off.

    Every setting is in the file with its default, commented out.
    """
    targets = {name: directory / path for name, path in FILES.items()}
    existing = [str(target) for target in targets.values() if target.exists()]
    if existing and not force:
        verb = "exists" if len(existing) == 1 else "exist"
        note(
            f"claimx-run: {' and '.join(existing)} {verb} already; nothing was written; "
            "choose another folder, or overwrite with --force"
        )
        raise typer.Exit(FAILED)
    try:
        for name, target in targets.items():
            target.parent.mkdir(parents=True, exist_ok=True)
            target.write_text(template(name), encoding="utf-8")
            typer.echo(f"wrote {target}")
    except OSError as error:
        note(f"claimx-run: {error.filename} cannot be written: {error.strerror}")
        raise typer.Exit(FAILED) from error
    note("look at it with 'claimx-run config show --sources'; try it all with 'claimx-run demo'")


def template(name: str) -> str:
    """Return the text of a template."""
    return (resources.files(TEMPLATES) / name).read_text(encoding="utf-8")
