"""Finds plugins (installed packages, a directory), checks them and names the culprit."""

from __future__ import annotations

import importlib
import importlib.util
import inspect
import logging
import sys
from collections.abc import Mapping
from importlib import metadata
from pathlib import Path
from types import ModuleType
from typing import Any

import pluggy
from attrs import define, field, frozen

from claimx_pipeline import hookspecs
from claimx_pipeline.errors import ClaimxError, PluginLoadError
from claimx_pipeline.settings.tree import PluginSettings, PluginsSettings

log = logging.getLogger(__name__)

CORE = "core"
"""Name under which the pipeline's own parts are registered."""


@frozen
class PluginInfo:
    """One plugin as ``claimx-run plugins list`` shows it."""

    name: str
    origin: str
    """Distribution and version, or the file it was read from."""
    state: str
    """``loaded``, ``disabled`` or ``left out``."""
    priority: int = 100
    hooks: tuple[str, ...] = ()
    problem: str = ""


@define
class Candidate:
    """A plugin that was found and is not loaded yet."""

    name: str
    origin: str
    required: bool
    entry_point: metadata.EntryPoint | None = None
    directory: Mapping[str, Any] = field(factory=dict)
    """What ``config.yaml`` of a directory plugin says."""
    path: Path | None = None


@define
class PluginSet:
    """All plugins that were found, and pluggy's manager with those that were loaded."""

    manager: pluggy.PluginManager
    infos: dict[str, PluginInfo] = field(factory=dict)

    def priority(self, name: str) -> int:
        """Return the priority of plugin *name*."""
        info = self.infos.get(name)
        return info.priority if info else 100

    def loaded(self) -> list[tuple[str, Any]]:
        """Return the loaded plugins by name, the core's own left out."""
        pairs = self.manager.list_name_plugin()
        return sorted((name, plugin) for name, plugin in pairs if plugin and name != CORE)


def load_plugins(
    settings: PluginsSettings,
    *,
    core: ModuleType,
    directory: Path | None,
    tolerant: bool = False,
) -> PluginSet:
    """Return every enabled plugin, loaded, besides *core*.

    Args:
        settings: The ``plugins`` section.
        core: The module with the pipeline's own hook implementations.
        directory: Folder of directory plugins; None for none.
        tolerant: Leave out what cannot be loaded, with a log line, whatever the
            settings say. For commands that only look.

    Raises:
        PluginLoadError: A required plugin cannot be loaded, two plugins have one name,
            or a plugin implements a hook that does not exist.
    """
    plugins = PluginSet(pluggy.PluginManager(hookspecs.PROJECT))
    plugins.manager.add_hookspecs(hookspecs)
    plugins.manager.register(core, name=CORE)
    for candidate in _candidates(settings, directory):
        _load(plugins, candidate, settings.of(candidate.name), tolerant=tolerant)
    return plugins


def _candidates(settings: PluginsSettings, directory: Path | None) -> list[Candidate]:
    found = [
        Candidate(
            point.name,
            f"{point.dist.name} {point.dist.version}" if point.dist else point.value,
            settings.of(point.name).required is not False,
            entry_point=point,
        )
        for point in metadata.entry_points(group=hookspecs.PROJECT)
    ]
    found += _directory_plugins(settings, directory)
    by_name: dict[str, Candidate] = {}
    for candidate in sorted(found, key=lambda candidate: candidate.name):
        other = by_name.setdefault(candidate.name, candidate)
        if other is not candidate:
            raise PluginLoadError(
                candidate.name, candidate.origin, f"{other.origin} has a plugin of that name too"
            )
    return list(by_name.values())


def _directory_plugins(settings: PluginsSettings, directory: Path | None) -> list[Candidate]:
    if directory is None or not directory.is_dir():
        return []
    from claimx_pipeline.settings.yaml_nodes import read_yaml  # noqa: PLC0415 - only if used

    found = []
    for file in sorted(directory.glob("*/config.yaml")):
        try:
            content = read_yaml(file)
        except ClaimxError as error:
            content = {"name": file.parent.name, "problem": str(error)}
        name = str(content.get("name") or file.parent.name)
        required = settings.of(name).required is True
        found.append(Candidate(name, str(file), required, directory=content, path=file.parent))
    return found


