"""The domain's tables: its events, what became of each, and its attachments."""

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

import msgspec

from claimx_pipeline.domain import event_log
from claimx_pipeline.media import DownloadResult
from claimx_pipeline.tables import DATE, LONG, STRING, TIMESTAMP, Column, TableSpec
from xact_domain.events import XactEvent, as_text
from xact_domain.ids import without_signature

KEY = "trace_id"
"""The domain's word for the key of an event."""

SAID = {
    "description": "description",
    "assignment_id": "assignmentId",
    "original_assignment_id": "originalAssignmentId",
    "xn_address": "xnAddress",
    "carrier_id": "carrierId",
    "estimate_version": "estimateVersion",
    "note": "note",
    "author": "author",
    "sender_reviewer_name": "senderReviewerName",
    "sender_reviewer_email": "senderReviewerEmail",
    "carrier_reviewer_name": "carrierReviewerName",
    "carrier_reviewer_email": "carrierReviewerEmail",
    "event_datetime_mdt": "dateTime",
    "claim_number": "adm.coverageLoss.claimNumber",
    "contact_type": "contact.type",
    "contact_name": "contact.name",
    "contact_phone_type": "contact.contactMethods.phone.type",
    "contact_phone_number": "contact.contactMethods.phone.number",
    "contact_phone_extension": "contact.contactMethods.phone.extension",
    "contact_email_address": "contact.contactMethods.email.address",
}
"""Column of the events table to where its text is in the event's ``data``."""

EVENTS = TableSpec(
    name="xact_events",
    summary="Every status notification as it came, one row per event id",
    mode="append",
    key=("event_id",),
    event_time="ingested_at",
    partition_by=("event_date",),
    columns=(
        Column("type", STRING, nullable=False, doc="Dotted type of the event"),
        Column("status_subtype", STRING, doc="Last part of the type: documentsReceived"),
        Column("version", STRING, doc="Version of the event's form"),
        Column("ingested_at", TIMESTAMP, nullable=False, doc="The source's time, utcDateTime"),
        Column("event_date", DATE, nullable=False, doc="UTC date of ingested_at"),
        Column(KEY, STRING, nullable=False, doc="The source's id of the event"),
        Column("event_id", STRING, nullable=False, doc="Id of the event, the same everywhere"),
        *(Column(name, STRING, doc=f"data.{path}") for name, path in SAID.items()),
        Column("attachments", STRING, doc="Links without their signatures, a JSON array"),
        Column("raw_json", STRING, doc="The event as JSON: traceId, data as an object"),
        Column("created_at", TIMESTAMP, bookkeeping=True, doc="When the row was made"),
        Column("created_date", DATE, bookkeeping=True, doc="UTC date of created_at"),
    ),
)

EVENT_LOG = event_log(
    "xact_event_log",
    key_name=KEY,
    kinds=(),
    events_table=EVENTS.name,
    key_doc="The source's id of the event",
    example="verisk.claims.property.xn.documentsReceived",
)

ATTACHMENTS = TableSpec(
    name="xact_attachments",
    summary="Attachments, as they are in the object store, or why they are not",
    mode="merge",
    key=("media_id",),
    bucket_column=KEY,
    # A failure has none: it never replaces a file that is stored.
    answer_time="completed_at",
    columns=(
        Column("media_id", STRING, nullable=False, doc="Id of the file"),
        Column(KEY, STRING, nullable=False, doc="The event that it came with"),
        Column("assignment_id", STRING, doc="The assignment"),
        Column("status_subtype", STRING, doc="What the event was about"),
        Column("attachment_url", STRING, doc="Its link, without the signature"),
        Column("status", STRING, doc="completed, failed or failed_permanent"),
        Column("error", STRING, doc="Why it is not stored; empty if it is"),
        Column("blob_path", STRING, doc="Path below the root of the domain's files"),
        Column("file_type", STRING, doc="Its extension in capitals, or UNKNOWN"),
        Column("file_name", STRING, doc="What it is called at the source"),
        Column("content_type", STRING, doc="What it is"),
        Column("bytes_downloaded", LONG, doc="Size in bytes; null if it is not stored"),
        Column("checksum", STRING, doc="SHA-256 of its contents, hexadecimal"),
        Column("downloaded_at", TIMESTAMP, bookkeeping=True, doc="When it was fetched"),
        Column("completed_at", TIMESTAMP, bookkeeping=True, doc="When it was stored"),
        Column("event_id", STRING, bookkeeping=True, doc="The event, see xact_events"),
        Column("created_at", TIMESTAMP, bookkeeping=True, doc="When the row was first made"),
        Column("updated_at", TIMESTAMP, bookkeeping=True, doc="When it was last made"),
    ),
)


def event_columns(
    events: Sequence[XactEvent], values: Sequence[bytes | None], now: datetime
) -> dict[str, list[Any]]:
    """Return the rows of *events*, made at *now*, by column."""
    columns: dict[str, Callable[[XactEvent], Any]] = {
        "type": lambda event: event.event_type,
        "status_subtype": lambda event: event.status_subtype,
        "version": lambda event: event.version,
        "ingested_at": lambda event: event.ingested_at,
        "event_date": lambda event: event.ingested_at.date(),
        KEY: lambda event: event.trace_id,
        "event_id": lambda event: event.event_id,
        "attachments": _links,
        "raw_json": lambda event: bytes(event.payload).decode(),
        "created_at": lambda _: now,
        "created_date": lambda _: now.date(),
    }
    rows = {name: [read(event) for event in events] for name, read in columns.items()}
    said = {name: [_at(event.data, path) for event in events] for name, path in SAID.items()}
    return rows | said


def _at(data: Any, path: str) -> str | None:
    """Return the text at a dotted path; None if there is nothing."""
    for key in path.split("."):
        data = data.get(key) if isinstance(data, dict) else None
    return as_text(data)


def _links(event: XactEvent) -> str | None:
    links = [without_signature(link.strip()) for link in event.attachments]
    return msgspec.json.encode(links).decode() if links else None


def attachment_row(result: DownloadResult, now: datetime) -> dict[str, Any]:
    """Return the row of what became of a file, made at *now*."""
    completed = result.status == "completed"
    facts = msgspec.json.decode(result.owner_ref) if result.owner_ref else {}
    return {
        "media_id": result.media_id,
        KEY: result.key,
        "assignment_id": facts.get("assignment_id"),
        "status_subtype": facts.get("status_subtype"),
        "attachment_url": without_signature(result.download_url),
        "status": result.status,
        "error": "" if completed else result.error_message or "unknown",
        "blob_path": result.blob_path,
        "file_type": result.file_type,
        "file_name": result.file_name or None,
        "content_type": result.content_type or None,
        "bytes_downloaded": result.bytes_uploaded if completed else None,
        "checksum": result.checksum or None,
        "downloaded_at": result.downloaded_at,
        "completed_at": result.created_at if completed else None,
        "event_id": result.event_id,
        "created_at": now,
        "updated_at": now,
    }
