"""Settings made from the environment of the system before this one."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

from claimx_pipeline.settings.former import (
    FormerSettings,
    FormerVariable,
    FoundVariable,
    settings_of,
)
from claimx_pipeline.settings.tree.settings import CORE_ENVIRONMENT

if TYPE_CHECKING:
    from claimx_pipeline.pipeline import Pipeline

__all__ = ["FormerSettings", "FormerVariable", "FoundVariable", "settings_from_environment"]


def settings_from_environment(pipeline: Pipeline, environ: Mapping[str, str]) -> FormerSettings:
    """Return settings that say what *environ* said to the former system.

    Secrets are not in them: they name the variables that hold them.

    Args:
        pipeline: The pipeline; it and its plugins know the former variables.
        environ: The former system's environment.
    """
    sections = pipeline.loaded.sections
    still_read = dict(CORE_ENVIRONMENT)
    for section in sections:
        still_read |= section.environment
    return settings_of(
        environ,
        [variable for section in sections for variable in section.former],
        still_read,
        [prefix for section in sections for prefix in section.former_prefixes],
    )
