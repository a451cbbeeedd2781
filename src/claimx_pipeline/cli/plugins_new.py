"""``claimx-run plugins new``: a package for a new plugin, of the kind that is wanted."""

from __future__ import annotations

import keyword
import re
import shlex
import sys
from importlib import metadata, resources
from pathlib import Path
from string import Template
from typing import Literal

import typer

from claimx_pipeline.errors import UsageError
from claimx_pipeline.hooks.markers import API_VERSION, PROJECT
from claimx_pipeline.hooks.output import note

Kind = Literal["hook", "stage-worker", "domain", "source", "alert"]

TEMPLATES = "claimx_pipeline.cli.new_plugin"

SHARED = {
    "pyproject.toml.txt": "pyproject.toml",
    "init.py.txt": "src/$name/__init__.py",
}
"""Template to the path it is written to, for every kind."""

OWN = {
    "README.md.txt": "README.md",
    "plugin.py.txt": "src/$name/plugin.py",
    "stage.py.txt": "src/$name/stage.py",
    "test_plugin.py.txt": "tests/test_plugin.py",
    "test_stage.py.txt": "tests/test_stage.py",
}
"""The same for those of a kind's own folder, which has some of them."""

OURS = frozenset({"claimx_pipeline", "core", "dir", "shared"})
"""Names that have a meaning of their own among plugins."""


def write_plugin(name: str, kind: Kind, directory: Path) -> None:
    """Write the package of a new plugin below *directory*.

    Raises:
        UsageError: A plugin of that name could not be loaded, or the folder exists.
    """
    if problem := problem_of(name):
        raise UsageError(f"{name!r} cannot be the name of a package: {problem}")
    target = directory / name
    if target.exists():
        raise UsageError(f"{target} exists already; nothing was written")
    for file, text in _files(name, kind):
        path = target / file
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding="utf-8")
        typer.echo(f"wrote {path}")
    where = str(target) if target.is_absolute() else f"./{target}"
    pip, folder = shlex.quote(f"{where}[test]"), shlex.quote(str(target))
    note(f"next: pip install {pip}; pytest {folder}; claimx-run plugins show {name}")


def problem_of(name: str) -> str:
    """Return why no plugin can be called *name*; empty if one can."""
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name):
        return "use lower case letters, digits and '_', not beginning with a digit or '_'"
    if keyword.iskeyword(name) or keyword.issoftkeyword(name):
        return "it is a word of Python's own"
    if name in {*sys.stdlib_module_names, "test"}:  # which Python leaves out of its list
        return "it is a module of Python's standard library, which would be loaded instead"
    if name in OURS:
        return "it has a meaning of its own here"
    return _installed(name)


def _installed(name: str) -> str:
    """Return which installed plugin, distribution or package is called *name*; empty for none."""
    if any(point.name == name for point in metadata.entry_points(group=PROJECT)):
        return "a plugin of that name is installed"
    names = {re.sub(r"[-_.]+", "_", each.name or "").lower() for each in metadata.distributions()}
    packages = metadata.packages_distributions()
    if name in names or name in packages:
        of = packages.get(name, [name])[0]
        return f"the distribution {of!r} is installed and has that name"
    return ""


def _files(name: str, kind: Kind) -> list[tuple[str, str]]:
    """Return the path and the text of each file."""
    words = {
        "name": name,
        "dist": name.replace("_", "-"),
        "worker": name.replace("_", "-"),
        "class": "".join(part.capitalize() for part in name.split("_")),
        "api": API_VERSION,
    }
    shared = resources.files(TEMPLATES)
    own = shared / kind.replace("-", "_")
    found = [(shared / template, path) for template, path in SHARED.items()]
    found += [(own / template, path) for template, path in OWN.items()]
    return [
        (
            Template(path).substitute(words),
            Template(file.read_text(encoding="utf-8")).substitute(words),
        )
        for file, path in found
        if file.is_file()
    ]
