"""The commands of ``claimx-run``: those of the core, then those of plugins, no name twice."""

from __future__ import annotations

from collections.abc import Callable

from claimx_pipeline.errors import ClaimxError, Refusals
from claimx_pipeline.hooks.command import Command
from claimx_pipeline.plugins.host.answers import (
    called,
    owner,
    require_kind,
    section_of,
    several,
    shown,
)
from claimx_pipeline.plugins.host.load_checks import CORE
from claimx_pipeline.plugins.host.loading import PluginSet

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
