"""The tables of the ClaimX domain, and which kind of entity goes into which."""

from __future__ import annotations

from collections.abc import Mapping
from types import MappingProxyType

from claimx_pipeline.claimx.entity_tables import (
    CONTACTS,
    EXTERNAL_LINKS,
    MEDIA,
    PROJECTS,
    TASK_TEMPLATES,
    TASKS,
    VIDEO_COLLAB,
)
from claimx_pipeline.claimx.event_tables import EVENT_LOG, EVENTS, ROW_COUNT_COLUMNS
from claimx_pipeline.delta.spec import TableSpec
from claimx_pipeline.media.attachments import ATTACHMENTS

__all__ = [
    "ATTACHMENTS",
    "CONTACTS",
    "ENTITY_TABLES",
    "EVENTS",
    "EVENT_LOG",
    "EXTERNAL_LINKS",
    "KIND_TABLES",
    "MEDIA",
    "PROJECTS",
    "ROW_COUNT_COLUMNS",
    "TABLES",
    "TASKS",
    "TASK_TEMPLATES",
    "VIDEO_COLLAB",
]

ENTITY_TABLES: Mapping[str, TableSpec] = MappingProxyType(
    {
        "projects": PROJECTS,
        "contacts": CONTACTS,
        "media": MEDIA,
        "task_templates": TASK_TEMPLATES,
        "tasks": TASKS,
        "external_links": EXTERNAL_LINKS,
        "video_collab": VIDEO_COLLAB,
    }
)
"""Kind of entity to its table, parents before children: in this order they are written."""

KIND_TABLES: Mapping[str, str] = MappingProxyType(
    {kind: table.name for kind, table in ENTITY_TABLES.items()}
)
"""Kind of entity to the name of its table, in the order they are written."""

TABLES: tuple[TableSpec, ...] = (EVENTS, EVENT_LOG, *ENTITY_TABLES.values(), ATTACHMENTS)
"""Every table of the domain."""
