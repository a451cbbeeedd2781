"""Directory plugins: ``<name>/config.yaml`` below ``plugins.dir``, and the class it names."""

from __future__ import annotations

import importlib
import importlib.util
import sys
from collections.abc import Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

from attrs import evolve, field, frozen

from claimx_pipeline.errors import ClaimxError, SettingsError
from claimx_pipeline.settings.loading.structure import structure_config
from claimx_pipeline.system_errors import readable, reason_of

CONFIG_FILE = "config.yaml"
FORMER_PACKAGES = frozenset({"kafka_pipeline", "pipeline"})
"""What the code of the system before was imported from."""

SHARED = "shared"
"""Folder beside those of plugins, for what several of them use."""

_ALONE = "workers.yaml"
"""A folder that has it needs no ``config.yaml``: its workers are all that it is."""


@frozen(kw_only=True)
class DirectoryPlugin:
    """What ``config.yaml`` says."""

    name: str = ""
    """What the plugin is called; the folder's name if not given."""
    module: str
    """A file beside ``config.yaml``, without ``.py``, or an installed module."""
    class_name: str = field(alias="class_")
    enabled: bool = True
    priority: int | None = None
    config: Mapping[str, Any] = field(factory=dict, repr=False)


@frozen
class FoundPlugin:
    """A folder of the plugins directory, with a ``config.yaml`` in it or without."""

    name: str
    folder: Path
    content: DirectoryPlugin | None = None
    problem: str = ""
    """Why there is no content."""

    @property
    def origin(self) -> str:
        """The file, for messages."""
        return str(self.folder / CONFIG_FILE)

    def load(self) -> Any:
        """Return the class.

        Raises:
            ClaimxError: The file is wrong, or the module has no such class.
        """
        if self.content is None:
            raise ClaimxError(self.problem)
        local = self.folder / f"{self.content.module}.py"
        module = module_of_file(local) if local.is_file() else _installed(self.content.module)
        try:
            return getattr(module, self.content.class_name)
        except AttributeError:
            raise ClaimxError(
                f"module {self.content.module!r} has no class {self.content.class_name!r}"
            ) from None


def _installed(name: str) -> ModuleType:
    """Import a module that is installed.

    Raises:
        ClaimxError: It is one of the system before.
    """
    try:
        return importlib.import_module(name)
    except ModuleNotFoundError as error:
        if error.name not in FORMER_PACKAGES:
            raise
        raise ClaimxError(
            f"module {name!r} is of the system before; for triggers write 'module: "
            "claimx_pipeline.plugins.task_trigger' and 'class: TaskTriggerPlugin', for code of "
            "your own see docs/how-to/write-a-plugin.md"
        ) from error


def find(directory: Path | None, environ: Mapping[str, str]) -> list[FoundPlugin]:
    """Return the plugins in *directory*, in the order of their folders.

    Args:
        directory: ``plugins.dir``; None or a folder that is not there for none.
        environ: Fills ``${VAR}`` in their files.
    """
    if directory is None or not directory.is_dir():
        return []
    return [
        _read(folder / CONFIG_FILE, environ)
        for folder in sorted(directory.iterdir())
        if _is_of_a_plugin(folder)
    ]


def see_into(directory: Path, where: str) -> None:
    """See that the folder of plugins can be read, if it is there.

    Args:
        directory: The folder.
        where: Where it is set.

    Raises:
        SettingsError: It is there and cannot be read.
    """
    with readable(where, directory):
        if directory.is_dir():
            next(directory.iterdir(), None)


def _is_of_a_plugin(folder: Path) -> bool:
    try:
        if (folder / CONFIG_FILE).is_file():
            return True
    except OSError:
        return True  # reading the file says why it cannot be read
    if not folder.is_dir() or folder.name.startswith((".", "_")) or folder.name == SHARED:
        return False
    return not (folder / _ALONE).is_file()


def _without_config(folder: Path) -> str:
    """Return why there is no plugin in *folder*, which has no settings file."""
    near = sorted(each.name for each in folder.iterdir() if each.stem == "config")
    what = f"the folder has no {CONFIG_FILE}, so there is no plugin in it"
    if near:
        return f"{what}; {near[0]!r} is not read, rename it to {CONFIG_FILE}"
    return f"{what}; write one that names 'module' and 'class', or remove the folder"


def _read(file: Path, environ: Mapping[str, str]) -> FoundPlugin:
    from claimx_pipeline.settings.loading.yaml_nodes import read_yaml  # noqa: PLC0415 - only if used

    folder, name = file.parent, file.parent.name
    try:
        if not file.exists():
            return FoundPlugin(name, folder, problem=_without_config(folder))
    except OSError as error:
        problem = f"{file} cannot be read: {reason_of(error)}; see to it that it can"
        return FoundPlugin(name, folder, problem=problem)
    try:
        given = read_yaml(file, environ)
        if isinstance(given.get("name"), str):
            name = given["name"]
        # As it is: what it must look like is known once the class is loaded.
        config = _mapping(given.pop("config", {}), file)
        content = structure_config(given, DirectoryPlugin, str(file))
    except ClaimxError as error:
        return FoundPlugin(name, folder, problem=_readable(error))
    return FoundPlugin(name, folder, evolve(content, config=config))


def _mapping(config: Any, file: Path) -> Mapping[str, Any]:
    if not isinstance(config, Mapping):
        raise ClaimxError(f"{file}: config: must be a mapping of settings")
    return config


def _readable(error: ClaimxError) -> str:
    """Return all problems in one line."""
    if not isinstance(error, SettingsError):
        return str(error)
    return "; ".join(str(problem) for problem in error.problems)


def module_of_file(file: Path) -> ModuleType:
    """Import a plugin's own file under a name that no other module has."""
    name = f"claimx_directory_plugin_{file.parent.name}_{file.stem}"
    spec = importlib.util.spec_from_file_location(name, file)
    if spec is None or spec.loader is None:
        raise ClaimxError(f"{file} cannot be imported")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module
