"""What makes a plugin that was found one that cannot be loaded."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

import pluggy

from claimx_pipeline.errors import ClaimxError, Problem
from claimx_pipeline.hooks.markers import API_VERSION
from claimx_pipeline.settings.loading.unresolved import Unresolved, missing_of
from claimx_pipeline.settings.nearest import nearest

CORE = "core"
"""Name under which the pipeline's own parts are registered."""


def check_name(name: str, found: int) -> None:
    """See that *name* is one plugin's, and no word of the settings.

    Raises:
        ClaimxError: It is not.
    """
    if found > 1:
        raise ClaimxError("each of them has a plugin of this name; rename or remove one")
    if name in (CORE, "dir"):
        raise ClaimxError("this name has a meaning of its own; give the plugin another")


@contextmanager
def as_sentence(manager: pluggy.PluginManager) -> Iterator[None]:
    """Say in one sentence which implementation of a plugin is not that of a hook.

    Raises:
        ClaimxError: One is not.
    """
    try:
        yield
    except pluggy.PluginValidationError as error:
        text = str(error)
        if (unknown := re.match(r"unknown hook '(\w+)'", text)) is not None:
            name = unknown[1]
            near = nearest(name, (each for each in dir(manager.hook) if each[:1] != "_"))
            hint = f"; did you mean {near!r}?" if near else ""
            raise ClaimxError(f"there is no hook {name!r}{hint}") from error
        lines = [line.strip() for line in text.splitlines()]
        raise ClaimxError(" ".join(line for line in lines if line)) from error


def refuse_order(manager: pluggy.PluginManager, plugin: Any) -> None:
    """Refuse what is written to wrap other implementations, or to be called before or after them.

    They are called one by one, in the order of priority.

    Raises:
        ClaimxError: An implementation asks for it.
    """
    for caller in manager.get_hookcallers(plugin) or ():
        for each in caller.get_hookimpls():
            if each.plugin is not plugin:
                continue
            if each.wrapper or each.hookwrapper:
                raise ClaimxError(f"{caller.name} cannot be a wrapper; remove 'wrapper=True'")
            for option in ("tryfirst", "trylast"):
                if getattr(each, option):
                    raise ClaimxError(
                        f"{caller.name} cannot be called by {option!r}; remove '{option}=True' and "
                        "give the plugin a 'priority': lower runs first"
                    )


def check_api(required: object) -> None:
    """See that a plugin written for version *required* of the API works with this one.

    Raises:
        ClaimxError: It does not, or *required* is not a valid version.
    """
    if not required:
        return
    parts = str(required).split(".")
    if not re.fullmatch(r"[0-9]{1,9}(\.[0-9]{1,9})?", str(required)):
        raise ClaimxError(f"requires_api is {required!r}; write a version such as '1.0'")
    major, minor = int(parts[0]), int(parts[1]) if len(parts) > 1 else 0
    our_major, our_minor = (int(part) for part in API_VERSION.split("."))
    if major != our_major or minor > our_minor:
        other = "claimx-pipeline" if (major, minor) > (our_major, our_minor) else "the plugin"
        raise ClaimxError(
            f"it is written for version {required} of the plugin API and this is version "
            f"{API_VERSION}; install a newer {other.removeprefix('the ')}"
        )


def unresolved_in(config: Any, where: str) -> Iterable[Problem]:
    """Yield a problem for each setting in *config*, at *where*, that waits for a variable."""
    if isinstance(config, Unresolved):
        said = ", ".join(f"{each.variable} {each.reason}" for each in missing_of(config))
        yield Problem(where, f"{said}; set it, or give the setting a value in the file")
    elif isinstance(config, Mapping):
        for name, value in config.items():
            yield from unresolved_in(value, f"{where}.{name}")
    elif isinstance(config, (list, tuple)):
        for index, value in enumerate(config):
            yield from unresolved_in(value, f"{where}[{index}]")
