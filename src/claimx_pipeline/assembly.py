"""From sources to settings and plugins: what is loaded before a pipeline can be made of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from attrs import evolve, field, frozen

from claimx_pipeline import builtin
from claimx_pipeline.errors import Problem, Refusals, SettingsError, collecting
from claimx_pipeline.plugins.host.candidate import Candidate
from claimx_pipeline.plugins.host.given import given_plugins
from claimx_pipeline.plugins.host.loading import PluginSet, files_of_plugins, load_plugins
from claimx_pipeline.plugins.host.sections import settings_sections
from claimx_pipeline.settings.loader import (
    LoadedSettings,
    SettingsSources,
    load_settings,
    plugins_settings,
    read_sources,
)
from claimx_pipeline.settings.loading.nodes import Block, ValueOrigin, find
from claimx_pipeline.settings.loading.sources import lay_beneath
from claimx_pipeline.settings.tree.plugins import PluginsSettings
from claimx_pipeline.settings.tree.settings import SettingsSection


@frozen
class Assembled:
    """Settings and plugins that go together."""

    loaded: LoadedSettings
    plugins: PluginSet
    complete: bool = True
    """Whether nothing was refused: no plugin is missing, no section of the settings."""
    with_settings: bool = True
    """False if the settings were refused: those here are the defaults."""


@frozen
class Sources:
    """Where settings and plugins are read from."""

    config: Path | None
    """Settings file or folder; None for ``claimx.yaml`` in ``cwd``, if there."""
    environ: Mapping[str, str] = field(repr=False)
    """Environment variables."""
    overrides: Mapping[str, str] = field(factory=dict, repr=False)
    """Dotted path of a setting to its text; wins over everything."""
    cwd: Path = field(factory=Path.cwd)
    """Folder in which ``claimx.yaml`` and the plugins directory are looked for."""
    settings: Mapping[str, Any] | None = field(default=None, repr=False)
    """What a settings file would say; then no file is read."""
    plugins: Sequence[object] = ()
    """Plugins beside those that are found: objects, classes of ``Plugin`` or modules."""


def assemble(sources: Sources, refusals: Refusals) -> Assembled | None:
    """Read the settings and load the plugins.

    Args:
        sources: Where they are.
        refusals: Where everything that is wrong is raised or collected.

    Returns:
        Both; None if the settings say nothing that can be used, not even with defaults.

    Raises:
        ClaimxError: Something is wrong and *refusals* does not collect.
    """
    with refusals.of():
        read = read_sources(
            sources.config,
            environ=sources.environ,
            overrides=sources.overrides,
            cwd=sources.cwd,
            settings=sources.settings,
        )
        return _with_plugins(read, plugins_settings(read), sources, refusals)
    return None


def found_plugins(config: Path | None, *, environ: Mapping[str, str], cwd: Path) -> PluginSet:
    """Return every plugin there is, loaded if it can be; for those who only look.

    Raises:
        SettingsError: The section ``plugins`` is wrong.
    """
    sources = read_sources(config, environ=environ, cwd=cwd)
    wanted = plugins_settings(sources)
    unreadable: list[Problem] = []
    directory = None
    with collecting(unreadable):
        directory = _directory(sources, wanted, cwd)
    plugins = load_plugins(
        wanted, core=builtin, directory=directory, environ=environ, tolerant=True
    )
    plugins.not_found += [*unreadable, *_missing_directory(sources, directory)]
    return plugins


def _with_plugins(
    read: SettingsSources, wanted: PluginsSettings, sources: Sources, refusals: Refusals
) -> Assembled | None:
    cwd = sources.cwd
    directory = None
    with refusals.of():
        directory = _directory(read, wanted, cwd)
    given: list[Candidate] = []
    with refusals.of("plugins"):
        given += given_plugins(sources.plugins)
    plugins = load_plugins(
        wanted,
        core=builtin,
        directory=directory,
        environ=read.environ,
        refusals=refusals,
        given=given,
    )
    # No refusal: earlier versions started so. One that must run is ``required``.
    plugins.not_found += _missing_directory(read, directory)
    if directory is not None:
        with refusals.of():
            read = lay_beneath(read, files_of_plugins(directory, plugins), cwd)
    sections = settings_sections(plugins, refusals)
    # An unknown section may be that of a plugin that could not be loaded.
    complete = not refusals.found
    with refusals.of():
        loaded = load_settings(read, sections, known=complete)
        plugins_said = (*plugins.not_found, *plugins.left_out, *plugins.warnings)
        warnings = (*loaded.warnings, *plugins_said)
        return Assembled(evolve(loaded, warnings=warnings), plugins, complete)
    return _with_defaults(plugins, sections)


def _with_defaults(plugins: PluginSet, sections: Sequence[SettingsSection]) -> Assembled | None:
    """Return the plugins with default settings: what they register can still be looked at."""
    nothing = SettingsSources(root=Block({}, ValueOrigin.named("")))
    try:
        loaded = load_settings(nothing, sections)
    except SettingsError:
        return None
    return Assembled(loaded, plugins, complete=False, with_settings=False)


def _directory(sources: SettingsSources, wanted: PluginsSettings, cwd: Path) -> Path | None:
    """Return the folder of plugins, which need not be there.

    Raises:
        SettingsError: It is there and cannot be read.
    """
    if not wanted.dir:
        return None
    from claimx_pipeline.plugins.host.directory import see_into  # noqa: PLC0415 - only if used

    folder = cwd / wanted.dir
    see_into(folder, _origin(sources))
    return folder


def _origin(sources: SettingsSources) -> str:
    """Return where the folder of plugins is set."""
    node = find(sources.root, ("plugins", "dir"))
    named = node is not None and "plugins.dir" not in sources.overrides
    return f"{node.origin.where}: plugins.dir" if node is not None and named else "plugins.dir"


def _missing_directory(sources: SettingsSources, folder: Path | None) -> list[Problem]:
    """Return that the folder of plugins is set and is not there."""
    given = find(sources.root, ("plugins", "dir")) or "plugins.dir" in sources.overrides
    if folder is None or not given or folder.is_dir():
        return []
    what = "is not a folder" if folder.exists() else "does not exist"
    return [
        Problem(
            _origin(sources),
            f"folder {str(folder)!r} {what}, so none of its plugins would run; correct the path, "
            "make the folder, or remove the setting",
        )
    ]
