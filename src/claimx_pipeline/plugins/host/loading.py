"""Finds plugins (installed packages, a directory), checks them and names the culprit."""

from __future__ import annotations

import inspect
import logging
import re
from collections import defaultdict
from collections.abc import Callable, Iterable, Mapping
from importlib import metadata
from pathlib import Path
from types import ModuleType
from typing import Any, Literal

import pluggy
from attrs import define, field, frozen

from claimx_pipeline import hookspecs
from claimx_pipeline.errors import (
    ClaimxError,
    PluginLoadError,
    Problem,
    Refusals,
    SettingsError,
)
from claimx_pipeline.hooks.markers import PROJECT
from claimx_pipeline.isolation import as_failure, described, message
from claimx_pipeline.plugins.host.heard_domains import domains_of
from claimx_pipeline.plugins.host.load_checks import (
    CORE,
    as_sentence,
    check_api,
    check_name,
    refuse_order,
    unresolved_in,
)
from claimx_pipeline.plugins.literals import literal_credentials
from claimx_pipeline.settings.tree.plugins import PluginSettings, PluginsSettings

log = logging.getLogger(__name__)

DEFAULT_PRIORITY = 100

State = Literal["loaded", "disabled", "failed"]


@frozen
class PluginInfo:
    """One plugin as ``claimx-run plugins list`` shows it."""

    name: str
    origin: str
    """Distribution and version, or the file it was read from."""
    state: State
    priority: int = DEFAULT_PRIORITY
    hooks: tuple[str, ...] = ()
    problem: str = ""
    """Why it could not be loaded."""
    version: str = ""
    timeout_seconds: float = 5.0
    description: str = ""
    domains: tuple[str, ...] | None = None
    """Domains whose events and files it wants to see; None for those of all."""


@define
class Candidate:
    """A plugin that was found and is not loaded yet."""

    name: str
    origin: str
    load: Callable[[], Any]
    """Returns a module, an object, or a ``Plugin`` class."""
    required: bool
    enabled: bool = True
    version: str = ""
    priority: int | None = None
    config: Mapping[str, Any] = field(factory=dict, repr=False)
    """The ``config`` beside the plugin; the settings override it."""

    @property
    def where(self) -> str:
        """Dotted path of its settings, after the file that they begin in."""
        path = f"plugins.{self.name}.config"
        return f"{self.origin}: {path}" if self.config else path


@define
class PluginSet:
    """All plugins that were found, and pluggy's manager with those that were loaded."""

    manager: pluggy.PluginManager
    infos: dict[str, PluginInfo] = field(factory=dict)
    warnings: list[Problem] = field(factory=list)
    """What is unwise in their settings."""
    unresolved: list[Problem] = field(factory=list)
    """What in their own files waits for a variable; plugins cannot be run without."""
    left_out: list[Problem] = field(factory=list)
    """Why plugins that need not be there could not be loaded."""
    not_found: list[Problem] = field(factory=list)
    """Folders that settings name for plugins and that do not exist."""

    def priority(self, name: str) -> int:
        """Return the priority of plugin *name*."""
        info = self.infos.get(name)
        return info.priority if info else DEFAULT_PRIORITY

    def timeout_seconds(self, name: str) -> float:
        """Return how long plugin *name* may take over one event."""
        info = self.infos.get(name)
        return info.timeout_seconds if info else PluginSettings().timeout_seconds

    def loaded(self) -> list[tuple[str, Any]]:
        """Return the loaded plugins by name, the core's own left out."""
        pairs = self.manager.list_name_plugin()
        return sorted((name, plugin) for name, plugin in pairs if plugin and name != CORE)


def load_plugins(  # noqa: PLR0913 - each is one thing to know
    settings: PluginsSettings,
    *,
    core: ModuleType,
    directory: Path | None,
    environ: Mapping[str, str] | None = None,
    tolerant: bool = False,
    refusals: Refusals | None = None,
) -> PluginSet:
    """Return every enabled plugin, loaded, besides *core*.

    Args:
        settings: The ``plugins`` section.
        core: The module with the pipeline's own hook implementations.
        directory: Folder of directory plugins; None for none.
        environ: Fills ``${VAR}`` in their files.
        tolerant: Leave out what cannot be loaded, whatever the settings say, and let the
            story of each tell. For commands that only look.
        refusals: Where a required plugin that cannot be loaded is raised or collected; raised
            if not given.

    Raises:
        PluginLoadError: A required plugin cannot be loaded, two plugins have one name,
            or a plugin implements a hook that does not exist.
    """
    plugins = PluginSet(pluggy.PluginManager(PROJECT))
    plugins.manager.add_hookspecs(hookspecs)
    plugins.manager.register(core, name=CORE)
    by_name: defaultdict[str, list[Candidate]] = defaultdict(list)
    for candidate in (*_installed(settings), *_in_directory(settings, directory, environ or {})):
        by_name[candidate.name].append(candidate)
    refusals = refusals or Refusals()
    for name, found in sorted(by_name.items()):
        with refusals.of(f"plugins.{name}"):
            _load(plugins, found, settings.of(name), tolerant=tolerant)
    return plugins


def _entry_points() -> Iterable[metadata.EntryPoint]:
    """Yield the entry points of plugins of everything that is installed, each once.

    ``metadata.entry_points`` takes the first of two folders that a distribution has for its only
    one, also if that is empty, as an interrupted installation leaves it.
    """
    seen: set[tuple[str, str]] = set()
    for distribution in metadata.distributions():
        points = distribution.entry_points.select(group=PROJECT)
        if not points or not any(map(distribution.read_text, ("METADATA", "PKG-INFO"))):
            continue
        for point in points:
            key = (re.sub(r"[-_.]+", "-", distribution.name or "").lower(), point.name)
            if key not in seen:
                seen.add(key)
                yield point


