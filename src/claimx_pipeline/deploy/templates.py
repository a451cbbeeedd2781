"""Reads the texts that files are made from, and fills them in."""

from __future__ import annotations

import re
from collections.abc import Iterable
from importlib import resources

from claimx_pipeline.deploy.model import DeployedVariable

GIVEN = ("KAFKA_BOOTSTRAP_SERVERS", "CLAIMX_API_URL", "CLAIMX_API_BASE_URL", "CLAIMX_API_TOKEN")
"""Variables that the templates have lines of their own for, or that say the same as one of them."""

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


def variable_lines(variables: Iterable[DeployedVariable]) -> str:
    """Return lines for those of *variables* that no template names: the needed ones first.

    The others are comments.
    """
    rest = [each for each in variables if each.name not in GIVEN]
    needed = [
        f"# Sets {each.setting}; delete both lines if that is not used.\n{each.name}=change-me\n"
        for each in rest
        if each.needed
    ]
    others = [f"# Sets {each.setting}.\n#{each.name}=\n" for each in rest if not each.needed]
    return "\n".join([*needed, *others])
