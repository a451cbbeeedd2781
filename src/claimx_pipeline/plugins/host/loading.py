"""Finds plugins (installed packages, a directory), checks them and names the culprit."""

from __future__ import annotations

import inspect
import logging
import re
import warnings
from collections import defaultdict
from collections.abc import Iterable, Mapping
from importlib import metadata
from pathlib import Path
from types import ModuleType
from typing import Any

import pluggy
from attrs import define, field

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
from claimx_pipeline.plugins.host.candidate import Candidate
from claimx_pipeline.plugins.host.heard_domains import domains_of
from claimx_pipeline.plugins.host.info import DEFAULT_PRIORITY, PluginInfo
from claimx_pipeline.plugins.host.load_checks import (
    CORE,
    as_sentence,
    check_api,
    check_name,
    refuse_order,
    unresolved_in,
)
from claimx_pipeline.plugins.literals import literal_credentials
from claimx_pipeline.plugins.shipped import switched_on
from claimx_pipeline.settings.tree.plugins import PluginSettings, PluginsSettings

log = logging.getLogger(__name__)


@define
class PluginSet:
    """All plugins that were found, and pluggy's manager with those that were loaded."""

    manager: pluggy.PluginManager
    """The manager of pluggy, with those that were loaded."""
    infos: dict[str, PluginInfo] = field(factory=dict)
    """Every plugin that was found, by name."""
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
    given: Iterable[Candidate] = (),
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
        given: Plugins that the caller has made, beside those that are found.

    Raises:
        PluginLoadError: A required plugin cannot be loaded, two plugins have one name,
            or a plugin implements a hook that does not exist.
    """
    plugins = PluginSet(pluggy.PluginManager(PROJECT))
    plugins.manager.add_hookspecs(hookspecs)
    plugins.manager.register(core, name=CORE)
    by_name: defaultdict[str, list[Candidate]] = defaultdict(list)
    found = (*_installed(settings), *_in_directory(settings, directory, environ or {}))
    for candidate in (*found, *given):
        by_name[candidate.name].append(candidate)
    for point in switched_on(settings):
        by_name.setdefault(point.name, [Candidate(point.name, "shipped", point.load, True)])
    refusals = refusals or Refusals()
    for name, candidates in sorted(by_name.items()):
        with refusals.of(f"plugins.{name}"):
            _load(plugins, candidates, settings.of(name), tolerant=tolerant)
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
            plugins.warnings += _registered(plugins.manager, plugin, name)
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


def _registered(manager: pluggy.PluginManager, plugin: Any, name: str) -> list[Problem]:
    """Register *plugin*; return a warning for each hook of its that is about to leave."""
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        manager.register(plugin, name=name)
    return [Problem(f"plugins.{name}", str(each.message)) for each in caught]


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
