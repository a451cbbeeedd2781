"""Whose events and files a plugin wants to see."""

from __future__ import annotations

from typing import Any


def domains_of(plugin: Any) -> tuple[str, ...] | None:
    """Return the names of the domains that *plugin* hears of; None for all of them."""
    named = getattr(plugin, "domains", None)
    return (named,) if isinstance(named, str) else None if named is None else tuple(named)
