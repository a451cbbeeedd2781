"""Of which domains a plugin hears, as it says itself."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator
from typing import Any

from claimx_pipeline.errors import ClaimxError, Problem


def domains_of(plugin: Any) -> tuple[str, ...] | None:
    """Return the domains that *plugin*, an object or a module, names; None for every one.

    Raises:
        ClaimxError: What it says is not names.
    """
    said = getattr(plugin, "domains", None)
    if said is None:
        return None
    if isinstance(said, str):
        return (said,)
    if not isinstance(said, (tuple, list, set, frozenset)) or not all(
        isinstance(name, str) for name in said
    ):
        raise ClaimxError(
            f"its 'domains' are {said!r:.60}; write the names of domains, such as ('claimx',), or "
            "None for all"
        )
    return tuple(said)


def unheard(plugins: Iterable[tuple[str, Any]], domains: Collection[str]) -> Iterator[Problem]:
    """Yield a warning for each plugin that hears of no domain.

    Args:
        plugins: The loaded plugins by name.
        domains: The names of the domains that are loaded.
    """
    for name, plugin in plugins:
        wanted = domains_of(plugin)
        if wanted is None or not {*domains}.isdisjoint(wanted):
            continue
        named = f"only {', '.join(map(repr, wanted))}" if wanted else "none"
        yield Problem(
            f"plugins.{name}",
            f"its 'domains' name {named}, and loaded are {', '.join(domains)}, so events and files "
            "never reach it",
        )
