"""The commands of ``claimx-run``: those of the core, then those of plugins, no name twice."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from pathlib import Path
from typing import Any

from claimx_pipeline.errors import ClaimxError, Refusals
from claimx_pipeline.hooks.command import Command
from claimx_pipeline.isolation import as_failure, described
from claimx_pipeline.plugins.host.answers import (
    called,
    owner,
    require_kind,
    section_of,
    several,
    shown,
)
from claimx_pipeline.plugins.host.directory import CONFIG_FILE, module_of_file
from claimx_pipeline.plugins.host.load_checks import CORE
from claimx_pipeline.plugins.host.loading import PluginInfo, PluginSet

HOOK = "claimx_register_commands"


def commands_of(plugins: PluginSet, refusals: Refusals) -> dict[str, tuple[str, Command]]:
    """Return every command by name, each with the plugin that adds it.

    Raises:
        ClaimxError: A plugin raised or returned something else, or two have one name.
    """
    found: dict[str, tuple[str, Command]] = {}
    implementations = plugins.manager.hook.claimx_register_commands.get_hookimpls()
    for each in sorted(implementations, key=lambda one: (one.plugin_name != CORE, one.plugin_name)):
        plugin = each.plugin_name
        for command in _commands(plugin, each.function, refusals):
            with refusals.of(section_of(plugin)):
                _check(plugin, command)
                if command.name in found:
                    other, _ = found[command.name]
                    raise ClaimxError(
                        f"{owner(plugin)} adds the command {command.name!r}, which {owner(other)} "
                        "has already; give it another name"
                    )
                found[command.name] = plugin, command
    return found


def target_of(command: Command, plugin: PluginInfo | None = None) -> Any:
    """Return what *command* runs.

    Args:
        command: The command.
        plugin: Who adds it; None for the core.

    Raises:
        ClaimxError: Its module cannot be imported, or has nothing of that name.
    """
    module, _, attribute = command.target.partition(":")
    try:
        origin = Path(plugin.origin) if plugin else Path()
        file = origin.parent / f"{module}.py"
        if origin.name == CONFIG_FILE and file.is_file():
            return getattr(module_of_file(file), attribute)
        return getattr(importlib.import_module(module), attribute)
    except BaseException as error:
        failed = as_failure(error, awaited=False)
        raise ClaimxError(
            f"command {command.name!r} names {command.target!r}, which cannot be imported: "
            f"{described(failed)}; its target is 'module:attribute' of a typer.Typer"
        ) from error


def _commands(plugin: str, function: Callable[[], object], refusals: Refusals) -> list[Command]:
    with refusals.of(section_of(plugin)):
        answer = called(plugin, HOOK, function)
        return [] if answer is None else several(HOOK, plugin, answer)
    return []


def _check(plugin: str, command: Command) -> None:
    """See that *command* can be listed and run.

    Raises:
        ClaimxError: It cannot.
    """
    require_kind(HOOK, plugin, command, "command")
    for what, text in (
        ("summary", command.summary),
        ("target", command.target),
        ("panel", command.panel),
    ):
        if not isinstance(text, str):
            raise ClaimxError(
                f"{owner(plugin)} adds the command {command.name!r} with the {what} "
                f"{shown(text)}; write text"
            )
    if any(character.isspace() for character in command.name) or command.name.startswith("-"):
        raise ClaimxError(
            f"{owner(plugin)} adds the command {command.name!r}, which cannot be typed; choose a "
            "name without blanks that does not begin with '-'"
        )
    module, _, attribute = command.target.partition(":")
    if not module or not attribute:
        raise ClaimxError(
            f"{owner(plugin)} adds the command {command.name!r} with the target "
            f"{command.target!r}; write 'module:attribute' of a typer.Typer"
        )
