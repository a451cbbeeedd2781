"""The files of ClaimX: photos and documents that the media endpoint has links to."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from claimx_pipeline.claimx.api import ClaimxApi, missing_access
from claimx_pipeline.claimx.attachments import ATTACHMENTS, attachment_row
from claimx_pipeline.claimx.events import Event
from claimx_pipeline.claimx.links import ClaimxLinks
from claimx_pipeline.domain.entities import RowsByKind
from claimx_pipeline.domain.files import DomainFiles, LinkParts
from claimx_pipeline.errors import Problem
from claimx_pipeline.media.codec import FileCodec
from claimx_pipeline.media.messages import DownloadTask, file_version
from claimx_pipeline.media.paths import target_path
from claimx_pipeline.settings.tree.settings import Settings

NAME = "claimx"
"""The domain: owner of its files."""

KEY = "project_id"
"""What messages call the key of an event."""


def download_tasks(
    event: Event, rows: RowsByKind, settings: Settings, now: datetime
) -> list[DownloadTask]:
    """Return the tasks to fetch the files of *event*; one without a link has none."""
    tasks = []
    for row in rows.media:
        if not (link := row.get("full_download_link")):
            continue
        media_id, project_id = str(row["media_id"]), str(row["project_id"])
        name = row.get("file_name") or ""
        task = DownloadTask(
            media_id=media_id,
            key=project_id,
            key_name=KEY,
            event_id=event.event_id,
            download_url=link,
            blob_path=target_path(settings.claimx.media.path, project_id, media_id, name),
            file_type=row.get("file_type") or "",
            file_name=name,
            owner=NAME,
            created_at=now,
            expires_at=row.get("expires_at"),
            file_version=file_version(row.get("taken_date")),
        )
        tasks.append(task)
    return tasks


def links(parts: LinkParts) -> ClaimxLinks:
    """Return what asks the ClaimX API for new links."""
    return ClaimxLinks(ClaimxApi(parts.settings.claimx.api, parts.clock, parts.connections.metrics))


def _hosts(settings: Settings) -> Sequence[str]:
    return settings.claimx.media.allowed_hosts


def _check(settings: Settings, worker: str) -> list[Problem]:
    return missing_access(settings.claimx.api, worker)


FILES = DomainFiles(
    key_name=KEY,
    tasks=download_tasks,
    hosts=_hosts,
    links=links,
    table=ATTACHMENTS,
    row=attachment_row,
    settings=("claimx",),
    check=_check,
    cache_folder="",  # it had the cache for itself, and messages name paths in it
)

CODEC = FileCodec(KEY, NAME)
"""Reads and writes the messages of its files."""
