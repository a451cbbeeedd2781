"""ClaimX as a domain, registered as a plugin would register its own."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import datetime

from claimx_pipeline.broker.protocol import OutRecord
from claimx_pipeline.claimx.api import ClaimxApi, connection_settings, missing_access
from claimx_pipeline.claimx.entities import KINDS, EntityRows
from claimx_pipeline.claimx.event_tables import EVENT_LOG, EVENTS, event_columns
from claimx_pipeline.claimx.events import Event, decode_event
from claimx_pipeline.claimx.handlers import core_handlers
from claimx_pipeline.claimx.project_actions import CREATE_TASK
from claimx_pipeline.claimx.reader import ClaimxReader
from claimx_pipeline.claimx.tables import ATTACHMENTS
from claimx_pipeline.domain.domain import Domain, ReaderParts
from claimx_pipeline.domain.entities import RowsByKind
from claimx_pipeline.domain.events import Decode
from claimx_pipeline.errors import Problem
from claimx_pipeline.media.messages import DownloadTask, task_record
from claimx_pipeline.media.paths import target_path
from claimx_pipeline.settings.tree.connections import CLAIMX_API, ConnectionSettings
from claimx_pipeline.settings.tree.settings import Settings

__all__ = ["CLAIMX"]


def decoder(settings: Settings) -> Decode:  # noqa: ARG001 - the same for all settings
    """Return the function that reads raw events."""
    return decode_event


def reader(parts: ReaderParts) -> ClaimxReader:
    """Return what asks the API for handlers."""
    settings = parts.settings.claimx.api
    return ClaimxReader.of(ClaimxApi(settings, parts.clock), settings, parts.clock)


def check(settings: Settings, worker: str) -> list[Problem]:
    """Return what is missing before *worker* can ask the API."""
    return missing_access(settings.claimx.api, worker)


def downloads(
    event: Event, rows: RowsByKind, settings: Settings, now: datetime
) -> Sequence[OutRecord]:
    """Return the tasks to fetch the files of an event; one without a link has none."""
    template = settings.claimx.media.path
    tasks = []
    for row in rows.media:
        if not (link := row.get("full_download_link")):
            continue
        media_id, project_id = str(row["media_id"]), str(row["project_id"])
        name = row.get("file_name") or ""
        task = DownloadTask(
            media_id=media_id,
            project_id=project_id,
            event_id=event.event_id,
            download_url=link,
            blob_path=target_path(template, project_id, media_id, name),
            file_type=row.get("file_type") or "",
            file_name=name,
            created_at=now,
            expires_at=row.get("expires_at"),
        )
        tasks.append(task_record(task))
    return tasks


def connections(settings: Settings) -> Mapping[str, ConnectionSettings]:
    """Return the connection to the API, if the settings have one."""
    api = settings.claimx.api
    return {CLAIMX_API: connection_settings(api)} if api.base_url is not None else {}


CLAIMX = Domain(
    name="claimx",
    summary="Claims: projects, contacts, media and tasks, asked from the ClaimX API",
    title="ClaimX",
    key_name="project_id",
    event=Event,
    decoder=decoder,
    kinds=KINDS,
    rows=EntityRows,
    events_table=EVENTS,
    event_columns=event_columns,
    event_log=EVENT_LOG,
    tables=(ATTACHMENTS,),
    handlers=core_handlers,
    reader=reader,
    needs=("claimx.api", "claimx.media.path"),
    check=check,
    downloads=downloads,
    connections=connections,
    actions=(CREATE_TASK,),
    worker_prefix="",
    formerly={
        "ingest": frozenset({"event_ingester"}),
        "events": frozenset({"delta_events_writer"}),
        "enrichment": frozenset({"enrichment_worker"}),
        "entities": frozenset({"entity_delta_writer"}),
    },
)
"""The first domain: its workers have no prefix."""