def _installed(settings: PluginsSettings) -> Iterable[Candidate]:
    for point in _entry_points():
        yield Candidate(
            point.name,
            f"{point.dist.name} {point.dist.version}" if point.dist else point.value,
            point.load,
            required=settings.of(point.name).required is not False,
            version=point.dist.version if point.dist else "",
        )


def _in_directory(
    settings: PluginsSettings, directory: Path | None, environ: Mapping[str, str]
) -> Iterable[Candidate]:
    if directory is None:
        return
    from claimx_pipeline.plugins.host import directory as directory_plugins  # noqa: PLC0415 - only if used

    for found in directory_plugins.find(directory, environ):
        content = found.content
        yield Candidate(
            found.name,
            found.origin,
            found.load,
            required=settings.of(found.name).required is True,
            enabled=content.enabled if content else True,
            priority=content.priority if content else None,
            config=content.config if content else {},
        )


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
    plugins: PluginSet, found: list[Candidate], settings: PluginSettings, *, tolerant: bool
) -> None:
    """Load the one candidate of a name; two are refused."""
    candidate = found[0]
    name, origin = candidate.name, " and ".join(each.origin for each in found)
    if not settings.enabled or not any(each.enabled for each in found):
        plugins.infos[name] = PluginInfo(name, origin, "disabled", version=candidate.version)
        return
    # Which of two plugins of one name is meant cannot be known.
    required = len(found) > 1 or any(each.required for each in found)
    try:
        check_name(name, len(found))
        plugin = _made(plugins, candidate, settings)
        with as_sentence(plugins.manager):
            plugins.manager.register(plugin, name=name)
            plugins.manager.check_pending()
        refuse_order(plugins.manager, plugin)
        plugins.infos[name] = _info(plugins, candidate, plugin, settings)
    except BaseException as raised:  # noqa: BLE001 - of any class: see below
        # Whatever the plugin's module raises at import is reported as that plugin's failure,
        # a sys.exit() as well: it must not end the command without a word.
        error = as_failure(raised, awaited=False)
        reason = _reason(error)
        if plugins.manager.has_plugin(name) and name != CORE:
            plugins.manager.unregister(name=name)
        plugins.infos[name] = PluginInfo(
            name, origin, "failed", problem=reason, version=candidate.version
        )
        if tolerant:
            return
        if required:
            raise PluginLoadError(name, origin, reason) from error
        said = f"plugin {name!r} ({origin}) is left out: {reason}"
        plugins.left_out.append(Problem(f"plugins.{name}", said))


def _info(
    plugins: PluginSet, candidate: Candidate, plugin: Any, settings: PluginSettings
) -> PluginInfo:
    given = (settings.priority, candidate.priority, getattr(plugin, "priority", None))
    return PluginInfo(
        candidate.name,
        candidate.origin,
        "loaded",
        next((each for each in given if isinstance(each, int)), DEFAULT_PRIORITY),
        _hooks(plugins, plugin),
        version=candidate.version or str(getattr(plugin, "version", "")),
        timeout_seconds=settings.timeout_seconds,
        description=str(getattr(plugin, "description", "")),
        domains=domains_of(plugin),
    )


def _hooks(plugins: PluginSet, plugin: Any) -> tuple[str, ...]:
    """Return the hooks that are called, without what a ``Plugin`` inherits and has no use for."""
    names = {caller.name for caller in plugins.manager.get_hookcallers(plugin) or ()}
    if _is_plugin_object(plugin):
        from claimx_pipeline.plugins.base import listens  # noqa: PLC0415 - slow to import

        names = {name for name in names if listens(plugin, name)}
    return tuple(sorted(names))


def _is_plugin_object(plugin: Any) -> bool:
    """Return whether *plugin* is a ``Plugin``, without importing that for those that are not."""
    mro = type(plugin).__mro__
    return any(kind.__module__ == "claimx_pipeline.plugins.base" for kind in mro)


def _reason(error: Exception) -> str:
    if isinstance(error, SettingsError):
        return "; ".join(map(str, error.problems))
    return message(error) if isinstance(error, ClaimxError) else described(error)


def _made(plugins: PluginSet, candidate: Candidate, settings: PluginSettings) -> Any:
    """Return the object to register: a module, an object, or a ``Plugin`` made from its class."""
    plugin = candidate.load()
    check_api(getattr(plugin, "requires_api", ""))
    domains_of(plugin)
    config = {**candidate.config, **settings.config}
    if inspect.isclass(plugin):
        from claimx_pipeline.plugins.base import Plugin  # noqa: PLC0415 - slow to import

        if not issubclass(plugin, Plugin):
            raise ClaimxError(f"class {plugin.__name__} is not a claimx_pipeline.Plugin")
        made = plugin.from_settings(config, candidate.where)
        made.name = candidate.name
        plugin = made
    elif config:
        raise ClaimxError(
            f"plugins.{candidate.name}.config: this plugin reads no settings from here; "
            "see its documentation for its own section"
        )
    if _is_plugin_object(plugin):
        from claimx_pipeline.plugins.base import problem_of  # noqa: PLC0415 - slow to import

        if problem := problem_of(plugin):
            raise ClaimxError(problem)
    plugins.warnings += literal_credentials(config, candidate.where)
    plugins.unresolved += unresolved_in(candidate.config, candidate.where)
    return plugin
