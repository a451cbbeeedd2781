"""The kinds of entity that ClaimX events bring to light, one file each.

A file holds the kind's columns with where each value comes from, and how its rows are made.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from claimx_pipeline.claimx.entities.contact import CONTACTS
from claimx_pipeline.claimx.entities.external_link import EXTERNAL_LINKS, link_rows
from claimx_pipeline.claimx.entities.media import MEDIA
from claimx_pipeline.claimx.entities.origin import Provenance
from claimx_pipeline.claimx.entities.project import PROJECTS
from claimx_pipeline.claimx.entities.task import TASKS, task_rows
from claimx_pipeline.claimx.entities.task_template import TASK_TEMPLATES, template_rows
from claimx_pipeline.claimx.entities.video_collab import VIDEO_COLLAB
from claimx_pipeline.domain.entities import EntityRow, RowsByKind, rows_of
from claimx_pipeline.domain.kinds import EntityKind

__all__ = ["FROM_TASK", "KINDS", "EntityRow", "EntityRows"]

KINDS: tuple[EntityKind, ...] = (
    PROJECTS,
    CONTACTS,
    MEDIA,
    TASK_TEMPLATES,
    TASKS,
    EXTERNAL_LINKS,
    VIDEO_COLLAB,
)
"""Every kind, parents before children: in this order they are written."""

RowsOfTask = Callable[[dict[str, Any], int, str, Provenance], list[EntityRow]]
"""Returns a kind's rows from a task's answer, its assignment, its project and their origin."""

FROM_TASK: tuple[tuple[EntityKind, RowsOfTask], ...] = (
    (TASK_TEMPLATES, template_rows),
    (TASKS, task_rows),
    (EXTERNAL_LINKS, link_rows),
)
"""Kinds whose rows are in a task's answer, and what makes them."""


@rows_of(KINDS)
class EntityRows(RowsByKind):
    """Rows of each kind, parents before children; ``rows.projects`` is a list of rows."""
