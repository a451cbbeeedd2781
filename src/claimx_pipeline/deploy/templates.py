"""Reads the texts that files are made from, and fills them in."""

from __future__ import annotations

import re
from collections.abc import Iterable
from importlib import resources

from claimx_pipeline.deploy.model import DeployedVariable

_NAME = re.compile(r"@\{([a-z_]+)\}")


def template(path: str) -> str:
    """Return the text of the template at *path* below ``templates/``."""
    file = resources.files("claimx_pipeline.deploy").joinpath("templates", path)
    return file.read_text(encoding="utf-8")


def filled(path: str, **values: object) -> str:
    """Return the template at *path* with each ``@{name}`` replaced.

    Raises:
        KeyError: The template names a value that was not given.
    """
    return _NAME.sub(lambda found: str(values[found[1]]), template(path))


def joined(texts: Iterable[str]) -> str:
    """Return the documents of one YAML file."""
    return "---\n".join(texts)


def variable_lines(variables: Iterable[DeployedVariable], given: Iterable[str] = ()) -> str:
    """Return a line for each of *variables*: those that are needed, then the others as comments.

    Args:
        variables: All of them.
        given: Those that the template has a line of its own for.
    """
    own = set(given)
    rest = [each for each in variables if each.name not in own]
    lines = [f"# Sets {each.setting}.\n{each.name}=\n" for each in rest if each.needed]
    lines += [f"# Sets {each.setting}.\n#{each.name}=\n" for each in rest if not each.needed]
    return "\n".join(lines)
