"""Plugins that a program hands over itself, instead of having them installed."""

from __future__ import annotations

import inspect
from collections.abc import Iterable
from types import ModuleType
from typing import Any

from claimx_pipeline.errors import UsageError
from claimx_pipeline.hooks.markers import PROJECT
from claimx_pipeline.plugins.host.candidate import Candidate

ORIGIN = "given to Pipeline.load"
MARK = f"{PROJECT}_impl"
"""What pluggy's marker puts on an implementation of a hook."""


def given_plugins(plugins: Iterable[object]) -> list[Candidate]:
    """Return *plugins* as if they had been found.

    Args:
        plugins: Objects of ``Plugin``, classes of it, modules, or other objects with an
            implementation of a hook.

    Raises:
        UsageError: One of them is nothing of the kind, or it is not a list of them.
    """
    if isinstance(plugins, (str, bytes)) or not isinstance(plugins, Iterable):
        raise UsageError(f"'plugins' is {plugins!r}; give a list of plugins, such as [MyPlugin()]")
    return [
        Candidate(_name(each, at), ORIGIN, _returning(each), required=True)
        for at, each in enumerate(plugins)
    ]


def _returning(plugin: object) -> Any:
    return lambda: plugin


def _name(plugin: object, at: int) -> str:
    """Return what *plugin* is called: by its own word, or by that of its module or class."""
    if not _implements(plugin):
        raise UsageError(
            f"plugins[{at}] is {plugin!r}, which implements no hook; give a Plugin, or an object "
            "or a module with a function marked @hookimpl"
        )
    if isinstance(plugin, ModuleType):
        return plugin.__name__.rpartition(".")[2]
    kind = plugin if inspect.isclass(plugin) else type(plugin)
    return str(getattr(plugin, "name", "")) or kind.__name__.lower()


def _implements(plugin: object) -> bool:
    """Return whether *plugin* has a function that is marked as an implementation of a hook."""
    found = (inspect.getattr_static(plugin, name, None) for name in dir(plugin))
    return any(hasattr(getattr(each, "__func__", each), MARK) for each in found)
