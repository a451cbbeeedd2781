"""A command of ``claimx-run``; its module is imported only when it is run."""

from __future__ import annotations

import importlib
from typing import Any

from attrs import frozen

from claimx_pipeline.errors import ClaimxError
from claimx_pipeline.isolation import as_failure, described


@frozen
class Command:
    """One command, or one group of them."""

    name: str
    summary: str
    """One line for ``claimx-run --help``."""
    target: str
    """``module:attribute`` of a ``typer.Typer``."""
    panel: str = "Commands"
    """Heading in the help that lists it."""


def imported(command: Command) -> Any:
    """Return what *command* runs.

    Raises:
        ClaimxError: Its module cannot be imported, or has nothing of that name.
    """
    module, _, attribute = command.target.partition(":")
    try:
        return getattr(importlib.import_module(module), attribute)
    except BaseException as error:
        failed = as_failure(error, awaited=False)
        raise ClaimxError(
            f"command {command.name!r} names {command.target!r}, which cannot be imported: "
            f"{described(failed)}; its target is 'module:attribute' of a typer.Typer"
        ) from error
