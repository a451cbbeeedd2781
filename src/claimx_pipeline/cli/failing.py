"""How a command ends that did for some what it could not do for others."""

from __future__ import annotations

from collections.abc import Iterable

import typer

from claimx_pipeline.hooks.output import warn

FAILED = 1


def end_with(errors: Iterable[tuple[str, str]]) -> None:
    """Print why some tables failed, and end the command as failed if any did.

    What is the same of several tables, a store that does not answer say, is printed once.

    Args:
        errors: Names of tables, each with its error; an empty one is none.

    Raises:
        typer.Exit: There is one; all that could be shown has been.
    """
    alike: dict[str, list[str]] = {}
    for table, error in dict(errors).items():
        if error:
            alike.setdefault(error.replace(table, ""), []).append(error)
    for found in alike.values():
        others = f" (as {len(found) - 1} other tables)" if len(found) > 1 else ""
        warn(f"claimx-run: {found[0]}{others}")
    if alike:
        raise typer.Exit(FAILED)