def files_of_plugins(directory: Path, plugins: PluginSet) -> list[tuple[Path, str]]:
    """Return the settings files in the plugins *directory*, each with its one section.

    ``<plugin>/workers.yaml``, unless the plugin there was not loaded, and
    ``shared/connections/*.yaml``.
    """
    out = {info.origin for info in plugins.infos.values() if info.state != "loaded"}
    workers = [
        (file, "workers")
        for file in sorted(directory.glob("*/workers.yaml"))
        if str(file.parent / "config.yaml") not in out
    ]
    connections = sorted(directory.glob("shared/connections/*.yaml"))
    return [*workers, *((file, "connections") for file in connections)]


def _load(
    plugins: PluginSet, candidate: Candidate, settings: PluginSettings, *, tolerant: bool
) -> None:
    name, origin = candidate.name, candidate.origin
    if not (settings.enabled and candidate.directory.get("enabled", True)):
        plugins.infos[name] = PluginInfo(name, origin, "disabled")
        return
    try:
        plugin = _import(candidate, settings)
        plugins.manager.register(plugin, name=name)
        plugins.manager.check_pending()
    except Exception as error:
        # Whatever a stranger's module raises at import is that plugin's story to tell.
        reason = (
            str(error) if isinstance(error, ClaimxError) else f"{type(error).__name__}: {error}"
        )
        if plugins.manager.has_plugin(name):
            plugins.manager.unregister(name=name)
        if candidate.required and not tolerant:
            raise PluginLoadError(name, origin, reason) from error
        log.warning("plugin %r (%s) is left out: %s", name, origin, reason)
        plugins.infos[name] = PluginInfo(name, origin, "left out", problem=reason)
        return
    priority = settings.priority
    if priority is None:
        priority = int(candidate.directory.get("priority", getattr(plugin, "priority", 100)))
    hooks = tuple(sorted(caller.name for caller in plugins.manager.get_hookcallers(plugin) or ()))
    plugins.infos[name] = PluginInfo(name, origin, "loaded", priority, hooks)


def _import(candidate: Candidate, settings: PluginSettings) -> Any:
    """Return the object to register: a module, an object, or a ``Plugin`` made from its class."""
    if candidate.entry_point is not None:
        plugin = candidate.entry_point.load()
    else:
        plugin = _import_from_directory(candidate)
    if inspect.isclass(plugin):
        from claimx_pipeline.plugins.base import Plugin  # noqa: PLC0415 - slow to import

        if not issubclass(plugin, Plugin):
            raise ClaimxError(f"class {plugin.__name__} is no claimx_pipeline.Plugin")
        config = {**candidate.directory.get("config", {}), **settings.config}
        plugin = plugin.from_settings(config, f"plugins.{candidate.name}.config")
        plugin.name = candidate.name
    elif settings.config:
        raise ClaimxError(
            f"plugins.{candidate.name}.config: this plugin reads no settings from here; "
            "see its documentation for its own section"
        )
    return plugin


def _import_from_directory(candidate: Candidate) -> Any:
    content = candidate.directory
    if "problem" in content:
        raise ClaimxError(str(content["problem"]))
    try:
        module_name, class_name = content["module"], content["class"]
    except KeyError as missing:
        raise ClaimxError(f"{candidate.origin} lacks the key {missing}") from missing
    unknown = set(content) - {"name", "module", "class", "enabled", "priority", "config"}
    if unknown:
        raise ClaimxError(f"{candidate.origin} has unknown keys: {', '.join(sorted(unknown))}")
    local = (candidate.path or Path()) / f"{module_name}.py"
    module = _module_of_file(local) if local.is_file() else importlib.import_module(module_name)
    return getattr(module, class_name)


def _module_of_file(file: Path) -> ModuleType:
    """Import a plugin's own file under a name that no other module has."""
    name = f"claimx_directory_plugin_{file.parent.name}_{file.stem}"
    spec = importlib.util.spec_from_file_location(name, file)
    if spec is None or spec.loader is None:
        raise ClaimxError(f"{file} cannot be imported")
    module = importlib.util.module_from_spec(spec)
    sys.modules[name] = module
    spec.loader.exec_module(module)
    return module
