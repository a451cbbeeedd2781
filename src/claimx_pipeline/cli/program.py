"""How this program was called, so that what it suggests can be typed as it is printed."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import sys
from pathlib import Path

NAME = "claimx-run"

_QUOTED = re.compile(rf"'{NAME} (?!(?:demo|init|completion|simulate|COMMAND)\b|[^']*--help')")
"""A command in a sentence; not one that reads no settings, or its own."""


def program() -> str:
    """Return what is to be typed to run this program again, from the same folder."""
    called = Path(sys.argv[0])
    if called.name == "__main__.py":
        return f"{shlex.quote(_short(Path(sys.executable)))} -m claimx_pipeline"
    found = shutil.which(NAME)
    if called.name != NAME or (found and Path(found).absolute() == called.absolute()):
        return NAME
    return shlex.quote(_short(called))


def command(config: Path | None = None) -> str:
    """Return the program with the option that names *config*, if there is one."""
    return program() if config is None else f"{program()} --config {shlex.quote(str(config))}"


def typed(text: str, config: Path | None) -> str:
    """Return *text* with the commands that it quotes as they are to be typed here.

    Args:
        text: What is shown.
        config: The settings file that this command was given, for those that read one.
    """
    if config is None:
        return text
    return _QUOTED.sub(lambda _: f"'{command(config)} ", text)


def _short(path: Path) -> str:
    """Return *path* from the current folder if it is below it; links are not followed."""
    here, absolute = Path.cwd(), path.absolute()
    if not absolute.is_relative_to(here):
        return str(absolute)
    relative = str(absolute.relative_to(here))
    return f".{os.sep}{relative}" if absolute.parent == here else relative
