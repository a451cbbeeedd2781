"""The settings from all their sources: the only module that knows the order of precedence.

Later wins: defaults, the defaults of plugins, files, the environment, the command line.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from functools import partial
from typing import TypeVar

import attrs
from attrs import field, frozen

from claimx_pipeline.errors import Problem, SettingsError
from claimx_pipeline.settings.loading.environment import (
    lay_environment,
    lay_overrides,
    unread_variables,
)
from claimx_pipeline.settings.loading.expand import expand
from claimx_pipeline.settings.loading.former_keys import without_former
from claimx_pipeline.settings.loading.leaves import leaves
from claimx_pipeline.settings.loading.nodes import (
    Block,
    Items,
    Location,
    Node,
    Scalar,
    ValueOrigin,
    find,
    from_value,
    merge,
)
from claimx_pipeline.settings.loading.objects import as_plain, shape
from claimx_pipeline.settings.loading.paths import SettingPath, format_path, parse_path, touches
from claimx_pipeline.settings.loading.scalars import RefusedError
from claimx_pipeline.settings.loading.sources import SettingsSources, read_sources
from claimx_pipeline.settings.loading.spellings import canonical
from claimx_pipeline.settings.loading.structure import Structurer
from claimx_pipeline.settings.loading.unresolved import UnresolvedSetting
from claimx_pipeline.settings.tree.plugins import PluginsSettings
from claimx_pipeline.settings.tree.settings import CORE_ENVIRONMENT, Settings, SettingsSection

__all__ = [
    "LoadedSettings",
    "SettingsSources",
    "load_settings",
    "plugins_settings",
    "read_sources",
    "require",
]

T = TypeVar("T")


@frozen(kw_only=True)
class LoadedSettings:
    """The settings, and where each of them comes from."""

    settings: Settings
    """The settings."""
    origins: Mapping[str, str]
    """Dotted path of every leaf to ``default``, ``FILE:LINE``, ``environment VAR``,
    ``command line`` or ``plugin NAME``."""
    warnings: tuple[Problem, ...] = ()
    """What is unwise or without effect."""
    unresolved: tuple[UnresolvedSetting, ...] = ()
    """Settings that wait for a variable; using one raises, ``require`` asks beforehand."""
    sections: tuple[SettingsSection, ...] = ()
    """What plugins registered."""
    root: Block = field(repr=False)
    """The settings as they were read, with the environment filled in."""

    def structured(self, path: str, kind: type[T], over: T | None = None) -> T:
        """Return the free-form settings at *path* as a *kind*; problems name file and line.

        Args:
            path: Dotted path; nothing there counts as an empty block.
            kind: attrs class.
            over: What holds where the settings say nothing; the class's defaults if None.

        Raises:
            SettingsError: They are wrong, or a variable they name has no value.
        """
        setting = parse_path(path)
        node = find(self.root, setting) or Block({}, ValueOrigin.named(""))
        if over is not None:
            node = merge(from_value(as_plain(over), ValueOrigin.named(path)), node)
        structurer = Structurer()
        problems: list[Problem] = []
        built: T | None = None
        try:
            built = structurer.build(Location(node, setting), kind)
        except RefusedError as refused:
            problems = refused.problems
        problems += [setting.problem for setting in structurer.unresolved]
        if problems or built is None:
            raise SettingsError(problems)
        return built


def load_settings(
    sources: SettingsSources, sections: Sequence[SettingsSection] = (), *, known: bool = True
) -> LoadedSettings:
    """Return the settings that *sources* and the plugins' *sections* add up to.

    Args:
        sources: What was read.
        sections: What plugins register.
        known: Whether these are all sections there are; a further one is passed over if not.

    Raises:
        SettingsError: With every problem there is.
    """
    problems = [*sources.problems, *_section_problems(sections)]
    lowest: Node = Block({}, ValueOrigin.named(""))
    for section in sections:
        lowest = merge(lowest, _plugin_defaults(section, problems))
    root = _layered(sources, merge(lowest, sources.root), sections, problems)
    former_keys = {key: advice for each in sections for key, advice in each.former_keys.items()}
    root = without_former(root, former_keys, problems)
    if not known:
        names = {*shape(Settings)[0], *(each.name for each in sections)}
        own = {key: node for key, node in root.entries.items() if key in names}
        root = attrs.evolve(root, entries=own)
    structurer = Structurer({each.name: each.kind for each in sections if each.kind is not None})
    settings: Settings | None = None
    try:
        settings = structurer.build(Location(root), Settings)
    except RefusedError as refused:
        problems += refused.problems
    if problems or settings is None:
        raise SettingsError(_unique(problems))
    former = [variable for each in sections for variable in each.former]
    unread = unread_variables(sources.environ, _tables(sections), _referred(root), former)
    return LoadedSettings(
        settings=settings,
        origins=_origins(settings, root),
        warnings=(*sources.warnings, *unread),
        unresolved=tuple(structurer.unresolved),
        sections=tuple(sections),
        root=root,
    )


def plugins_settings(sources: SettingsSources) -> PluginsSettings:
    """Return the ``plugins`` section alone, which says which plugins are to be loaded.

    Raises:
        SettingsError: It is wrong; problems of the rest, as far as they can be known
            without the plugins, are named as well.
    """
    if "plugins" not in sources.root.entries and not sources.overrides:
        return PluginsSettings()
    problems: list[Problem] = []
    root = _layered(sources, sources.root, (), problems)
    found = root.entries.get("plugins", Block({}, root.origin))
    structurer = Structurer()
    try:
        built: PluginsSettings = structurer.build(Location(found, ("plugins",)), PluginsSettings)
    except RefusedError as refused:
        problems += refused.problems
    else:
        if not structurer.broken:
            return built
    try:
        Structurer(sections=None).build(Location(root), Settings)
    except RefusedError as refused:
        problems += refused.problems
    raise SettingsError(_unique([*sources.problems, *problems]))


def require(loaded: LoadedSettings, paths: Iterable[str]) -> None:
    """See that nothing at or under *paths* waits for a variable.

    Args:
        loaded: The settings.
        paths: Dotted prefixes of the settings that are about to be used.

    Raises:
        SettingsError: Naming every variable, setting, file and line.
    """
    wanted = [parse_path(path) for path in paths]
    problems = [
        setting.problem
        for setting in loaded.unresolved
        if any(touches(setting.location, path) for path in wanted)
    ]
    if problems:
        raise SettingsError(problems)


def _layered(
    sources: SettingsSources,
    files: Node,
    sections: Sequence[SettingsSection],
    problems: list[Problem],
) -> Block:
    """Return *files* with variables filled in, and environment and command line over it."""
    root = expand(Location(files), sources.environ, problems)
    if not isinstance(root, Block):
        raise TypeError("the top of the settings is always a block")
    root = lay_environment(root, _tables(sections), sources.environ, problems)
    return lay_overrides(root, sources.overrides, problems)


def _tables(sections: Sequence[SettingsSection]) -> list[Mapping[str, str]]:
    return [CORE_ENVIRONMENT, *(section.environment for section in sections)]


def _plugin_defaults(section: SettingsSection, problems: list[Problem]) -> Node:
    from claimx_pipeline.settings.loading.yaml_nodes import (  # noqa: PLC0415 - slow, not always needed
        parse_yaml,
    )

    parsed = parse_yaml(section.defaults, partial(_line_of_plugin, section.name))
    problems += parsed.problems
    return canonical(parsed.root, problems)


def _line_of_plugin(name: str, line: int) -> ValueOrigin:
    return ValueOrigin(f"plugin {name}", f"plugin {name}, line {line} of its default settings")


def _section_problems(sections: Sequence[SettingsSection]) -> Iterator[Problem]:
    core = set(shape(Settings)[0])
    seen: set[str] = set()
    for section in sections:
        where = f"plugin {section.name}"
        if section.name in core:
            yield Problem(where, f"its settings section {section.name!r} is a section of the core")
        if section.name in seen:
            yield Problem(where, f"two plugins register a settings section {section.name!r}")
        if section.kind is not None and not attrs.has(section.kind):
            kind = getattr(section.kind, "__qualname__", type(section.kind).__name__)
            yield Problem(where, f"its settings class {kind} is not an attrs class")
        seen.add(section.name)


def _origins(settings: Settings, root: Block) -> dict[str, str]:
    return {format_path(leaf.path): _origin(root, leaf.path) for leaf in leaves(settings)}


def _origin(root: Block, path: SettingPath) -> str:
    node = find(root, path)
    if node is None or not node.origin.label:
        return "default"
    if isinstance(node, Scalar) and node.blank:
        return "default"
    return node.origin.label


def _referred(node: Node) -> Iterator[str]:
    """Yield the variables that the texts beneath *node* name."""
    match node:
        case Block():
            for child in node.entries.values():
                yield from _referred(child)
        case Items():
            for child in node.items:
                yield from _referred(child)
        case Scalar():
            yield from node.variables
            yield from (gap.variable for gap in node.missing)


def _unique(problems: Sequence[Problem]) -> list[Problem]:
    return list({str(problem): problem for problem in problems}.values())
