"""A command of ``claimx-run``; its module is imported only when it is run."""

from __future__ import annotations

from attrs import frozen


@frozen
class Command:
    """One command, or one group of them."""

    name: str
    summary: str
    """One line for ``claimx-run --help``."""
    target: str
    """``module:attribute`` of a ``typer.Typer``; the module of a directory plugin may be a file
    beside its ``config.yaml``."""
    panel: str = "Commands"
    """Heading in the help that lists it."""
