"""What a hook that registers parts may be answered; whose answer it is not is named."""

from __future__ import annotations

import importlib
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from typing import Any

from claimx_pipeline.errors import ClaimxError, HookFailedError
from claimx_pipeline.isolation import as_failure, described
from claimx_pipeline.plugins.host.load_checks import CORE

_KINDS: Mapping[str, tuple[str, ...]] = {
    "table": ("claimx_pipeline.delta.spec:TableSpec",),
    "worker": ("claimx_pipeline.runtime.worker:WorkerSpec",),
    "query": ("claimx_pipeline.delta.querying.queries:NamedQuery",),
    "former table": ("claimx_pipeline.delta.importing.old_table:OldTable",),
    "source": (
        "claimx_pipeline.sources.protocol:SourceSpec",
        "claimx_pipeline.sources.protocol:SourceType",
    ),
    "domain extension": ("claimx_pipeline.domain.extension:DomainExtension",),
    "topic": ("claimx_pipeline.topics:Topic",),
    "part of the monitoring": (
        "claimx_pipeline.monitoring.model:Alert",
        "claimx_pipeline.monitoring.model:Dashboard",
        "claimx_pipeline.telemetry.former_names:FormerMetric",
    ),
    "problem": ("claimx_pipeline.errors:Problem",),
    "connection": ("claimx_pipeline.settings.tree.connections:ConnectionSettings",),
    "settings section": ("claimx_pipeline.settings.tree.settings:SettingsSection",),
    "command": ("claimx_pipeline.hooks.command:Command",),
}
"""What is registered to its classes, imported only where something is."""


_ADDRESS = re.compile(r" at 0x[0-9a-f]+")
"""Where an object is in memory says nothing to a reader, and differs each time."""


def called(plugin: str, hook: str, function: Callable[..., Any], *given: Any) -> Any:
    """Return what *function*, which is not ours, returns.

    Args:
        plugin: Whose it is.
        hook: What it is called for.
        function: What is called.
        given: Its arguments.

    Raises:
        ClaimxError: It raised one, which says all that there is to say.
        HookFailedError: It raised anything else.
        BaseException: A signal ends the process.
    """
    try:
        return function(*given)
    except BaseException as error:
        failure = as_failure(error, awaited=False)
        if isinstance(failure, ClaimxError):
            raise
        raise HookFailedError(plugin, hook, described(failure)) from error


def several(hook: str, plugin: str, answer: Any) -> list[Any]:
    """Return the objects that a plugin answered.

    Raises:
        HookFailedError: It cannot be iterated over, or doing so raised.
    """
    if isinstance(answer, (str, bytes, Mapping)) or not isinstance(answer, Iterable):
        raise HookFailedError(plugin, hook, f"it returned {shown(answer)}, not a list")
    found: list[Any] = called(plugin, hook, list, answer)
    return found


def require_kind(hook: str, plugin: str, each: Any, what: str) -> None:
    """See that *each* is what the hook registers.

    Raises:
        HookFailedError: It is something else, or has no name.
    """
    kinds = tuple(_imported(path) for path in _KINDS[what])
    if not isinstance(each, kinds):
        names = " or ".join(kind.__name__ for kind in kinds)
        wanted = f"not a valid {what}; return objects of the class {names}"
        raise HookFailedError(plugin, hook, f"it returned {shown(each)}, which is {wanted}")
    name = getattr(each, "name", "-")
    if not isinstance(name, str) or not name.strip():
        raise HookFailedError(plugin, hook, f"it returned a {what} with the name {name!r:.60}")


def named(hook: str, plugin: str, answer: Any, what: str) -> Mapping[str, Any]:
    """Return a mapping by name that a plugin answered.

    Raises:
        HookFailedError: It is something else, or a value cannot be used.
    """
    if not isinstance(answer, Mapping):
        raise HookFailedError(plugin, hook, f"it returned {shown(answer)}, not a mapping by name")
    for name, each in answer.items():
        if not isinstance(name, str) or not name:
            raise HookFailedError(plugin, hook, f"it returned the name {shown(name)} of a {what}")
        if problem := _unusable(each, what):
            raise HookFailedError(
                plugin, hook, f"it returned {shown(each)} as {what} {name!r}; {problem}"
            )
    return answer


def require_handler(hook: str, plugin: str, handler: Any) -> None:
    """See that *handler* has what every handler of events has.

    Raises:
        HookFailedError: It lacks something.
    """
    if (problem := next(_of_handler(handler), None)) is not None:
        what = "which is not a valid handler"
        raise HookFailedError(plugin, hook, f"it returned {shown(handler)}, {what}; {problem}")


def shown(value: Any) -> str:
    """Return a short form of *value*, whatever its own ``__repr__`` does."""
    try:
        return _ADDRESS.sub("", repr(value))[:60]
    except BaseException as error:  # noqa: BLE001 - a stranger's method; raising there must not lose the error
        as_failure(error, awaited=False)
        return f"an object of the class {type(value).__name__}"


def owner(plugin: str) -> str:
    """Return what *plugin* is called in a sentence."""
    return "the pipeline" if plugin == CORE else f"plugin {plugin!r}"


def section_of(plugin: str) -> str:
    """Return the section of the settings under which problems of *plugin* are listed."""
    return "" if plugin == CORE else f"plugins.{plugin}"


def _unusable(each: Any, what: str) -> str:
    if what == "stage":
        if not isinstance(each, type) or not callable(getattr(each, "process", None)):
            return "offer a class with the methods of a Stage"
        return ""
    return "" if callable(each) else "offer a function that makes one"


def _of_handler(handler: Any) -> Iterator[str]:
    name = getattr(handler, "name", None)
    if not isinstance(name, str) or not name:
        yield "give it a 'name'"
    for key in ("event_types", "event_prefixes"):
        types = getattr(handler, key, None)
        if isinstance(types, str) or not isinstance(types, Iterable):
            yield f"give it {key!r}, a collection of texts"
        elif not all(isinstance(each, str) for each in types):
            yield f"its {key!r} must be texts"
    if not callable(getattr(handler, "handle", None)):
        yield "give it a method 'handle'"


def _imported(path: str) -> type[Any]:
    module, _, name = path.partition(":")
    found: type[Any] = getattr(importlib.import_module(module), name)
    return found
