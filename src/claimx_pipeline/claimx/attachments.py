"""The table of files as they are stored, and the row of each."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from claimx_pipeline.delta.spec import DATE, LONG, STRING, TIMESTAMP, Column, TableSpec
from claimx_pipeline.media.messages import DownloadResult

ATTACHMENTS = TableSpec(
    name="claimx_attachments",
    summary="Files of a claim, as they lie in the object store",
    doc=(
        "Written by the worker `results` from `claimx.downloads.results`, for the files that "
        "the pipeline itself asked for. A failure never replaces a file that is stored."
    ),
    mode="merge",
    key=("media_id",),
    bucket_column="project_id",
    # A failure has none: it never replaces a file that is stored.
    answer_time="completed_at",
    columns=(
        Column(
            "media_id",
            STRING,
            nullable=False,
            source="`media_id` of the result",
            doc="ClaimX's id of the file; see claimx_attachment_metadata",
        ),
        Column(
            "project_id",
            STRING,
            nullable=False,
            source="`project_id` of the result",
            doc="The claim; see claimx_projects",
        ),
        Column(
            "status",
            STRING,
            source="`status` of the result",
            doc="completed, failed or failed_permanent",
        ),
        Column(
            "error",
            STRING,
            source="`error_message` of the result",
            doc="Why it is not stored; empty if it is",
        ),
        Column(
            "blob_path",
            STRING,
            source="`blob_path` of the result",
            doc="Path in the object store, below storage.files.root",
        ),
        Column(
            "file_type",
            STRING,
            source="`file_type` of the result: ClaimX's `mediaType`",
            doc="For example jpg, as ClaimX says",
        ),
        Column(
            "file_name",
            STRING,
            source="`file_name` of the result: ClaimX's `mediaName`",
            doc="Name of the file, as ClaimX says",
        ),
        Column(
            "content_type",
            STRING,
            source="`content_type` of the result",
            doc="What the file is, found by its first bytes and its host",
        ),
        Column(
            "bytes_downloaded",
            LONG,
            source="`bytes_uploaded` of the result, if completed",
            doc="Size in bytes; null if it is not stored",
        ),
        Column(
            "checksum",
            STRING,
            source="`checksum` of the result",
            doc="SHA-256 of its contents, hexadecimal",
        ),
        Column(
            "media_type", STRING, source="`file_type` of the result", doc="The same as file_type"
        ),
        Column(
            "media_name", STRING, source="`file_name` of the result", doc="The same as file_name"
        ),
        Column(
            "download_url",
            STRING,
            bookkeeping=True,
            source="`download_url` of the result: ClaimX's `fullDownloadLink`",
            doc="Signed link; it has expired",
        ),
        Column(
            "downloaded_at",
            TIMESTAMP,
            bookkeeping=True,
            source="`downloaded_at` of the result",
            doc="When it was fetched",
        ),
        Column(
            "completed_at",
            TIMESTAMP,
            bookkeeping=True,
            source="`created_at` of the result, if completed",
            doc="When it was stored; null if it is not",
        ),
        Column(
            "event_id",
            STRING,
            bookkeeping=True,
            source="`event_id` of the result",
            doc="Event that it was fetched for last; see claimx_events",
        ),
        Column(
            "created_at",
            TIMESTAMP,
            bookkeeping=True,
            source="the clock of the `results` worker",
            doc="When the row was first made",
        ),
        Column(
            "created_date",
            DATE,
            bookkeeping=True,
            source="created_at",
            doc="UTC date of created_at",
        ),
        Column(
            "updated_at",
            TIMESTAMP,
            bookkeeping=True,
            source="the clock of the `results` worker",
            doc="When the row was last made",
        ),
    ),
)


def attachment_row(result: DownloadResult, now: datetime) -> dict[str, Any]:
    """Return the row that *result* makes, *now* being when."""
    completed = result.status == "completed"
    return {
        "media_id": result.media_id,
        "project_id": result.key,
        "status": result.status,
        "error": "" if completed else result.error_message or "unknown",
        "blob_path": result.blob_path,
        "file_type": result.file_type or None,
        "file_name": result.file_name or None,
        "content_type": result.content_type or None,
        "bytes_downloaded": result.bytes_uploaded if completed else None,
        "checksum": result.checksum or None,
        "media_type": result.file_type or None,
        "media_name": result.file_name or None,
        "download_url": result.download_url,
        "downloaded_at": result.downloaded_at,
        "completed_at": result.created_at if completed else None,
        "event_id": result.event_id,
        "created_at": now,
        "created_date": now.date(),
        "updated_at": now,
    }
