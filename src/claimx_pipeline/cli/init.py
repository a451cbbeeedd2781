"""``claimx-run init``: a commented settings file to start from."""

from __future__ import annotations

from importlib import resources
from pathlib import Path
from typing import Annotated

import typer

from claimx_pipeline.cli.context import CommandLine
from claimx_pipeline.hooks.output import note, warn
from claimx_pipeline.system_errors import reason_of

FAILED = 1
"""Exit code if something is in the way."""

TEMPLATES = "claimx_pipeline.settings.templates"

FILES = {
    "claimx.yaml": Path("claimx.yaml"),
    "task_trigger.yaml": Path("plugins/config/task_trigger/config.yaml"),
}
"""Template to the path it is written to."""

app = typer.Typer(add_completion=False, rich_markup_mode=None)


@app.command()
def init(
    context: typer.Context,
    directory: Annotated[Path, typer.Argument(metavar="[DIR]", help="Where to write.")] = Path(),
    *,
    force: Annotated[bool, typer.Option("--force", help="Overwrite files that exist.")] = False,
    from_env: Annotated[
        bool,
        typer.Option("--from-env", help="Say what the predecessor's variables say; secrets stay."),
    ] = False,
) -> None:
    """Write a commented claimx.yaml, and a task trigger that is switched off.

    Every setting is in the file with its default, commented out. With --from-env the file holds
    what the predecessor's environment variables say, and no secret: it names their variables.
    """
    texts = _from_environment(context) if from_env else {name: template(name) for name in FILES}
    targets = {name: directory / FILES[name] for name in texts}
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
            target.write_text(texts[name], encoding="utf-8")
            typer.echo(f"wrote {target}")
    except OSError as error:
        # Of a disk that is full, the system does not name the file.
        warn(f"claimx-run: {error.filename or target} cannot be written: {reason_of(error)}")
        raise typer.Exit(FAILED) from error
    note("next: fill it in, then 'claimx-run config check', 'topics create', 'tables create', 'up'")


def _from_environment(context: typer.Context) -> dict[str, str]:
    """Return the settings file that the environment adds up to; say what became of each name."""
    from claimx_pipeline import operations

    command_line: CommandLine = context.obj
    made = operations.settings_from_environment(command_line.pipeline(), command_line.environ)
    for each in made.found:
        becomes = each.setting or ("nothing here" if each.understood else "not known")
        note(f"{each.name}: {becomes}" + (f"; {each.note}" if each.note else ""))
    return {"claimx.yaml": made.text}


def template(name: str) -> str:
    """Return the text of a template."""
    return (resources.files(TEMPLATES) / name).read_text(encoding="utf-8")
