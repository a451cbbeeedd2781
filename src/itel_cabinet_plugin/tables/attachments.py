"""``claimx_itel_attachments``: the photos of each cabinet form, and where they were stored."""

from __future__ import annotations

from typing import Final

from claimx_pipeline.tables import BOOL, INT, LONG, STRING, TIMESTAMP, Column, TableSpec

ATTACHMENTS: Final = TableSpec(
    name="claimx_itel_attachments",
    summary="One row per photo of an assignment's cabinet form, with where it is stored.",
    doc=(
        "The worker `itel-tracking` writes a row for each photo that the form names, `itel- "
        "media` adds from `claimx.downloads.results` where the photo was stored, or why not."
    ),
    mode="merge",
    key=("assignment_id", "media_id"),
    answer_time="ingested_at",
    # A file that is stored stays stored: a failure has no such time and replaces nothing.
    event_columns=dict.fromkeys(("blob_path", "status", "error", "media_type"), "stored_at"),
    columns=(
        Column(
            "assignment_id",
            LONG,
            nullable=False,
            source="the task; `owner_ref` of the result",
            doc="The task assignment; see claimx_itel_forms.",
        ),
        Column(
            "project_id",
            STRING,
            source="the task; `project_id` of the result",
            doc="The claim; see claimx_projects.",
        ),
        Column(
            "event_id",
            STRING,
            bookkeeping=True,
            source="the event",
            doc="The last event with something new; see claimx_events.",
        ),
        Column(
            "control_id",
            STRING,
            source="`formControl.id` of the question",
            doc="The form's control; not unique in a form.",
        ),
        Column(
            "question_key",
            STRING,
            source="the plugin's list of questions, else the question's text",
            doc="Stable name of the question.",
        ),
        Column(
            "question_text",
            STRING,
            source="`questionText` of the question",
            doc="The question as it was worded.",
        ),
        Column(
            "topic_category",
            STRING,
            source="the plugin's list of questions, else the group's and question's words",
            doc="Heading of the question.",
        ),
        Column(
            "media_id",
            STRING,
            nullable=False,
            source="`claimMediaIds` of the answer",
            doc="ClaimX's id of the photo; see claimx_attachment_metadata.",
        ),
        Column(
            "display_order",
            INT,
            source="position in `claimMediaIds`",
            doc="Position among the photos of its question, from 1.",
        ),
        Column(
            "is_active",
            BOOL,
            source="true: the form that was read has it",
            doc="Part of the form when it was last read.",
        ),
        Column(
            "media_type",
            STRING,
            source="`content_type` of the result",
            doc="What the file is; until it is known, a photo.",
        ),
        Column(
            "blob_path",
            STRING,
            source="`blob_path` of the result, if completed",
            doc="Path in the object store; null until it is there.",
        ),
        Column(
            "status",
            STRING,
            source="`status` of the result",
            doc="completed, failed or failed_permanent; null on its way.",
        ),
        Column(
            "error",
            STRING,
            source="`error_message` of the result",
            doc="Why it is not stored; empty if it is, null on its way.",
        ),
        Column(
            "stored_at",
            TIMESTAMP,
            bookkeeping=True,
            source="`created_at` of the result, if completed",
            doc="When it was stored.",
        ),
        Column(
            "ingested_at",
            TIMESTAMP,
            bookkeeping=True,
            source="the time of ClaimX's answer",
            doc="When ClaimX answered.",
        ),
        Column(
            "created_at",
            TIMESTAMP,
            bookkeeping=True,
            source="the clock of the `itel-tracking` worker",
            doc="When this row was made.",
        ),
        Column(
            "updated_at",
            TIMESTAMP,
            bookkeeping=True,
            source="the clock of the `itel-tracking` worker",
            doc="When it was changed last.",
        ),
    ),
)
