"""Plugins of a test, put where a start finds directory plugins."""

from __future__ import annotations

import shutil
import sys
from collections.abc import Iterator, Mapping
from importlib import metadata
from pathlib import Path
from types import ModuleType
from typing import Any

import msgspec

from claimx_pipeline.errors import UsageError
from claimx_pipeline.hooks.markers import PROJECT

HELD = "claimx_pipeline.testing.held"
"""Module whose attributes are the plugins of running sandboxes: what ``config.yaml`` names."""


def put_object(directory: Path, plugin: Any, config: Mapping[str, Any]) -> str:
    """Make a folder below *directory* for a class, a module or an object; return its name.

    Raises:
        UsageError: There is a plugin of that name already.
    """
    name = name_of(plugin)
    folder = _fresh(directory, name)
    held = f"{name}_{id(plugin)}"
    vars(_module()).setdefault(held, plugin)
    content = {"name": name, "module": HELD, "class": held, "config": dict(config)}
    # JSON is YAML.
    (folder / "config.yaml").write_bytes(msgspec.json.encode(content))
    return name


def put_folder(directory: Path, source: Path) -> Iterator[str]:
    """Copy a plugin's folder, or one with several in it, below *directory*; yield their names.

    Raises:
        UsageError: It holds no plugin, or there is one of that name already.
    """
    if not (source / "config.yaml").is_file():
        if not [*source.glob("*/config.yaml")]:
            raise UsageError(f"{source} holds no plugin: there is no config.yaml in or below it")
        for folder in sorted(each for each in source.iterdir() if each.is_dir()):
            shutil.copytree(folder, directory / folder.name, dirs_exist_ok=folder.name == "shared")
            if (folder / "config.yaml").is_file():
                yield _said(folder)
        return
    shutil.rmtree(_fresh(directory, source.name))
    shutil.copytree(source, directory / source.name)
    yield _said(source)


def name_of(plugin: Any) -> str:
    """Return what a class, a module or an object is called as a plugin."""
    said = getattr(plugin, "name", "")
    if isinstance(said, str) and said:
        return said
    if isinstance(plugin, ModuleType):
        return plugin.__name__.rpartition(".")[2]
    kind = plugin if isinstance(plugin, type) else type(plugin)
    return kind.__name__.lower()


def others(*names: str) -> list[str]:
    """Return the installed plugins that are none of *names*.

    Raises:
        UsageError: One of *names* is not installed.
    """
    installed = {point.name for point in metadata.entry_points(group=PROJECT)}
    if unknown := sorted({*names} - installed):
        raise UsageError(
            f"plugin {unknown[0]!r} is not installed; installed are {', '.join(sorted(installed))}"
        )
    return sorted(installed - {*names})


def _fresh(directory: Path, name: str) -> Path:
    folder = directory / name
    if folder.exists():
        raise UsageError(f"a plugin {name!r} is installed in this sandbox already")
    folder.mkdir(parents=True)
    return folder


def _said(folder: Path) -> str:
    """Return the name that the folder's ``config.yaml`` gives the plugin."""
    import yaml  # noqa: PLC0415 - only for folders

    content = yaml.safe_load((folder / "config.yaml").read_text(encoding="utf-8"))
    name = content.get("name") if isinstance(content, dict) else None
    return name if isinstance(name, str) else folder.name


def _module() -> ModuleType:
    return sys.modules.setdefault(HELD, ModuleType(HELD))
