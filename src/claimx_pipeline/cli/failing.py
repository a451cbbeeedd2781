"""How a command ends that did for some what it could not do for others."""

from __future__ import annotations

from collections.abc import Iterable

import typer

from claimx_pipeline.hooks.output import note

FAILED = 1


def end_with(errors: Iterable[str]) -> None:
    """Print *errors*, the empty ones left out, and end the command as failed if there are any.

    Raises:
        typer.Exit: There is one; all that could be shown has been.
    """
    found = [error for error in errors if error]
    for error in dict.fromkeys(found):
        note(f"claimx-run: {error}")
    if found:
        raise typer.Exit(FAILED)
