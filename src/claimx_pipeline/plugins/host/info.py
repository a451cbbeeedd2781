"""What is known of one plugin that was found."""

from __future__ import annotations

from typing import Literal

from attrs import frozen

DEFAULT_PRIORITY = 100

State = Literal["loaded", "disabled", "failed"]


@frozen
class PluginInfo:
    """One plugin as ``claimx-run plugins list`` shows it."""

    name: str
    """What it is called."""
    origin: str
    """Distribution and version, or the file it was read from."""
    state: State
    """``loaded``, ``disabled`` or ``failed``."""
    priority: int = DEFAULT_PRIORITY
    """Lower runs first."""
    hooks: tuple[str, ...] = ()
    """Hooks that it implements."""
    problem: str = ""
    """Why it could not be loaded."""
    version: str = ""
    """Its version."""
    timeout_seconds: float = 5.0
    """How long it may take over one event."""
    description: str = ""
    """One line."""
    domains: tuple[str, ...] | None = None
    """Domains whose events and files it wants to see; None for those of all."""
