"""``claimx_itel_attachments``: the photos of each cabinet form, and where they were stored."""

from __future__ import annotations

from typing import Final

from claimx_pipeline import BOOL, INT, LONG, STRING, TIMESTAMP, Column, TableSpec

ATTACHMENTS: Final = TableSpec(
    name="claimx_itel_attachments",
    summary="One row per photo of an assignment's cabinet form, with where it is stored.",
    mode="merge",
    key=("assignment_id", "media_id"),
    answer_time="ingested_at",
    # A file that is stored stays stored: a failure has no such time and replaces nothing.
    event_columns=dict.fromkeys(("blob_path", "status", "error", "media_type"), "stored_at"),
    columns=(
        Column("assignment_id", LONG, nullable=False, doc="The task somebody was given."),
        Column("project_id", STRING, doc="ClaimX project."),
        Column("event_id", STRING, bookkeeping=True, doc="The last event with something new."),
        Column("control_id", STRING, doc="The form's control; not unique in a form."),
        Column("question_key", STRING, doc="Stable name of the question."),
        Column("question_text", STRING, doc="The question as it was worded."),
        Column("topic_category", STRING, doc="Heading of the question."),
        Column("media_id", STRING, nullable=False, doc="The photo in ClaimX."),
        Column("display_order", INT, doc="Place among the photos of its question, from 1."),
        Column("is_active", BOOL, doc="Part of the form when it was last read."),
        Column("media_type", STRING, doc="What the file is; until it is known, a photo."),
        Column("blob_path", STRING, doc="Path in the object store; null until it is there."),
        Column("status", STRING, doc="completed, failed or failed_permanent; null on its way."),
        Column("error", STRING, doc="Why it is not stored; empty if it is."),
        Column("stored_at", TIMESTAMP, bookkeeping=True, doc="When it was stored."),
        Column("ingested_at", TIMESTAMP, bookkeeping=True, doc="When ClaimX answered."),
        Column("created_at", TIMESTAMP, bookkeeping=True, doc="When this row was made."),
        Column("updated_at", TIMESTAMP, bookkeeping=True, doc="When it was changed last."),
    ),
)
