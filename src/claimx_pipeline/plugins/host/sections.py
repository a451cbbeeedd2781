"""The sections that plugins add to the settings, asked for before the settings are read."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import attrs

from claimx_pipeline.errors import ClaimxError, HookFailedError, Refusals
from claimx_pipeline.plugins.host.answers import called, owner, require_kind, section_of, shown
from claimx_pipeline.plugins.host.load_checks import CORE
from claimx_pipeline.plugins.host.loading import PluginSet
from claimx_pipeline.settings.former import FormerVariable
from claimx_pipeline.settings.tree.settings import SettingsSection

HOOK = "claimx_register_settings"


def settings_sections(plugins: PluginSet, refusals: Refusals) -> list[SettingsSection]:
    """Return the sections of the core and of the plugins, those of the core first.

    Raises:
        ClaimxError: A plugin raised, or its section cannot be used.
    """
    found: dict[str, SettingsSection] = {}
    owners: dict[str, str] = {}
    implementations = plugins.manager.hook.claimx_register_settings.get_hookimpls()
    for each in sorted(implementations, key=lambda one: (one.plugin_name != CORE, one.plugin_name)):
        with refusals.of(section_of(each.plugin_name)):
            section = called(each.plugin_name, HOOK, each.function)
            if section is not None:
                _check(each.plugin_name, section)
                other = owners.setdefault(section.name, each.plugin_name)
                if section.name in found:
                    raise ClaimxError(
                        f"{owner(each.plugin_name)} registers settings section {section.name!r}, "
                        f"which {owner(other)} has registered already; give one of them another "
                        "name"
                    )
                found[section.name] = section
    return [*found.values()]


def _check(plugin: str, section: Any) -> None:
    """See that *section* can be read from settings.

    Raises:
        HookFailedError: It is something else, or a part of it is.
    """
    require_kind(HOOK, plugin, section, "settings section")
    if problem := _fault(section):
        said = f"section {section.name!r} {problem}"
        raise HookFailedError(plugin, HOOK, said)


def _fault(section: SettingsSection) -> str:
    if section.kind is not None and not attrs.has(section.kind):
        return f"has the class {shown(section.kind)}, which is not an attrs class"
    if not isinstance(section.environment, Mapping) or not all(
        isinstance(each, str) for pair in section.environment.items() for each in pair
    ):
        return f"has the environment {shown(section.environment)}; map variables to dotted paths"
    if not isinstance(section.defaults, str):
        return f"has the defaults {shown(section.defaults)}; write them as YAML text"
    if not all(isinstance(each, FormerVariable) for each in section.former):
        return "has a 'former' that is not a FormerVariable"
    return ""
