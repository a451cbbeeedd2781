"""API answers as rows of the entity tables, one module per answer."""

from __future__ import annotations

from claimx_pipeline.claimx.rows.fields import Provenance, Unreadable
from claimx_pipeline.claimx.rows.media import media_id_of, media_row
from claimx_pipeline.claimx.rows.project import autolink_failure_row, contact_rows, project_row
from claimx_pipeline.claimx.rows.task import (
    link_contact_row,
    link_row,
    task_project_id,
    task_row,
    template_row,
    with_link_contact,
)
from claimx_pipeline.claimx.rows.video import video_of, video_row

__all__ = [
    "Provenance",
    "Unreadable",
    "autolink_failure_row",
    "contact_rows",
    "link_contact_row",
    "link_row",
    "media_id_of",
    "media_row",
    "project_row",
    "task_project_id",
    "task_row",
    "template_row",
    "video_of",
    "video_row",
    "with_link_contact",
]
