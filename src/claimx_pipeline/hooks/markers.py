"""Marks hook specs and their implementations."""

from __future__ import annotations

import pluggy

PROJECT = "claimx_pipeline"
"""Name of the pluggy project and of the entry-point group."""


API_VERSION = "1.0"
"""Version of what plugins may use. The first number changes when something is removed."""


hookspec = pluggy.HookspecMarker(PROJECT)


hookimpl = pluggy.HookimplMarker(PROJECT)
