"""The table of files as they are stored, and the row of each."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from claimx_pipeline.delta.spec import DATE, LONG, STRING, TIMESTAMP, Column, TableSpec
from claimx_pipeline.media.messages import DownloadResult

ATTACHMENTS = TableSpec(
    name="claimx_attachments",
    summary="Files of a claim, as they lie in the object store",
    mode="merge",
    key=("media_id",),
    bucket_column="project_id",
    # A failure has none: it never replaces a file that is stored.
    answer_time="completed_at",
    columns=(
        Column("media_id", STRING, nullable=False, doc="As in claimx_attachment_metadata"),
        Column("project_id", STRING, nullable=False, doc="The claim"),
        Column("status", STRING, doc="completed, failed or failed_permanent"),
        Column("error", STRING, doc="Why it is not stored; empty if it is"),
        Column("blob_path", STRING, doc="Where it lies, below storage.files.root"),
        Column("file_type", STRING, doc="For example jpg, as ClaimX says"),
        Column("file_name", STRING, doc="Name of the file, as ClaimX says"),
        Column("content_type", STRING, doc="What it is; from its first bytes and its host"),
        Column("bytes_downloaded", LONG, doc="Size"),
        Column("checksum", STRING, doc="SHA-256 of its contents, hexadecimal"),
        Column("media_type", STRING, doc="The same as file_type"),
        Column("media_name", STRING, doc="The same as file_name"),
        Column("download_url", STRING, bookkeeping=True, doc="Signed link; it has expired"),
        Column("downloaded_at", TIMESTAMP, bookkeeping=True, doc="When it was fetched"),
        Column("completed_at", TIMESTAMP, bookkeeping=True, doc="When it was stored"),
        Column("event_id", STRING, bookkeeping=True, doc="Event that it was fetched for last"),
        Column("created_at", TIMESTAMP, bookkeeping=True, doc="When the row was first made"),
        Column("created_date", DATE, bookkeeping=True, doc="UTC date of created_at"),
        Column("updated_at", TIMESTAMP, bookkeeping=True, doc="When the row was last made"),
    ),
)


def attachment_row(result: DownloadResult, now: datetime) -> dict[str, Any]:
    """Return the row that *result* makes, *now* being when."""
    completed = result.status == "completed"
    return {
        "media_id": result.media_id,
        "project_id": result.project_id,
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
