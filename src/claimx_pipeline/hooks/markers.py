"""Marks hook specs and their implementations."""

from __future__ import annotations

import pluggy

PROJECT = "claimx_pipeline"
"""Name of the pluggy project and of the entry-point group."""


API_VERSION = "1.1"
"""Version of what plugins may use. The first number grows when something is removed that a plugin
may have used, the second when something is added."""


def leaving(hook: str, until: str, instead: str) -> DeprecationWarning:
    """Return the warning of a hook that goes, for ``@hookspec(warn_on_impl=…)``.

    Args:
        hook: Its name.
        until: The version that no longer calls it.
        instead: What a plugin is to do instead: ``implement …``.
    """
    return DeprecationWarning(f"version {until} no longer calls its hook {hook}; {instead}")


hookspec = pluggy.HookspecMarker(PROJECT)


hookimpl = pluggy.HookimplMarker(PROJECT)
